// SPDX-License-Identifier: MIT
// expect: [sluice.stack.guard]
#include <sluice/sluice.hpp>

struct app : sluice::config<sluice::stack::guarded<{.guard = 0}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
