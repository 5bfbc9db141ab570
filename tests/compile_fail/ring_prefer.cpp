// SPDX-License-Identifier: MIT
// expect: [sluice.ring.prefer]
#include <sluice/sluice.hpp>

namespace ring = sluice::ring;
struct app : sluice::config<sluice::backend::io_uring<{.flags = ring::single_issuer, .prefer = ring::defer_taskrun}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
