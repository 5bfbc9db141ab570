// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations that wait for a time. Part of the policy backend::readiness.

#include <sluice/backend/readiness/request.hpp>
#include <sluice/concept/timers.hpp>
#include <sluice/interval.hpp>
#include <sluice/timers/heap.hpp>

#include <cstdint>
#include <utility>

namespace sluice::inline v0::detail::readiness {

/// A request with a deadline.
struct timed_request : request, timer_node {
  clock_kind clock;
  std::int32_t raw;  // its result when the time has come
};

/// Deadlines by clock. The steady clock's are the loop's own business; those of the others are shown to the system, which follows a clock
/// that is set. Inside a foreign loop the steady clock's are shown, too.
template <class Os>
class clocks {
 public:
  clocks() noexcept = default;
  clocks(const clocks&) = delete;
  auto operator=(const clocks&) -> clocks& = delete;

  /// Closes what was opened.
  void close() noexcept {
    for (auto& one : sets_)
      if (one.descriptor >= 0) (void)Os::close(std::exchange(one.descriptor, -1));
  }

  /// Arms a request whose deadline is said by `after` or `at`. Zero, or minus the error.
  auto arm(timed_request& one, interval after, time_point at, clock_kind clock) noexcept -> int {
    const bool absolute = at != time_point{};
    // How much civil time passes does not depend on what the clock is set to.
    one.clock = !absolute && clock == clock_kind::wall ? clock_kind::steady : clock;
    one.deadline = absolute ? at : Os::now(one.clock) + sluice::detail::greater_of(after, interval{});
    if (!set_of(one.clock).heap.arm(one)) return -static_cast<int>(std::errc::not_enough_memory);
    one.where = stage::timing;
    all_.push_back(one);
    return 0;
  }

  /// Disarms a request.
  void disarm(timed_request& one) noexcept {
    set_of(one.clock).heap.disarm(one);
    all_.erase(one);
  }

  /// Whether there is any.
  [[nodiscard]] auto empty() const noexcept -> bool { return all_.empty(); }
  /// The armed ones.
  [[nodiscard]] auto all() const noexcept -> request* { return all_.head; }

  /// How long to sleep at most, by these alone. `watch(descriptor)` has one watched that is readable when a clock says so; false if it
  /// cannot.
  template <class Watch>
  auto limit(bool foreign, Watch&& watch) noexcept -> interval {
    interval least = interval::max();
    for (const auto clock : {clock_kind::steady, clock_kind::boot, clock_kind::wall}) {
      auto& one = set_of(clock);
      const time_point when = one.heap.next();
      if (when == time_point::never()) continue;
      const interval left = sluice::detail::greater_of(when - Os::now(clock), interval{});
      least = sluice::detail::lesser_of(least, left);
      if (clock == clock_kind::steady && !foreign) continue;
      // Without a descriptor the clock is looked at now and then.
      if (!show(one, clock, when, watch)) least = sluice::detail::lesser_of(least, look_again);
    }
    return least;
  }

  /// How long a foreign loop may sleep, by those that the system was not shown.
  [[nodiscard]] auto patience() const noexcept -> interval {
    interval least = interval::max();
    for (const auto clock : {clock_kind::steady, clock_kind::boot, clock_kind::wall}) {
      const auto& one = sets_[static_cast<unsigned>(clock)];
      const time_point when = one.heap.next();
      if (when == one.shown || when == time_point::never()) continue;
      least = sluice::detail::lesser_of(least, sluice::detail::greater_of(when - Os::now(clock), interval{}));
      if (clock != clock_kind::steady) least = sluice::detail::lesser_of(least, look_again);
    }
    return least;
  }

  /// Disarms those whose time has come, in order, and hands each to `fire`.
  template <class Fire>
  void expire(Fire&& fire) noexcept {
    for (const auto clock : {clock_kind::steady, clock_kind::boot, clock_kind::wall}) {
      auto& one = set_of(clock);
      if (one.heap.size() == 0) continue;
      one.heap.expire(Os::now(clock), [&](timer_node& node) noexcept {
        auto& due = static_cast<timed_request&>(node);
        all_.erase(due);
        fire(due);
      });
    }
  }

  /// A descriptor of these was reported.
  void arrived(int descriptor) noexcept {
    for (auto& one : sets_)
      if (one.descriptor == descriptor) {
        one.shown = time_point::never();
        (void)Os::timer_set(descriptor, time_point{});
      }
  }

 private:
  // How soon a clock that may be set is looked at again while the system does not watch it.
  static constexpr interval look_again = interval::nanoseconds(10'000'000);

  struct set {
    timers::heap<> heap;
    int descriptor = -1;
    time_point shown = time_point::never();
  };

  auto set_of(clock_kind clock) noexcept -> set& { return sets_[static_cast<unsigned>(clock)]; }

  template <class Watch>
  auto show(set& one, clock_kind clock, time_point when, Watch& watch) noexcept -> bool {
    if (one.descriptor < 0) {
      const int made = Os::timer_create(clock);
      if (made < 0) return false;
      if (!watch(made)) {
        (void)Os::close(made);
        return false;
      }
      one.descriptor = made;
    }
    if (one.shown == when) return true;
    if (Os::timer_set(one.descriptor, sluice::detail::greater_of(when, time_point{1})) < 0) return false;
    one.shown = when;
    return true;
  }

  set sets_[3];
  request_list all_{};
};

}  // namespace sluice::inline v0::detail::readiness
