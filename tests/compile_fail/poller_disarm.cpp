// SPDX-License-Identifier: MIT
// expect: [sluice.poller.disarm]
#include <sluice/backend/epoll.hpp>
#include <sluice/sluice.hpp>

struct mine : sluice::poller::epoll {
  template <class Os, std::uint32_t Events>
  struct set : epoll::set<Os, Events> {
    using epoll::set<Os, Events>::set;
    void disarm(int) noexcept;
  };
};
struct app : sluice::config<sluice::backend::readiness<mine>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
