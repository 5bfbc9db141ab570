// SPDX-License-Identifier: MIT
// expect: [sluice.poller.name]
#include <sluice/backend/epoll.hpp>
#include <sluice/sluice.hpp>

struct mine : sluice::poller::epoll {
  static void name() noexcept;
};
struct app : sluice::config<sluice::backend::readiness<mine>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
