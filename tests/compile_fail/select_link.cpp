// SPDX-License-Identifier: MIT
// expect: [sluice.coro.select]
#include <sluice/sluice.hpp>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] { (void)coro::select(sluice::op::soft(sluice::op::nop{})); });
}
