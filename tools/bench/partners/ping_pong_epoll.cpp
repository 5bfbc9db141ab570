// SPDX-License-Identifier: MIT
/// @file Round trips between the two ends of a stream, both driven by one raw epoll set in which they are registered once.

#include <bench/support/cases.hpp>
#include <bench/support/net.hpp>
#include <bench/support/turns.hpp>

#include <array>
#include <cstdint>

#include <sys/epoll.h>

namespace {

void drive(bench::end& client, bench::end& server) {
  int set = bench::must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  for (auto* one : {&client, &server}) {
    epoll_event event{};
    event.events = EPOLLIN | EPOLLOUT | EPOLLET;
    event.data.ptr = one;
    bench::must(epoll_ctl(set, EPOLL_CTL_ADD, one->socket, &event), "epoll_ctl");
  }
  int running = 2;
  std::array<epoll_event, 8> ready;
  while (running != 0) {
    int count = epoll_wait(set, ready.data(), static_cast<int>(ready.size()), -1);
    for (int i = 0; i < count; ++i) {
      auto& one = *static_cast<bench::end*>(ready[static_cast<std::size_t>(i)].data.ptr);
      // The first edges are those of sockets that can be written.
      if (one.turns_left == 0 || (!one.sending && (ready[static_cast<std::size_t>(i)].events & EPOLLIN) == 0)) continue;
      if (!one.go_on()) --running;
    }
  }
  ::close(set);
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "ping_pong", "epoll", bench::figure::per_second};
  cases.run("over=tcp", 500'000, 1, 1000, [](std::uint64_t trips) { bench::bounce_raw(bench::tcp_pair(), trips, drive); });
  cases.run("over=socketpair", 500'000, 1, 1000, [](std::uint64_t trips) { bench::bounce_raw(bench::local_pair(), trips, drive); });
}
