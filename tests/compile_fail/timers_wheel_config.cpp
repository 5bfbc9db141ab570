// SPDX-License-Identifier: MIT
// expect: [sluice.timers.wheel_bits]
#include <sluice/sluice.hpp>
#include <sluice/timers/wheel.hpp>

struct app : sluice::config<sluice::timers::wheel<{.bits = 12}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
