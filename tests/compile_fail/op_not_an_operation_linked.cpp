// SPDX-License-Identifier: MIT
// expect: [sluice.op.not_an_operation]
#include <sluice/sluice.hpp>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;
using aio = sluice::aio_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;
struct thing {};
void f() { aio::run(op::soft(thing{}), op::nop{}); }
