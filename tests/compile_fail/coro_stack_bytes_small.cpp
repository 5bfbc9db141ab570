// SPDX-License-Identifier: MIT
// expect: [sluice.coro.stack_bytes_small]
#include <sluice/sluice.hpp>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;

int main() {
  return coro::main([] { (void)coro::spawn(sluice::stack_bytes<100>, [] {}).join(); });
}
