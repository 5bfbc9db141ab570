// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations that wait for a time. Layer: op.

#include <sluice/interval.hpp>

#include <string_view>

namespace sluice::inline v0::op {

/// Waits until a time. Its expiry is success; zero or less fires at the next poll, `interval::max()` never. Result: nothing.
/// Set either `.after` or `.at`; `.at` wins.
/// \units nanoseconds  \errors `operation_canceled`  \src io_uring_prep_timeout(3)
struct timeout {
  interval after = {};                                 ///< from now
  time_point at = {};                                  ///< or at this point of the clock
  clock_kind clock = clock_kind::steady;               ///< which clock
  using result_type = void;                            ///< nothing
  static constexpr std::string_view name = "timeout";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("after", &timeout::after);
    visit("at", &timeout::at);
    visit("clock", &timeout::clock);
  }
};

/// Bounds the operation linked before it. Result: `operation_canceled` if that one was done first, else `timed_out`; it has no success.
/// Set either `.after` or `.at`; `.at` wins.
/// \units nanoseconds  \src io_uring_prep_link_timeout(3)
struct link_timeout {
  interval after = {};                                      ///< from the start of the operation before it
  time_point at = {};                                       ///< or at this point of the clock
  clock_kind clock = clock_kind::steady;                    ///< which clock
  using result_type = void;                                 ///< nothing
  static constexpr std::string_view name = "link_timeout";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("after", &link_timeout::after);
    visit("at", &link_timeout::at);
    visit("clock", &link_timeout::clock);
  }
};

}  // namespace sluice::inline v0::op
