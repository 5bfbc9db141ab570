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

/// An array of the descriptors that somebody waits for, given to the system with each wait. Nothing is registered, so nothing can be stale;
/// a wait costs time for each descriptor in it.
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
    auto arm(int number, std::uint32_t&, std::uint32_t direction) noexcept -> int {
      std::uint32_t* const place = places_.find(number);
      if (place == nullptr) return -ENOMEM;
      if (*place == 0) {
        if (count_ == room_ && !grow()) return -ENOMEM;
        all_[count_] = {.fd = number, .events = 0, .revents = 0};
        *place = ++count_;
      }
      const std::size_t at = *place - 1;
      all_[at].events = static_cast<short>(all_[at].events | bits(direction));
      return 0;
    }

    /// Leaves the number out when nobody waits for it at all.
    void disarm(int number, std::uint32_t&, std::uint32_t direction) noexcept {
      if (places_[number] == 0) return;
      const std::size_t at = places_[number] - 1;
      all_[at].events = static_cast<short>(all_[at].events & ~bits(direction));
      if (all_[at].events == 0) drop(number);
    }

    /// Nothing can be stale.
    auto prove(int, std::uint32_t&) noexcept -> int { return 0; }

    /// Nobody waits, so it is left out already.
    void forget(std::uint32_t&) noexcept {}

    /// Sleeps, then reports.
    template <class Seen>
    auto wait(interval limit, Seen&& seen) noexcept -> int {
      constexpr std::int64_t second = 1'000'000'000;
      ::timespec when{.tv_sec = limit.count / second, .tv_nsec = limit.count % second};
      const int outcome = Os::poll(all_, count_, limit == interval::max() ? nullptr : &when);
      if (outcome == -EINVAL && count_ != 0) return wait_refused(limit, seen);
      if (outcome <= 0) return outcome;
      // What is seen may change the array: the ready ones are remembered by number first.
      std::uint32_t found = 0;
      int* const numbers = ready_numbers();
      for (std::uint32_t i = 0; i < count_ && found < static_cast<std::uint32_t>(outcome); ++i)
        if (all_[i].revents != 0) numbers[found++] = static_cast<int>(i);
      for (std::uint32_t i = 0; i < found; ++i) {
        const ::pollfd& one = all_[numbers[i]];
        directions()[i] = of(one.revents);
        numbers[i] = one.fd;
      }
      for (std::uint32_t i = 0; i < found; ++i) seen(numbers[i], directions()[i]);
      return static_cast<int>(found);
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

    /// The limit of open descriptors was lowered below what is watched, and the system refuses so many: sleeps for a moment, then has
    /// everything tried.
    template <class Seen>
    [[gnu::noinline, gnu::cold]] auto wait_refused(interval limit, Seen& seen) noexcept -> int {
      constexpr std::int64_t moment = 1'000'000;
      const ::timespec when{.tv_sec = 0, .tv_nsec = limit.count < moment ? limit.count : moment};
      if (const int outcome = Os::poll(nullptr, 0, &when); outcome < 0) return outcome;
      int* const numbers = ready_numbers();
      const std::uint32_t count = count_;
      for (std::uint32_t i = 0; i < count; ++i) numbers[i] = all_[i].fd;
      for (std::uint32_t i = 0; i < count; ++i) seen(numbers[i], readiness_bits::both);
      return static_cast<int>(count);
    }

    void drop(int number) noexcept {
      const std::uint32_t at = places_[number] - 1;
      all_[at] = all_[--count_];
      places_[all_[at].fd] = at + 1;
      places_[number] = 0;
    }

    // One block: what the system reads, and room for what is ready.
    static constexpr auto bytes_for(std::size_t room) noexcept -> std::size_t {
      return room * (sizeof(::pollfd) + sizeof(int) + sizeof(std::uint32_t));
    }
    [[nodiscard]] auto ready_numbers() const noexcept -> int* { return reinterpret_cast<int*>(all_ + room_); }
    [[nodiscard]] auto directions() const noexcept -> std::uint32_t* { return reinterpret_cast<std::uint32_t*>(ready_numbers() + room_); }

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
    std::uint32_t room_ = 0;
    sluice::detail::number_table<Os, std::uint32_t, 64> places_;  // one more than the place in the array
  };
};

static_assert(poller_policy<poll, os::linux_>);

}  // namespace sluice::inline v0::poller

#endif
