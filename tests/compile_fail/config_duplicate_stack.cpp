// SPDX-License-Identifier: MIT
// expect: [sluice.config.duplicate]
#include <sluice/sluice.hpp>
#include <sluice/stack/heap.hpp>

struct app : sluice::config<sluice::stack::guarded<>, sluice::trace::none, sluice::stack::heap<>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
