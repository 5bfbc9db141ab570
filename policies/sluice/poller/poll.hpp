// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Readiness through poll(2). A poller.

#include <sluice/concept/poller.hpp>
#include <sluice/detail/number_table.hpp>
#include <sluice/os/linux.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <ctime>
#include <string_view>

#include <poll.h>

namespace sluice::inline v0::poller {

/// An array of descriptors, given to the system with each wait. Nothing is registered, so nothing can be stale; a wait costs time for each
/// descriptor in it. One that nobody waits for keeps its place with its number hidden, which the system passes over: whoever waits for it
/// again soon, as most do, moves nothing. Only when half of the places are such, the array is made denser.
/// \os POSIX with ppoll(2)  \src poll(2)
struct poll {
  static constexpr std::string_view name = "poll";  ///< for reports
  static constexpr bool edge = false;               ///< reports states

  /// The system gives nothing beforehand.
  struct opened {};

  /// Never fails.
  template <class Os>
  static auto open() noexcept -> result<opened> {
    return opened{};
  }

  /// Descriptors that are watched.
  template <class Os, std::uint32_t Events>
  class set {
   public:
    /// Nothing is watched.
    explicit set(const opened&) noexcept {}
    set(const set&) = delete;
    auto operator=(const set&) -> set& = delete;
    ~set() {
      if (all_ != nullptr) (void)Os::unmap(reinterpret_cast<std::byte*>(all_), bytes_for(room_));
    }

    /// Nothing is open.
    void close() noexcept {}

    /// Watches one direction more. \errors `-ENOMEM`
    [[gnu::always_inline]] auto arm(int number, std::uint32_t&, std::uint32_t direction) noexcept -> int {
      if (!places_.has(number) || places_[number] == 0) [[unlikely]]
        return add(number, direction);
      ::pollfd& one = all_[places_[number] - 1];
      if (one.fd < 0) --hidden_;
      one.fd = number;
      one.events = static_cast<short>(one.events | bits(direction));
      return 0;
    }

    /// Hides the number when nobody waits for it at all.
    [[gnu::always_inline]] void disarm(int number, std::uint32_t&, std::uint32_t direction) noexcept {
      const std::uint32_t place = places_.has(number) ? places_[number] : 0;
      if (place == 0) return;
      ::pollfd& one = all_[place - 1];
      one.events = static_cast<short>(one.events & ~bits(direction));
      if (one.events != 0 || one.fd < 0) return;
      one.fd = ~number;
      ++hidden_;
    }

    /// Nothing can be stale.
    auto prove(int, std::uint32_t&) noexcept -> int { return 0; }

    /// Nobody waits, so it is left out already.
    void forget(std::uint32_t&) noexcept {}

    /// Sleeps, then reports at most `Events`; the next wait reports the rest and asks the system only after that. Whoever answers all that
    /// the system found at once would have to fetch each of many sockets from memory twice.
    template <class Seen>
    [[gnu::always_inline]] auto wait(interval limit, Seen&& seen) noexcept -> int {
      if (left_ != 0) {
        if (const int rest = report(seen); rest != 0) return rest;
      }
      if (hidden_ >= first && hidden_ > count_ / 2) [[unlikely]]
        make_dense();
      int outcome = sleep(limit);
      if (outcome == -EINVAL && count_ != 0) [[unlikely]] {
        make_dense();
        if (outcome = sleep(limit); outcome == -EINVAL) return wait_refused(limit, seen);
      }
      if (outcome <= 0) return outcome == -ENOMEM ? wait_refused(limit, seen) : outcome;
      left_ = static_cast<std::uint32_t>(outcome);
      next_ = 0;
      return report(seen);
    }

    /// There is none. \errors `errc::no_handle`
    [[nodiscard]] static auto handle() noexcept -> result<int> { return failure(errc::no_handle); }

   private:
    static constexpr std::uint32_t first = 64;

