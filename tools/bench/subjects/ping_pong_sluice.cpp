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

/// One end: sends or receives one whole message, then turns round.
void play(sluice::socket_handle peer, bool sending, std::uint64_t turns) {
  message text{};
  for (; turns != 0; --turns, sending = !sending) {
    for (std::size_t moved = 0; moved < text.size();) {
      const auto rest = std::span{text}.subspan(moved);
      const auto step = sending ? coro::io(op::send{.socket = peer, .buffer = rest}) : coro::io(op::recv{.socket = peer, .buffer = rest});
      if (!step || *step == 0) give_up(sending ? "send" : "recv");
      moved += *step;
    }
  }
}

void bounce(std::pair<int, int> ends, std::uint64_t trips) {
  coro::run([=] {
    coro::scope both;
    both.spawn(play, sluice::socket_handle{ends.first}, true, 2 * trips);
    both.spawn(play, sluice::socket_handle{ends.second}, false, 2 * trips);
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
