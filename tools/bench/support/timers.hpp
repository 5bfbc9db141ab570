// SPDX-License-Identifier: MIT
#pragma once
/// @file What the programs of the bench `timers` share: how many timers, for when, and in which order they are cancelled.

#include <cstdint>
#include <ctime>

namespace bench {

/// As many are armed at once.
inline constexpr std::uint64_t timers = 1'000'000;
/// As many warm up.
inline constexpr std::uint64_t timers_to_warm_up = 100'000;

/// How many of `left` are set before the first one is cancelled or fires; takes them off.
inline auto next_round(std::uint64_t& left) noexcept -> std::uint64_t {
  const auto count = left < timers ? left : timers;
  left -= count;
  return count;
}

/// Within which span deadlines lie.
struct span {
  std::int64_t nanoseconds;
};
/// Timers that are cancelled: deadlines within a minute, as those of connections are.
inline constexpr span far{60'000'000'000};
/// Timers that fire: deadlines within a tenth of a second, all of them past before the first one fires.
inline constexpr span near{100'000'000};

/// How long after the moment at which all are set timer `i` is due: in no order, and evenly spread. \units nanoseconds
constexpr auto distance(std::uint64_t i, span within) noexcept -> std::int64_t {
  std::uint64_t mixed = (i + 1) * 0x9E37'79B9'7F4A'7C15U;
  mixed = (mixed ^ (mixed >> 31U)) * 0xBF58'476D'1CE4'E5B9U;
  return static_cast<std::int64_t>((mixed >> 36U) * static_cast<std::uint64_t>(within.nanoseconds) >> 28U);
}

/// Which one of `count` is the `i`-th to be cancelled: neither in the order of setting nor in that of the deadlines. Each comes once, for
/// `count` is no multiple of that prime.
constexpr auto scattered(std::uint64_t i, std::uint64_t count) noexcept -> std::uint64_t { return i * 611'953 % count; }

/// Sleeps until the steady clock shows `when`; takes no processor time.
inline void sleep_until(std::int64_t when) noexcept {
  const timespec end{.tv_sec = when / 1'000'000'000, .tv_nsec = when % 1'000'000'000};
  while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, nullptr) != 0) {}
}

}  // namespace bench
