// SPDX-License-Identifier: MIT
// expect: [sluice.ring.defer_taskrun]
#include <sluice/sluice.hpp>

namespace ring = sluice::ring;
struct app : sluice::config<sluice::backend::io_uring<{.flags = ring::defer_taskrun}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
