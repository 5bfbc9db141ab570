// SPDX-License-Identifier: MIT
// expect: [sluice.op.link_timeout]
// rule: 4.1
// rule: 4.6
#include <sluice/sluice.hpp>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;
using aio = sluice::aio_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;
void f() { aio::run(op::soft(op::nop{}), op::soft(op::link_timeout{.after = 1s}), op::link_timeout{.after = 2s}); }
