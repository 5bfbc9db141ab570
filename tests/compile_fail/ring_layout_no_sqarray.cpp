// SPDX-License-Identifier: MIT
// expect: [sluice.ring.layout]
#include <sluice/sluice.hpp>

namespace ring = sluice::ring;
struct app : sluice::config<sluice::backend::io_uring<{.flags = ring::no_sqarray}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
