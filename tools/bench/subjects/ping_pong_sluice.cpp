// SPDX-License-Identifier: MIT
/// @file Round trips between the two ends of a stream, client and server as two tasks of one scheduler.

#include <bench/support/cases.hpp>
#include <bench/support/net.hpp>
#include <sluice/sluice.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <span>
#include <utility>

#include <unistd.h>

#ifndef BENCH_BACKEND
#define BENCH_BACKEND io_uring
#endif

namespace {

namespace op = sluice::op;

struct app : sluice::config<sluice::backend::BENCH_BACKEND<>> {};
using coro = sluice::coro_of<app>;

using message = std::array<std::byte, 64>;

[[noreturn]] void give_up(const char* what) {
  std::fprintf(stderr, "%s failed\n", what);
  std::exit(1);
}

void send_all(sluice::socket_handle peer, message& text) {
  for (std::size_t moved = 0; moved < text.size();) {
    auto sent = coro::io(op::send{.socket = peer, .buffer = std::span{text}.subspan(moved)});
    if (!sent) give_up("send");
    moved += *sent;
  }
}

void receive_all(sluice::socket_handle peer, message& text) {
  for (std::size_t moved = 0; moved < text.size();) {
    auto received = coro::io(op::recv{.socket = peer, .buffer = std::span{text}.subspan(moved)});
    if (!received || *received == 0) give_up("recv");
    moved += *received;
  }
}

void bounce(std::pair<int, int> ends, std::uint64_t trips) {
  coro::run([=] {
    coro::scope both;
    both.spawn([=] {
      message text{};
      for (std::uint64_t n = 0; n < trips; ++n) {
        send_all(sluice::socket_handle{ends.first}, text);
        receive_all(sluice::socket_handle{ends.first}, text);
      }
    });
    both.spawn([=] {
      message text{};
      for (std::uint64_t n = 0; n < trips; ++n) {
        receive_all(sluice::socket_handle{ends.second}, text);
        send_all(sluice::socket_handle{ends.second}, text);
      }
    });
    (void)both.join();
  });
  ::close(ends.first);
  ::close(ends.second);
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "ping_pong", "sluice", bench::figure::per_second};
  cases.run("over=tcp", 500'000, 1, 1000, [](std::uint64_t trips) { bounce(bench::tcp_pair(), trips); });
  cases.run("over=socketpair", 500'000, 1, 1000, [](std::uint64_t trips) { bounce(bench::local_pair(), trips); });
}
