// SPDX-License-Identifier: MIT
// expect: [sluice.coro.callable]
#include <sluice/sluice.hpp>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;

void f(coro::once& once) { (void)once.call(42); }
