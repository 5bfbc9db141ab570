// SPDX-License-Identifier: MIT
// expect: [sluice.readiness.threads]
#include <sluice/backend/poll.hpp>
#include <sluice/sluice.hpp>

struct app : sluice::config<sluice::backend::poll<{.pool = {.threads = 5000}}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
