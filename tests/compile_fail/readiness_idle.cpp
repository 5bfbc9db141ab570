// SPDX-License-Identifier: MIT
// expect: [sluice.readiness.idle]
#include <sluice/backend/poll.hpp>
#include <sluice/sluice.hpp>

struct app : sluice::config<sluice::backend::poll<{.pool = {.idle = std::chrono::seconds{-1}}}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
