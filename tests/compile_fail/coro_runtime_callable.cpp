// SPDX-License-Identifier: MIT
// expect: [sluice.coro.runtime]
#include <sluice/sluice.hpp>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;

void f() {
  auto ended = coro::runtime::run({.threads = 2}, [] {});
}
