// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Descriptors, who waits for them, and whether the poller watches them. Part of the policy backend::readiness.

#include <sluice/backend/readiness/calls.hpp>
#include <sluice/backend/readiness/calls_net.hpp>
#include <sluice/backend/readiness/request.hpp>
#include <sluice/concept/poller.hpp>
#include <sluice/detail/number_table.hpp>
#include <sluice/interval.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

namespace sluice::inline v0::detail::readiness {

/// A row for each descriptor, with two lines of requests that wait, and the poller.
///
/// An edge-triggered poller's registrations are trusted: nothing is asked of the system when somebody waits again on a descriptor that is
/// armed. The number may mean another file by then. So each such wait is listed as unproven, and proven when it has lasted for long: each
/// time that a registration is found to hold, waits on that descriptor may last twice as long before it is asked for again.
template <class Poller, class Os, std::uint32_t Events>
class lines {
 public:
  explicit lines(const typename Poller::opened& parts) noexcept : poller_{parts} {}
  lines(const lines&) = delete;
  auto operator=(const lines&) -> lines& = delete;

  /// The poller.
  [[nodiscard]] auto poller() noexcept -> auto& { return poller_; }

  /// The row of a number; null where there is no memory for it.
  [[gnu::always_inline]] auto find(std::int32_t number) noexcept -> row* { return rows_.find(number); }
  /// The row of a number that was found before.
  [[gnu::always_inline]] auto operator[](std::int32_t number) noexcept -> row& { return rows_[number]; }

  /// Whether anybody waits.
  [[nodiscard]] auto any() const noexcept -> bool { return waiting_ != 0; }

  /// Puts one at the end of its line. Zero, or minus the error: then it is in none.
  auto join(request& one, row& of) noexcept -> int {
    auto& line = of.waiting[index_of(one.direction)];
    if (line.empty() && (of.held & one.direction) == 0) {
      if (!of.asked) [[unlikely]]
        ask(one, of);
      const bool old = Poller::edge && (of.place & one.direction) != 0;
      if (const int refused = poller_.arm(one.descriptor, of.place, one.direction); refused < 0) return refused;
      if (one.descriptor >= watched_) watched_ = one.descriptor + 1;
      if (old) {
        of.since = round_;
        if (!of.listed) {
          list(one.descriptor, of);
          be_busy();
        }
      }
    }
    one.where = stage::waiting;
    line.push_back(one);
    ++waiting_;
    return 0;
  }

  /// The same for the first of a line whose descriptor is watched already. False: there is more to it, and nothing was done.
  [[gnu::always_inline]] auto join_simply(request& one, row& of, std::uint8_t way) noexcept -> bool {
    auto& line = of.waiting[index_of(way)];
    if (!line.empty() || (of.held & way) != 0 || !of.asked) [[unlikely]]
      return false;
    if constexpr (Poller::edge) {
      if ((of.place & way) == 0 || !of.listed) [[unlikely]]
        return false;
      of.since = round_;
    } else {
      if (one.descriptor >= watched_ || poller_.arm(one.descriptor, of.place, way) < 0) [[unlikely]]
        return false;
    }
    one.where = stage::waiting;
    line.push_first(one);
    ++waiting_;
    return true;
  }

  /// Takes out the only one of its line.
  [[gnu::always_inline]] void leave_simply(request& one, row& of, std::uint8_t way) noexcept {
    of.waiting[index_of(way)] = {};
    --waiting_;
    poller_.disarm(one.descriptor, of.place, way);
  }

  /// Takes one out of its line.
  void leave(request& one, row& of) noexcept {
    auto& line = of.waiting[index_of(one.direction)];
    line.erase(one);
    --waiting_;
    if (line.empty()) poller_.disarm(one.descriptor, of.place, one.direction);
  }

