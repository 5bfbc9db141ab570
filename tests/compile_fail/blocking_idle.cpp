// SPDX-License-Identifier: MIT
// expect: [sluice.blocking.idle]
#include <sluice/sluice.hpp>

struct app : sluice::config<sluice::blocking::threads<{.idle = std::chrono::seconds{-1}}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
