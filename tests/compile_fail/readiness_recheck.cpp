// SPDX-License-Identifier: MIT
// expect: [sluice.readiness.recheck]
#include <sluice/backend/epoll.hpp>
#include <sluice/sluice.hpp>

struct app : sluice::config<sluice::backend::epoll<{.recheck = std::chrono::microseconds{10}}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