  /// A thread makes a call for this direction: nobody else is tried meanwhile.
  void hold(std::int32_t number, row& of, std::uint8_t way) noexcept {
    of.held |= way;
    poller_.disarm(number, of.place, way);
  }
  /// It has made it.
  void release(std::int32_t number, row& of, std::uint8_t way) noexcept {
    of.held = static_cast<std::uint8_t>(of.held & ~way);
    if (!of.waiting[index_of(way)].empty()) (void)poller_.arm(number, of.place, way);
  }

  /// Watches a descriptor of the backend's. Zero, or minus the error.
  auto watch_own(int number) noexcept -> int {
    row* const of = rows_.find(number);
    if (of == nullptr) return -ENOMEM;
    renew(number, [](request&) noexcept {});
    of->kind = file_kind::own;
    return poller_.arm(number, of->place, readiness_bits::in);
  }

  /// A number is about to be closed, or means a new file: nothing that is known of it holds any more. What still waits was closed behind
  /// our back and is taken out, for `stale(request)`.
  template <class Stale>
  void renew(std::int32_t number, Stale&& stale) noexcept {
    if (number >= rows_.extent()) return;
    row& of = rows_[number];
    for (auto& line : of.waiting) {
      while (!line.empty()) {
        request& one = *line.head;
        leave(one, of);
        stale(one);
      }
    }
    poller_.forget(of.place);
    reported(of);
    of.hopes = of.patience = 0;
    of.trust = 0;
    of.kind = file_kind::unknown;
    of.dry = 0;
    of.runs_dry = false;
    of.stops = false;
    of.asked = false;
  }

  /// Calls `f(request)` for each that waits until `f` says that it is enough. \complexity O(descriptors)
  template <class F>
  void each(F&& f) noexcept {
    for (std::int32_t number = 0; number < watched_; ++number) {
      for (const auto& line : rows_[number].waiting) {
        for (request* one = line.head; one != nullptr;) {
          request* const after = one->next;
          if (f(*one)) return;
          one = after;
        }
      }
    }
  }

  /// One waits for a report that may have come before, because it was not tried first.
  void doubt(std::int32_t number, row& of) noexcept {
    if ((of.doubt & is_doubtful) != 0) return;
    ++doubtful_;
    if (of.doubt == 0) of.next_doubtful = std::exchange(first_doubtful_, number + 1);
    of.doubt = is_listed | is_doubtful | age_;
  }
  /// There was a report.
  [[gnu::always_inline]] void reported(row& of) noexcept {
    if ((of.doubt & is_doubtful) == 0) return;
    of.doubt = is_listed;
    --doubtful_;
  }
  /// There was one that nobody waited for. A descriptor that is used elsewhere by now would wake the loop each time; so now and then the
  /// one that does is not watched any more, which costs one that is waited for after all no more than two calls.
  [[gnu::noinline, gnu::cold]] void unheard(std::int32_t number, row& of) noexcept {
    if constexpr (requires { poller_.rest(number, of.place); })
      if (++unheard_ % most_unheard == 0 && of.held == 0) poller_.rest(number, of.place);
  }
  /// Whether there is a doubt.
  [[nodiscard]] auto has_doubts() const noexcept -> bool { return doubtful_ != 0; }
  /// Settles doubts, `all` or those that are as old as the last time: `look(row)`, which tries those that wait, for each row that had no
  /// report.
  template <class Look>
  [[gnu::noinline]] void settle(bool all, Look&& look) noexcept {
    std::int32_t at = std::exchange(first_doubtful_, 0);
    while (at != 0) {
      const std::int32_t number = at - 1;
      row& of = rows_[number];
      at = of.next_doubtful;
      const bool doubtful = (of.doubt & is_doubtful) != 0;
      if (doubtful && !all && (of.doubt & ~(is_listed | is_doubtful)) == age_) {
        of.next_doubtful = std::exchange(first_doubtful_, number + 1);
        continue;
      }
      reported(of);
      of.doubt = 0;
      if (!doubtful) continue;
      look(of);
      // What was there all the while is worth a try at once.
      if (of.waiting[0].empty()) of.hopes = of.patience = 0;
    }
    age_ = static_cast<std::uint8_t>(age_ + one_older);
  }

