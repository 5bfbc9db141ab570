// SPDX-License-Identifier: MIT
// expect: [sluice.config.not_a_config]
#include <sluice/sluice.hpp>

struct app {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
