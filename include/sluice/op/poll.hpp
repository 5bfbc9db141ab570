// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Waiting for a descriptor to be ready, without doing anything to it. Layer: op.

#include <sluice/bitmask.hpp>
#include <sluice/handle.hpp>

#include <cstdint>
#include <string_view>

namespace sluice::inline v0 {

/// What a descriptor is ready for. The values are Linux's own, so that nothing is translated there.
/// \src poll(2)
enum class poll_events : std::uint32_t {
  none = 0,              ///< nothing
  readable = 0x1,        ///< reading does not wait
  urgent = 0x2,          ///< something exceptional, as urgent data
  writable = 0x4,        ///< writing does not wait
  failed = 0x8,          ///< an error is pending; told even if not asked for
  hung_up = 0x10,        ///< the peer is gone; told even if not asked for
  peer_closed = 0x2000,  ///< the peer sends no more; io_uring tells it even if not asked for, and then at once
};
/// Bits.
template <>
inline constexpr bool is_bitmask<poll_events> = true;

namespace op {

/// Waits until a descriptor is ready, once, and does nothing to it. Result: what it is ready for.
/// \errors `bad_file_descriptor`; `operation_canceled`  \src poll(2)
struct poll_once {
  any_handle handle = {};                                ///< anything that can be polled; a file is always ready
  poll_events events = poll_events::readable;            ///< any of these
  using result_type = poll_events;                       ///< those that hold
  static constexpr std::string_view name = "poll_once";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("handle", &poll_once::handle);
    visit("events", &poll_once::events);
  }
};

}  // namespace op
}  // namespace sluice::inline v0
