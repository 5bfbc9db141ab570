// SPDX-License-Identifier: MIT
// expect: [sluice.ring.sqpoll_cpu]
#include <sluice/sluice.hpp>

namespace ring = sluice::ring;
struct app : sluice::config<sluice::backend::io_uring<{.sqpoll = {.cpu = 1}}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
