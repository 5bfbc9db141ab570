// SPDX-License-Identifier: MIT
// expect: [sluice.readiness.events]
#include <sluice/backend/epoll.hpp>
#include <sluice/sluice.hpp>

struct app : sluice::config<sluice::backend::epoll<{.events = 0}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
