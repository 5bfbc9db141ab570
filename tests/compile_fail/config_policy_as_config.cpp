// SPDX-License-Identifier: MIT
// expect: [sluice.config.not_a_config]
#include <sluice/sluice.hpp>

using coro = sluice::coro_of<sluice::stack::guarded<>>;
int main() {
  return coro::main([] {});
}