  /// Whether there are waits that were not proven.
  [[nodiscard]] auto has_unproven() const noexcept -> bool { return unproven_ != 0; }

  /// How many times `interval` a sleep may last until those that wait are proven: longer each time in a row, as those that are left are
  /// trusted more.
  [[nodiscard]] auto prove_after(interval once) const noexcept -> interval {
    return interval::nanoseconds(once.count <= interval::max().count >> most_trust ? once.count << quiet_ : once.count);
  }
  /// A sleep has brought a report.
  void be_busy() noexcept { quiet_ = 0; }

  /// Makes sure that what waits for long waits for the file that its number means now: after a sleep of `prove_after` those that are not
  /// trusted to wait longer, else those that have waited for so many rounds of calls. `lost(row, error)` for one that cannot be watched any
  /// more.
  template <class Lost>
  [[gnu::noinline]] void prove(bool slept, Lost&& lost) noexcept {
    const unsigned level = quiet_;
    if (slept && quiet_ < most_trust) ++quiet_;
    ++round_;
    std::int32_t at = std::exchange(unproven_, 0);
    while (at != 0) {
      const std::int32_t number = at - 1;
      row& of = rows_[number];
      at = of.next_unproven;
      of.listed = false;
      const std::uint32_t ways = (of.waiting[0].empty() ? 0U : readiness_bits::in) | (of.waiting[1].empty() ? 0U : readiness_bits::out);
      if (ways == 0) continue;
      if (slept ? of.trust > level : round_ - of.since <= 1U << of.trust) {
        list(number, of);
        continue;
      }
      of.dry = 0;
      const int outcome = (of.place & ways) == ways ? poller_.prove(number, of.place) : poller_.arm(number, of.place, ways);
      if (outcome < 0) lost(of, outcome);
      of.trust = outcome != 0 ? 0 : static_cast<std::uint8_t>(of.trust < most_trust ? of.trust + 1U : most_trust) & 7U;
    }
  }

 private:
  // What `row::doubt` says: in the list; on it for a doubt that is not settled; and when that began.
  static constexpr std::uint8_t is_listed = 1;
  static constexpr std::uint8_t is_doubtful = 2;
  static constexpr std::uint8_t one_older = 4;
  static constexpr unsigned most_unheard = 64;
  static constexpr unsigned most_trust = 6;  // a registration that has held so often is asked for 64 times as seldom as a new one

  [[gnu::noinline]] static void ask(const request& one, row& of) noexcept {
    of.asked = true;
    if (!one.made->streams) return;
    // Streams of other protocols may keep messages apart, as SCTP does, and a receive that comes short says nothing then.
    const int protocol = socket_option_of<Os>(one.descriptor, SO_PROTOCOL);
    const bool local =
        protocol == 0 && socket_option_of<Os>(one.descriptor, SO_DOMAIN) == AF_UNIX && socket_type_of<Os>(one.descriptor) == SOCK_STREAM;
    of.runs_dry = local || protocol == IPPROTO_TCP;
    of.stops = local && Poller::edge;
  }

  void list(std::int32_t number, row& of) noexcept {
    of.listed = true;
    of.next_unproven = unproven_;
    unproven_ = number + 1;
  }

  typename Poller::template set<Os, Events> poller_;
  std::size_t waiting_ = 0;
  std::int32_t watched_ = 0;   // one past the largest number that was waited for
  std::int32_t unproven_ = 0;  // the first row of the list, plus one
  std::int32_t first_doubtful_ = 0;
  std::uint32_t doubtful_ = 0;
  std::uint32_t round_ = 0;
  unsigned unheard_ = 0;
  unsigned quiet_ = 0;  // so many sleeps in a row have ended without a report
  std::uint8_t age_ = 0;
  sluice::detail::number_table<Os, row, 16> rows_;
};

}  // namespace sluice::inline v0::detail::readiness

#endif
