// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations that give one result after the other until they end. They are not awaited but made a stream of. Layer: op.

#include <sluice/buffer_group.hpp>
#include <sluice/handle.hpp>
#include <sluice/interval.hpp>
#include <sluice/op/poll.hpp>

#include <cstdint>
#include <string_view>

namespace sluice::inline v0::op {

/// Takes one connection after the other. Item: its socket (close-on-exec), which whoever takes the item closes. Connections that were given
/// up before they were taken are passed over; where descriptors or memory have run out, it tries again after a while.
/// \errors the end: `operation_canceled`, those of accept(2) that stay  \src accept4(2)
struct accept_many {
  socket_handle socket = {};                               ///< a listener
  std::uint32_t limit = 256;                               ///< pauses while so many items are not taken; 0: never
  using result_type = socket_handle;                       ///< of each item
  static constexpr std::string_view name = "accept_many";  ///< for reports
  static constexpr bool gives_many = true;                 ///< for `stream`
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("socket", &accept_many::socket);
    visit("limit", &accept_many::limit);
  }
};

/// Receives again and again, each time into a buffer of a group that is picked when there is data: sockets that wait hold none. Item: a
/// lease of the buffer. It ends without an error when the peer sends no more; an empty message ends it, too. While the group has no buffer
/// it waits.
///
/// `limit` is what keeps one slow reader from holding the buffers of all: it pauses while so many items are not taken. What the system had
/// received before it was asked to pause still comes: on a ring that defers completions, as the default one does, some 32 items.
/// \errors the end: none at the end of the stream, `operation_canceled`, those of recv(2)  \src recv(2), io_uring_prep_recv_multishot(3)
struct recv_many {
  socket_handle socket = {};                             ///< where from
  buffer_group_ref buffers = {};                         ///< of the same ring
  std::uint32_t limit = 16;                              ///< pauses while so many items are not taken; 0: never
  using result_type = buffer_lease;                      ///< of each item
  static constexpr std::string_view name = "recv_many";  ///< for reports
  static constexpr bool gives_many = true;               ///< for `stream`
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("socket", &recv_many::socket);
    visit("buffers", &recv_many::buffers);
    visit("limit", &recv_many::limit);
  }
};

/// Tells again and again what a descriptor is ready for, and does nothing to it. Item: what it has been ready for since the last item was
/// taken. An item comes when something happens, and may come again for what still holds: whoever takes one goes on until the descriptor is
/// not ready any more.
/// \errors the end: `operation_canceled`, `bad_file_descriptor`  \src poll(2), io_uring_prep_poll_multishot(3)
struct poll_many {
  any_handle handle = {};                                ///< anything that can be polled
  poll_events events = poll_events::readable;            ///< any of these
  using result_type = poll_events;                       ///< of each item
  static constexpr std::string_view name = "poll_many";  ///< for reports
  static constexpr bool gives_many = true;               ///< for `stream`
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("handle", &poll_many::handle);
    visit("events", &poll_many::events);
  }
};

/// Ticks at even intervals, on the steady clock: the n-th n intervals after the start, however late those before it were taken. Item: how
/// many ticks there were since the last item was taken.
/// \units nanoseconds  \errors the end: `operation_canceled`; `invalid_argument` for an interval that is not positive
struct timer_many {
  interval every = {};                                    ///< more than zero
  using result_type = std::uint64_t;                      ///< of each item
  static constexpr std::string_view name = "timer_many";  ///< for reports
  static constexpr bool gives_many = true;                ///< for `stream`
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) { visit("every", &timer_many::every); }
};

}  // namespace sluice::inline v0::op
