// SPDX-License-Identifier: MIT
// expect: [sluice.config.duplicate]
#include <sluice/sluice.hpp>

struct app : sluice::config<sluice::timers::heap<>, sluice::timers::heap<{.first = 8}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
