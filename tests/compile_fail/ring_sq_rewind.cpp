// SPDX-License-Identifier: MIT
// expect: [sluice.ring.sq_rewind]
#include <sluice/sluice.hpp>

namespace ring = sluice::ring;
struct app : sluice::config<sluice::backend::io_uring<{.flags = ring::sq_rewind}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
