// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// How long a poll may sleep. Base vocabulary.

#include <sluice/interval.hpp>

namespace sluice::inline v0 {

/// How long a poll may sleep: `wait::none`, `wait::one`, or `wait::at_most(d)`.
struct wait {
  bool sleeps = false;  ///< may sleep until there is something to deliver
  interval limit = {};  ///< for how long at most

  static const wait none;  ///< not at all
  static const wait one;   ///< until at least one completion was delivered, a timer of the caller's fired, or the ring was woken

  /// As `one`, but no longer than this.
  [[nodiscard]] static constexpr auto at_most(interval limit) noexcept -> wait { return {.sleeps = true, .limit = limit}; }
};

inline constexpr wait wait::none{};
inline constexpr wait wait::one{.sleeps = true, .limit = interval::max()};

}  // namespace sluice::inline v0
