// SPDX-License-Identifier: MIT
// expect: [sluice.stack.high_water]
#include <sluice/sluice.hpp>

struct app : sluice::config<sluice::stack::heap<>> {};
using coro = sluice::coro_of<app>;

int main() {
  auto home = coro::scheduler::make();
  home->report_stacks(stderr);
}
