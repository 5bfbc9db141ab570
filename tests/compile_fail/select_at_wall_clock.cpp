// SPDX-License-Identifier: MIT
// expect: [sluice.coro.clock]
#include <sluice/sluice.hpp>

#include <chrono>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] { (void)coro::select(coro::at(std::chrono::system_clock::now())); });
}
