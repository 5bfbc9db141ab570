// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The contract of a clock. Layer: concept.

#include <sluice/interval.hpp>

#include <concepts>
#include <type_traits>

namespace sluice::inline v0 {

/// A type that tells the time; an `Os` is one. `now` is monotonic for `clock_kind::steady` and costs no system call where the platform
/// allows it.
template <class C>
concept clock_source = requires(clock_kind which) {
  { C::now(which) } noexcept -> std::same_as<time_point>;
};

namespace detail {

// Both clocks of <chrono> give a `time_point`, which does not say whose it is: one of the wall clock lies decades ahead on the steady one.
template <class Clock>
concept unsteady = !std::is_same_v<Clock, std::chrono::steady_clock>;

/// Whether tasks can wait for a point of this clock. A mistake gives one sentence.
template <class Clock>
consteval auto check_steady() -> bool {
  static_assert(!unsteady<Clock>,
                "[sluice.coro.clock] tasks wait by the steady clock, on which a point of another one never comes; give one of "
                "std::chrono::steady_clock, or wait for op::timeout{.at = point, .clock = clock_kind::wall}");
  return !unsteady<Clock>;
}

}  // namespace detail
}  // namespace sluice::inline v0
