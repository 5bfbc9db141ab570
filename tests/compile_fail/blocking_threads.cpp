// SPDX-License-Identifier: MIT
// expect: [sluice.blocking.threads]
#include <sluice/sluice.hpp>

struct app : sluice::config<sluice::blocking::threads<{.threads = 0}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
