// SPDX-License-Identifier: MIT
// expect: [sluice.ring.cqe_mixed]
#include <sluice/sluice.hpp>

namespace ring = sluice::ring;
struct app : sluice::config<sluice::backend::io_uring<{.flags = ring::cqe32 | ring::cqe_mixed}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
