// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Readiness through Linux's epoll. A poller.

#include <sluice/concept/poller.hpp>
#include <sluice/os/linux.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <string_view>

#include <sys/epoll.h>

namespace sluice::inline v0::poller {

/// Each descriptor is registered once, edge-triggered, and stays so: the direction that somebody first waits for, later perhaps the other,
/// too. From then on a wait costs no call but the one that all share.
///
/// The system drops a registration with the file's last descriptor and knows files, not numbers. So a number that was closed and reused
/// behind the backend's back reads as registered here and is not: `prove` finds that out.
/// \os Linux  \src epoll(7)
struct epoll {
  static constexpr std::string_view name = "epoll";  ///< for reports
  static constexpr bool edge = true;                 ///< reports changes

  /// What the system gave.
  struct opened {
    int descriptor = -1;  ///< of the set
  };

  /// Makes a set. \errors those of epoll_create1(2)
  template <class Os>
  static auto open() noexcept -> result<opened> {
    const int made = Os::epoll_create();
    if (made < 0) return system_error(-made);
    return opened{made};
  }

  /// Descriptors that are watched.
  template <class Os, std::uint32_t Events>
  class set {
   public:
    /// Takes over what `open` gave.
    explicit set(const opened& parts) noexcept : descriptor_{parts.descriptor} {}
    set(const set&) = delete;
    auto operator=(const set&) -> set& = delete;

    /// Gives it back.
    void close() noexcept { (void)Os::close(descriptor_); }

    /// Watches one direction more. \errors those of epoll_ctl(2)
    [[gnu::always_inline]] auto arm(int number, std::uint32_t& place, std::uint32_t direction) noexcept -> int {
      if ((place & direction) == direction) [[likely]]
        return 0;
      const int outcome = widen(number, place, place | direction);
      return outcome < 0 ? outcome : 0;
    }

    /// Stays armed.
    void disarm(int, std::uint32_t&, std::uint32_t) noexcept {}

    /// Registers again what the system may have dropped, and has it report what is ready. 1 if it had dropped it.
    auto prove(int number, std::uint32_t& place) noexcept -> int { return widen(number, place, place); }

    /// Is not told of it any more until it is armed again.
    void rest(int number, std::uint32_t& place) noexcept {
      place = 0;
      ::epoll_event none{};
      (void)Os::epoll_ctl(descriptor_, EPOLL_CTL_DEL, number, &none);
    }

    /// The system drops what is registered by itself.
    void forget(std::uint32_t& place) noexcept { place = 0; }

    /// Sleeps, then reports.
    template <class Seen>
    [[gnu::always_inline]] auto wait(interval limit, Seen&& seen) noexcept -> int {
      const int count = sleep(limit);
      for (int i = 0; i < count; ++i) seen(events_[i].data.fd, directions(events_[i].events));
      return count;
    }

    /// The set itself.
    [[nodiscard]] auto handle() const noexcept -> result<int> { return descriptor_; }

   private:
    static constexpr std::uint32_t broken = EPOLLERR | EPOLLHUP;
    static constexpr std::uint32_t reading = EPOLLIN | EPOLLPRI | EPOLLRDHUP;

    static auto directions(std::uint32_t events) noexcept -> std::uint32_t {
      if (events == EPOLLIN) [[likely]]
        return readiness_bits::in;
      return ((events & (reading | broken)) != 0 ? readiness_bits::in : 0U) |
             ((events & (EPOLLOUT | broken)) != 0 ? readiness_bits::out : 0U) |
             ((events & (EPOLLPRI | EPOLLRDHUP | broken)) != 0 ? readiness_bits::beyond : 0U);
    }

    /// Zero, 1 if it was not registered as thought, or minus the error.
    [[gnu::noinline]] auto widen(int number, std::uint32_t& place, std::uint32_t wanted) noexcept -> int {
      ::epoll_event event{};
      event.data.fd = number;
      event.events = EPOLLET | ((wanted & readiness_bits::in) != 0 ? reading : 0U) |
                     ((wanted & readiness_bits::out) != 0 ? static_cast<std::uint32_t>(EPOLLOUT) : 0U);
      // Another file than we think may be behind the number, and a file may be registered that we think is not.
      int what = place == 0 ? EPOLL_CTL_ADD : EPOLL_CTL_MOD;
      int outcome = Os::epoll_ctl(descriptor_, what, number, &event);
      const bool was_other = outcome == -EEXIST || outcome == -ENOENT;
      if (was_other) {
        what = outcome == -EEXIST ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;
        outcome = Os::epoll_ctl(descriptor_, what, number, &event);
      }
      if (outcome == 0)
        place = wanted;
      else
        place = 0;
      return outcome == 0 && was_other ? 1 : outcome;
    }

    [[gnu::always_inline]] auto sleep(interval limit) noexcept -> int {
      if (limit == interval{}) return Os::epoll_wait(descriptor_, events_, Events, 0);
      if (limit == interval::max()) return Os::epoll_wait(descriptor_, events_, Events, -1);
      if (exact_) [[likely]] {
        constexpr std::int64_t second = 1'000'000'000;
        const ::timespec when{.tv_sec = limit.count / second, .tv_nsec = limit.count % second};
        const int outcome = Os::epoll_wait_exactly(descriptor_, events_, Events, &when);
        if (outcome != -ENOSYS && outcome != -EPERM) [[likely]]
          return outcome;
        // An older kernel, or a sandbox that does not know the call.
        exact_ = false;
      }
      return sleep_roughly(limit);
    }

    [[gnu::noinline, gnu::cold]] auto sleep_roughly(interval limit) noexcept -> int {
      constexpr std::int64_t most = 0x7fff'ffff;
      const std::int64_t milliseconds = limit.count / 1'000'000 + (limit.count % 1'000'000 != 0 ? 1 : 0);
      return Os::epoll_wait(descriptor_, events_, Events, static_cast<int>(milliseconds < most ? milliseconds : most));
    }

    int descriptor_;
    bool exact_ = true;
    ::epoll_event events_[Events];
  };
};

static_assert(poller_policy<epoll, os::linux_>);

}  // namespace sluice::inline v0::poller

#endif
