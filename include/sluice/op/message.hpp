// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations on messages: with the address they come from or go to, and what travels beside the data. Layer: op.

#include <sluice/address.hpp>
#include <sluice/bitmask.hpp>
#include <sluice/buffer.hpp>
#include <sluice/handle.hpp>
#include <sluice/op/net.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::inline v0 {

/// What is special about a message that was received. The values are Linux's own.
/// \src recvmsg(2)
enum class message_flags : std::uint32_t {
  none = 0,                 ///< nothing
  out_of_band = 0x1,        ///< urgent data
  control_truncated = 0x8,  ///< the room for control data was too small
  truncated = 0x20,         ///< the buffers were too small; the rest of the message is gone
  end_of_record = 0x80,     ///< ends a record
  error_queue = 0x2000,     ///< an error that was queued, not data
};
/// Bits.
template <>
inline constexpr bool is_bitmask<message_flags> = true;

/// A message that was received.
struct received_message {
  std::size_t bytes = 0;                      ///< in the buffers; 0 at the end of a stream
  std::size_t control_bytes = 0;              ///< beside the data
  socket_address peer;                        ///< who sent it; none where the socket does not tell
  message_flags flags = message_flags::none;  ///< what is special about it
};

namespace op {

/// Receives a message, or bytes of a stream, into several buffers, with the sender's address and control data. Descriptors that come with
/// it are close-on-exec. Result: what was received.
/// \units bytes  \errors those of recvmsg(2), `invalid_argument` for more than 1024 buffers; `operation_canceled`  \src recvmsg(2), cmsg(3)
struct recv_msg {
  socket_handle socket = {};                            ///< any
  std::span<const mutable_buffer> buffers = {};         ///< at most 1024; the array and the bytes must live until done
  std::span<std::byte> control = {};                    ///< room for control data, in the system's form; must live until done
  recv_flags flags = recv_flags::none;                  ///< how
  using result_type = received_message;                 ///< the message
  static constexpr std::string_view name = "recv_msg";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("socket", &recv_msg::socket);
    visit("buffers", &recv_msg::buffers);
    visit("control", &recv_msg::control);
    visit("flags", &recv_msg::flags);
  }
};

/// Sends a message from several buffers, to an address if the socket is not connected, with control data. Result: bytes sent. Never raises
/// a signal. As with `send`, one at a time a stream socket, unless linked.
///
/// io_uring gives `resource_unavailable_try_again` for a socket that was made non-blocking, has no room, and whose peer has shut down its
/// own half: there the kernel cannot wait by readiness. `send` waits, and the streams of `sluice::io` do.
/// \units bytes  \errors those of sendmsg(2), `broken_pipe` for a closed peer, `message_size`; `operation_canceled`  \src sendmsg(2),
/// cmsg(3)
struct send_msg {
  socket_handle socket = {};                            ///< any
  std::span<const const_buffer> buffers = {};           ///< at most 1024; the array and the bytes must live, unchanged, until done
  socket_address address = {};                          ///< whom to; none for a connected socket
  std::span<const std::byte> control = {};              ///< control data, in the system's form; must live until done
  send_flags flags = send_flags::none;                  ///< how
  using result_type = std::size_t;                      ///< bytes
  static constexpr bool sends = true;                   ///< in order, on a stream
  static constexpr std::string_view name = "send_msg";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("socket", &send_msg::socket);
    visit("buffers", &send_msg::buffers);
    visit("address", &send_msg::address);
    visit("control", &send_msg::control);
    visit("flags", &send_msg::flags);
  }
};

}  // namespace op
}  // namespace sluice::inline v0
