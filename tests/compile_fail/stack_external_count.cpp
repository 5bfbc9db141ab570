// SPDX-License-Identifier: MIT
// expect: [sluice.stack.count]
#include <sluice/sluice.hpp>
#include <sluice/stack/external.hpp>

struct app : sluice::config<sluice::stack::external<0>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
