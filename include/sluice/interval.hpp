// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A span of time that can stand in an option aggregate, and the clocks. Base vocabulary.

#include <cstdint>
#include <limits>
#include <mutex>
#include <ratio>
#include <type_traits>

namespace sluice::inline v0 {

// Durations, points of time and clocks come with <mutex>, whose functions take them: the calendar and the streams of <chrono> would be a
// sixth of the time that it takes to compile this library.

/// Which clock a deadline is measured by.
enum class clock_kind : std::uint8_t {
  steady,  ///< never set back, stops while the machine is suspended; `CLOCK_MONOTONIC`
  boot,    ///< as steady, but runs on during suspension; `CLOCK_BOOTTIME`
  wall,    ///< civil time, follows clock steps; `CLOCK_REALTIME`
};

/// A signed count of nanoseconds that converts from any `std::chrono` duration, saturating. Structural, unlike chrono's own types, so it
/// can be an option of a policy. The largest value means never.
/// \units nanoseconds
struct interval {
  std::int64_t count = 0;  ///< nanoseconds

  /// No time at all.
  constexpr interval() noexcept = default;
  /// From any chrono duration; what does not fit becomes the largest or smallest value, what is finer than a nanosecond is rounded up.
  template <class Rep, class Period>
  constexpr interval(std::chrono::duration<Rep, Period> value) noexcept : count{saturate(value)} {}  // NOLINT(google-explicit-constructor)

  /// A span that never ends.
  [[nodiscard]] static constexpr auto max() noexcept -> interval { return interval{raw{}, std::numeric_limits<std::int64_t>::max()}; }
  /// From a number of nanoseconds.
  [[nodiscard]] static constexpr auto nanoseconds(std::int64_t value) noexcept -> interval { return interval{raw{}, value}; }
  /// The same span as a chrono duration.
  [[nodiscard]] constexpr auto to_chrono() const noexcept -> std::chrono::nanoseconds { return std::chrono::nanoseconds{count}; }

  /// By length.
  friend constexpr auto operator<=>(interval, interval) noexcept = default;

 private:
  struct raw {};
  constexpr interval(raw, std::int64_t value) noexcept : count{value} {}

  template <class Rep, class Period>
  static constexpr auto saturate(std::chrono::duration<Rep, Period> value) noexcept -> std::int64_t {
    using scale = std::ratio<1'000'000'000, Period::den>;  // reduced
    constexpr auto lowest = std::numeric_limits<std::int64_t>::min();
    constexpr auto highest = std::numeric_limits<std::int64_t>::max();
    if constexpr (std::is_integral_v<Rep> && sizeof(Rep) <= sizeof(std::int64_t) && scale::den == 1 &&
                  Period::num <= highest / scale::num) {
      std::int64_t product = 0;
      if (__builtin_mul_overflow(value.count(), Period::num * scale::num, &product)) return value < value.zero() ? lowest : highest;
      return product;
    } else {
      const long double exact = static_cast<long double>(value.count()) * Period::num * scale::num / scale::den;
      if (exact != exact) return highest;
      if (exact >= static_cast<long double>(highest)) return highest;
      if (exact <= static_cast<long double>(lowest)) return lowest;
      const auto whole = static_cast<std::int64_t>(exact);
      return static_cast<long double>(whole) < exact ? whole + 1 : whole;
    }
  }
};

/// A point of time on a clock.
/// \units nanoseconds since the clock's epoch
struct time_point {
  std::int64_t count = 0;  ///< nanoseconds since the epoch of the clock

  /// The epoch.
  constexpr time_point() noexcept = default;
  /// From the clock's count.
  explicit constexpr time_point(std::int64_t value) noexcept : count{value} {}
  /// From a point of `std::chrono::steady_clock`, whose epoch the steady clock shares.
  template <class Duration>
  constexpr time_point(std::chrono::time_point<std::chrono::steady_clock, Duration> value) noexcept  // NOLINT(google-explicit-constructor)
      : count{interval{value.time_since_epoch()}.count} {}
  /// From a point of `std::chrono::system_clock`; goes with `clock_kind::wall`.
  template <class Duration>
  constexpr time_point(std::chrono::time_point<std::chrono::system_clock, Duration> value) noexcept  // NOLINT(google-explicit-constructor)
      : count{interval{value.time_since_epoch()}.count} {}

  /// The point that is never reached.
  [[nodiscard]] static constexpr auto never() noexcept -> time_point { return time_point{std::numeric_limits<std::int64_t>::max()}; }
  /// A later (or earlier) point; saturates.
  friend constexpr auto operator+(time_point point, interval span) noexcept -> time_point {
    std::int64_t sum = 0;
    if (__builtin_add_overflow(point.count, span.count, &sum))
      return span.count > 0 ? never() : time_point{std::numeric_limits<std::int64_t>::min()};
    return time_point{sum};
  }
  /// The span between two points; saturates.
  friend constexpr auto operator-(time_point later, time_point earlier) noexcept -> interval {
    std::int64_t difference = 0;
    if (__builtin_sub_overflow(later.count, earlier.count, &difference))
      return later.count >= 0 ? interval::max() : interval::nanoseconds(std::numeric_limits<std::int64_t>::min());
    return interval::nanoseconds(difference);
  }
  /// By time.
  friend constexpr auto operator<=>(time_point, time_point) noexcept = default;
};

namespace detail {

/// The lesser of two; <algorithm> has much else, too.
template <class T>
[[nodiscard]] constexpr auto lesser_of(T one, T other) noexcept -> T {
  return other < one ? other : one;
}
/// The greater of two.
template <class T>
[[nodiscard]] constexpr auto greater_of(T one, T other) noexcept -> T {
  return one < other ? other : one;
}

}  // namespace detail
}  // namespace sluice::inline v0
