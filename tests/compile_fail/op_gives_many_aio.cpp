// SPDX-License-Identifier: MIT
// expect: [sluice.op.gives_many]
#include <sluice/sluice.hpp>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;
using aio = sluice::aio_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;
void f() { (void)aio::run(op::timer_many{.every = 10ms}); }
