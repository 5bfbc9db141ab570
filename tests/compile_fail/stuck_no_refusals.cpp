// SPDX-License-Identifier: MIT
// expect: [sluice.stuck.no_refusals]
#include <sluice/sluice.hpp>

struct app : sluice::config<sluice::stuck::abandon<{.refusals = 0}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
