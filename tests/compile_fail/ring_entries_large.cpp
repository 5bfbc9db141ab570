// SPDX-License-Identifier: MIT
// expect: [sluice.ring.entries]
#include <sluice/sluice.hpp>

namespace ring = sluice::ring;
struct app : sluice::config<sluice::backend::io_uring<{.entries = 40000, .prefer = ring::none}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
