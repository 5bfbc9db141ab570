// SPDX-License-Identifier: MIT
// expect: [sluice.poller.open]
#include <sluice/backend/epoll.hpp>
#include <sluice/sluice.hpp>

struct mine : sluice::poller::epoll {
  static auto open() noexcept -> int;
};
struct app : sluice::config<sluice::backend::readiness<mine>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
