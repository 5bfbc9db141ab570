// SPDX-License-Identifier: MIT
// expect: [sluice.ring.registered_fd_only]
#include <sluice/sluice.hpp>

namespace ring = sluice::ring;
struct app : sluice::config<sluice::backend::io_uring<{.flags = ring::registered_fd_only}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
