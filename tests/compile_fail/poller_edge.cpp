// SPDX-License-Identifier: MIT
// expect: [sluice.poller.edge]
#include <sluice/backend/epoll.hpp>
#include <sluice/sluice.hpp>

struct mine : sluice::poller::epoll {
  static constexpr std::string_view edge = "no";
};
struct app : sluice::config<sluice::backend::readiness<mine>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