    // Urgent data that nobody asks for would be reported for ever.
    static auto bits(std::uint32_t direction) noexcept -> int {
      return ((direction & readiness_bits::in) != 0 ? POLLIN | POLLRDHUP : 0) | ((direction & readiness_bits::out) != 0 ? POLLOUT : 0);
    }
    static auto of(short events) noexcept -> std::uint32_t {
      constexpr int broken = POLLERR | POLLHUP | POLLNVAL;
      return ((events & (POLLIN | POLLRDHUP | broken)) != 0 ? readiness_bits::in : 0U) |
             ((events & (POLLOUT | broken)) != 0 ? readiness_bits::out : 0U);
    }

    // What is seen may hide numbers, show them again and add some, but places stay as they are until all are reported.
    template <class Seen>
    [[gnu::noinline]] auto report(Seen& seen) noexcept -> int {
      int reported = 0;
      while (left_ != 0 && reported < static_cast<int>(Events)) {
        const short events = all_[next_].revents;
        const int number = all_[next_++].fd;
        if (events == 0) continue;
        --left_;
        if (number < 0) continue;
        ++reported;
        seen(number, of(events));
      }
      return reported;
    }

    [[gnu::always_inline]] auto sleep(interval limit) const noexcept -> int {
      if (limit == interval::max()) return Os::poll(all_, count_, nullptr);
      constexpr std::int64_t second = 1'000'000'000;
      const ::timespec when{.tv_sec = limit.count / second, .tv_nsec = limit.count % second};
      return Os::poll(all_, count_, &when);
    }

    /// The limit of open descriptors was lowered below what is watched, and the system refuses so many, or has no memory for them: sleeps
    /// for a moment, then has everything tried.
    template <class Seen>
    [[gnu::noinline, gnu::cold]] auto wait_refused(interval limit, Seen& seen) noexcept -> int {
      constexpr std::int64_t moment = 1'000'000;
      const ::timespec when{.tv_sec = 0, .tv_nsec = limit.count < moment ? limit.count : moment};
      if (const int outcome = Os::poll(nullptr, 0, &when); outcome < 0) return outcome;
      const std::uint32_t count = count_;
      for (std::uint32_t i = 0; i < count; ++i)
        if (all_[i].fd >= 0) seen(all_[i].fd, readiness_bits::both);
      return static_cast<int>(count);
    }

    [[gnu::noinline]] auto add(int number, std::uint32_t direction) noexcept -> int {
      std::uint32_t* const place = places_.find(number);
      if (place == nullptr || (count_ == room_ && !grow())) return -ENOMEM;
      all_[count_] = {.fd = number, .events = static_cast<short>(bits(direction)), .revents = 0};
      *place = ++count_;
      return 0;
    }

    [[gnu::noinline]] void make_dense() noexcept {
      std::uint32_t kept = 0;
      for (std::uint32_t i = 0; i < count_; ++i) {
        const ::pollfd one = all_[i];
        if (one.fd < 0) {
          places_[~one.fd] = 0;
        } else {
          all_[kept] = one;
          places_[one.fd] = ++kept;
        }
      }
      count_ = kept;
      hidden_ = 0;
    }

    static constexpr auto bytes_for(std::size_t room) noexcept -> std::size_t { return room * sizeof(::pollfd); }

    [[gnu::noinline]] auto grow() noexcept -> bool {
      const std::uint32_t wanted = room_ == 0 ? first : 2 * room_;
      const auto memory = Os::map(bytes_for(wanted));
      if (!memory) return false;
      auto* const bigger = reinterpret_cast<::pollfd*>(*memory);
      if (all_ != nullptr) {
        std::memcpy(bigger, all_, count_ * sizeof(::pollfd));
        (void)Os::unmap(reinterpret_cast<std::byte*>(all_), bytes_for(room_));
      }
      all_ = bigger;
      room_ = wanted;
      return true;
    }

    ::pollfd* all_ = nullptr;
    std::uint32_t count_ = 0;
    std::uint32_t hidden_ = 0;  // of these
    std::uint32_t room_ = 0;
    std::uint32_t left_ = 0;                                      // so many that the system found are not reported yet
    std::uint32_t next_ = 0;                                      // and none of them is before this place
    sluice::detail::number_table<Os, std::uint32_t, 64> places_;  // one more than the place in the array
  };
};

static_assert(poller_policy<poll, os::linux_>);

}  // namespace sluice::inline v0::poller

#endif
