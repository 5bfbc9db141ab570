// SPDX-License-Identifier: MIT
#pragma once
/// @file One end of a ping-pong by plain calls that do not wait: what the raw readiness partners share.

#include <bench/support/net.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <sys/socket.h>

namespace bench {

/// Sends one whole message and receives one, in turn.
struct end {
  static constexpr unsigned message = 64;

  int socket;
  bool sending;
  std::uint64_t turns_left;
  unsigned moved = 0;
  std::array<std::byte, message> buffer{};

  /// Goes on for as long as nothing would wait; false when it has nothing left to do. `sending` tells what it waits for.
  auto go_on() -> bool {
    while (turns_left != 0) {
      auto moved_now = sending ? ::send(socket, buffer.data() + moved, message - moved, MSG_NOSIGNAL | MSG_DONTWAIT)
                               : ::recv(socket, buffer.data() + moved, message - moved, MSG_DONTWAIT);
      if (moved_now < 0 && errno == EAGAIN) return true;
      if (moved_now <= 0) give_up(sending ? "send" : "recv");
      moved += static_cast<unsigned>(moved_now);
      if (moved != message) continue;
      moved = 0;
      --turns_left;
      sending = !sending;
      // After a message was sent its answer cannot be there yet.
      if (!sending) return turns_left != 0;
    }
    return false;
  }
};

/// Runs both ends of a stream with a loop that has `drive(client, server)`.
template <class Drive>
void bounce_raw(std::pair<int, int> ends, std::uint64_t trips, Drive drive) {
  end client{.socket = ends.first, .sending = true, .turns_left = 2 * trips};
  end server{.socket = ends.second, .sending = false, .turns_left = 2 * trips};
  drive(client, server);
  ::close(ends.first);
  ::close(ends.second);
}

}  // namespace bench
