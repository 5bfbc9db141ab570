// SPDX-License-Identifier: MIT
// expect: [sluice.ring.sqe_mixed]
#include <sluice/sluice.hpp>

namespace ring = sluice::ring;
struct app : sluice::config<sluice::backend::io_uring<{.flags = ring::sqe128 | ring::sqe_mixed}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
