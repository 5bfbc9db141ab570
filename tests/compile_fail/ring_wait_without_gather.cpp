// SPDX-License-Identifier: MIT
// expect: [sluice.ring.wait]
#include <sluice/sluice.hpp>

namespace ring = sluice::ring;
struct app : sluice::config<sluice::backend::io_uring<{.wait = {.completions = 8}}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
