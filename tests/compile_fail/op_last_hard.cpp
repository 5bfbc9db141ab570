// SPDX-License-Identifier: MIT
// expect: [sluice.op.last_linked]
// rule: 4.1
#include <sluice/sluice.hpp>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;
using aio = sluice::aio_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;
void f() { coro::io(op::hard(op::nop{})); }
