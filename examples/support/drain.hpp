// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The polite end of a connection.

#include <sluice/op/net.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <span>

namespace support {

/// Sends no more, and drops what still comes until the peer has closed, or for so long. A close with something unread would be a reset,
/// which may take from the peer what was sent to it last.
template <class Coro, class Stream>
void drain(Stream& peer, std::chrono::milliseconds limit) {
  if (!peer.shutdown(sluice::shutdown_how::send)) return;
  (void)Coro::with_timeout(limit, [&] {
    std::array<std::byte, 4096> dropped;
    while (peer.read_some(dropped).value_or(0) != 0) {}
  });
}

}  // namespace support
