// SPDX-License-Identifier: MIT
// expect: [sluice.stack.bytes]
#include <sluice/sluice.hpp>
#include <sluice/stack/heap.hpp>

struct app : sluice::config<sluice::stack::heap<{.bytes = 100}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
