// SPDX-License-Identifier: MIT
// expect: [sluice.ring.taskrun_flag]
#include <sluice/sluice.hpp>

namespace ring = sluice::ring;
struct app : sluice::config<sluice::backend::io_uring<{.flags = ring::taskrun_flag}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
