// SPDX-License-Identifier: MIT
// expect: [sluice.ring.hybrid_iopoll]
#include <sluice/sluice.hpp>

namespace ring = sluice::ring;
struct app : sluice::config<sluice::backend::io_uring<{.flags = ring::hybrid_iopoll}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
