// SPDX-License-Identifier: MIT
/// @file Round trips between the two ends of a stream, both driven by raw poll(2).

#include <bench/support/cases.hpp>
#include <bench/support/net.hpp>
#include <bench/support/turns.hpp>

#include <array>
#include <cstddef>
#include <cstdint>

#include <poll.h>

namespace {

void drive(bench::end& client, bench::end& server) {
  std::array<bench::end*, 2> ends{&client, &server};
  std::array<pollfd, 2> watched{pollfd{.fd = client.socket, .events = POLLOUT, .revents = 0},
                                pollfd{.fd = server.socket, .events = POLLIN, .revents = 0}};
  int running = 2;
  while (running != 0) {
    bench::must(::poll(watched.data(), watched.size(), -1), "poll");
    for (std::size_t i = 0; i < watched.size(); ++i) {
      if (watched[i].revents == 0) continue;
      if (ends[i]->go_on()) {
        watched[i].events = ends[i]->sending ? POLLOUT : POLLIN;
      } else {
        watched[i].fd = -1;
        --running;
      }
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "ping_pong", "poll", bench::figure::per_second};
  cases.run("over=tcp", 500'000, 1, 1000, [](std::uint64_t trips) { bench::bounce_raw(bench::tcp_pair(), trips, drive); });
  cases.run("over=socketpair", 500'000, 1, 1000, [](std::uint64_t trips) { bench::bounce_raw(bench::local_pair(), trips, drive); });
}
