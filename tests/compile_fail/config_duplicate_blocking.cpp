// SPDX-License-Identifier: MIT
// expect: [sluice.config.duplicate]
#include <sluice/sluice.hpp>

struct app : sluice::config<sluice::blocking::threads<>, sluice::blocking::threads<{.threads = 2}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
