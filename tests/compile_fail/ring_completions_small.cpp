// SPDX-License-Identifier: MIT
// expect: [sluice.ring.completions]
#include <sluice/sluice.hpp>

namespace ring = sluice::ring;
struct app : sluice::config<sluice::backend::io_uring<{.entries = 256, .completions = 64}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
