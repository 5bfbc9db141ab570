// SPDX-License-Identifier: MIT
// expect: [sluice.coro.stack_bytes]
#include <sluice/sluice.hpp>

struct app : sluice::config<sluice::stack::external<4>> {};
using coro = sluice::coro_of<app>;

int main() {
  return coro::main([] { (void)coro::spawn(sluice::stack_bytes<1 << 20>, [] {}).join(); });
}
