// SPDX-License-Identifier: MIT
/// @file Round trips between the two ends of a stream, both driven by one raw ring as two state machines.

#include <bench/support/cases.hpp>
#include <bench/support/net.hpp>
#include <bench/support/uring.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <utility>

#include <unistd.h>

namespace {

constexpr unsigned message = 64;

/// One end: sends or receives one whole message, then turns round.
struct end {
  bench::ring& ring;
  int socket;
  bool sending;
  unsigned moved = 0;
  std::uint64_t turns_left;
  std::array<std::byte, message> buffer{};

  void start() {
    auto* entry = ring.entry();
    if (sending) {
      io_uring_prep_send(entry, socket, buffer.data() + moved, message - moved, 0);
    } else {
      io_uring_prep_recv(entry, socket, buffer.data() + moved, message - moved, 0);
    }
    io_uring_sqe_set_data(entry, this);
  }

  /// Takes the result of what was started; false when this end has nothing left to do.
  auto finish(int result) -> bool {
    if (result <= 0) {
      std::fprintf(stderr, "%s: %s\n", sending ? "send" : "recv", std::strerror(-result));
      std::exit(1);
    }
    moved += static_cast<unsigned>(result);
    if (moved == message) {
      moved = 0;
      sending = !sending;
      if (--turns_left == 0) return false;
    }
    start();
    return true;
  }
};

void bounce(std::pair<int, int> ends, std::uint64_t trips) {
  bench::ring ring{64, 1024};
  end client{.ring = ring, .socket = ends.first, .sending = true, .turns_left = 2 * trips};
  end server{.ring = ring, .socket = ends.second, .sending = false, .turns_left = 2 * trips};
  client.start();
  server.start();
  for (int running = 2; running != 0;) {
    ring.turn(1, [&](const io_uring_cqe& done) {
      if (!static_cast<end*>(io_uring_cqe_get_data(&done))->finish(done.res)) --running;
    });
  }
  ::close(ends.first);
  ::close(ends.second);
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "ping_pong", "liburing", bench::figure::per_second};
  cases.run("over=tcp", 500'000, 1, 1000, [](std::uint64_t trips) { bounce(bench::tcp_pair(), trips); });
  cases.run("over=socketpair", 500'000, 1, 1000, [](std::uint64_t trips) { bounce(bench::local_pair(), trips); });
}
