// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Until when a task waits. Layer: coro.

#include <sluice/interval.hpp>

#include <type_traits>

namespace sluice::inline v0::coro {

/// A point of the steady clock, by which tasks wait. A `time_point` does not say whose it is, and one of the wall clock lies decades ahead
/// on the steady one: so a point of another clock of `<chrono>` gives one sentence.
struct deadline {
  time_point when;  ///< on the steady clock

  /// A point that is said to be of the steady clock.
  constexpr deadline(time_point point) noexcept : when{point} {}  // NOLINT(google-explicit-constructor)
  /// From a point of `std::chrono::steady_clock`.
  template <class Clock, class Duration>
  constexpr deadline(std::chrono::time_point<Clock, Duration> point) noexcept {  // NOLINT(google-explicit-constructor)
    if constexpr (std::is_same_v<Clock, std::chrono::steady_clock>)
      when = point;
    else
      static_assert(std::is_same_v<Clock, std::chrono::steady_clock>,
                    "[sluice.coro.clock] tasks wait by the steady clock, on which a point of another one never comes; give one of "
                    "std::chrono::steady_clock, or wait for op::timeout{.at = point, .clock = clock_kind::wall}");
  }
};

}  // namespace sluice::inline v0::coro
