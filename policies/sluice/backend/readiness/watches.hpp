// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Descriptors of which any kind of readiness is waited for. Part of the policy backend::readiness.

#include <sluice/backend/readiness/calls.hpp>
#include <sluice/backend/readiness/request.hpp>
#include <sluice/detail/number_table.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <utility>

#include <poll.h>
#include <sys/epoll.h>

namespace sluice::inline v0::detail::readiness {

/// A request that waits for bits of poll(2).
struct watch_request : request {
  watch_request* next_here;  // on the same descriptor
  std::uint32_t events;
};

/// What of its events is there now: bits of poll(2), zero for none, or minus the error.
template <class Os>
auto look_now(const watch_request& one) noexcept -> int {
  if (one.descriptor < 0) return -EBADF;
  ::pollfd now{.fd = one.descriptor, .events = static_cast<short>(one.events), .revents = 0};
  const ::timespec at_once{};
  const int count = uninterrupted([&]() noexcept { return Os::poll(&now, 1, &at_once); });
  if (count <= 0) return count;
  return (now.revents & POLLNVAL) != 0 ? -EBADF : now.revents;
}

/// What `op::poll_once` waits for. Lines know two directions and whoever stands in front; here everybody waits for bits of their own, so
/// there is a set of the system's besides, which the poller watches. Programs that do not poll do not contain it.
template <class Os>
class watches {
  static_assert(EPOLLIN == POLLIN && EPOLLPRI == POLLPRI && EPOLLOUT == POLLOUT && EPOLLERR == POLLERR && EPOLLHUP == POLLHUP &&
                EPOLLRDHUP == POLLRDHUP);

 public:
  using report = void (*)(void* home, request& one, std::int32_t raw) noexcept;

  watches() noexcept = default;
  watches(const watches&) = delete;
  auto operator=(const watches&) -> watches& = delete;

  /// Closes what was opened.
  void close() noexcept {
    if (set_ >= 0) (void)Os::close(std::exchange(set_, -1));
  }

  /// Has it wait; `told(home, request, events)` when one of its events is there. `watch(descriptor)` has the set watched: zero, or minus
  /// the error. Zero, or minus the error: then it does not wait.
  template <class Watch>
  auto add(watch_request& one, void* home, report told, Watch&& watch) noexcept -> int {
    if (set_ < 0) {
      const int made = Os::epoll_create();
      if (made < 0) return made;
      if (const int refused = watch(made); refused < 0) {
        (void)Os::close(made);
        return refused;
      }
      set_ = made;
      home_ = home;
      told_ = told;
      ready_ = [](watches& self) noexcept { self.take_ready(); };
      remove_ = [](watches& self, watch_request& which) noexcept { self.take_out(which); };
    }
    auto* const here = rows_.find(one.descriptor);
    if (here == nullptr) return -ENOMEM;
    one.next_here = std::exchange(here->first, &one);
    if (const int refused = tell(one.descriptor); refused < 0) {
      here->first = one.next_here;
      return refused;
    }
    one.where = stage::watched;
    all_.push_back(one);
    return 0;
  }

  /// It waits no longer.
  void remove(request& one) noexcept { remove_(*this, static_cast<watch_request&>(one)); }

  /// Whether any waits.
  [[nodiscard]] auto empty() const noexcept -> bool { return all_.empty(); }
  /// Those that wait.
  [[nodiscard]] auto all() const noexcept -> request* { return all_.head; }
  /// Its set; -1 before the first one waited.
  [[nodiscard]] auto descriptor() const noexcept -> int { return set_; }
  /// The set was reported.
  void arrived() noexcept { ready_(*this); }

 private:
  struct row_of_watches {
    watch_request* first;
  };

  void take_out(watch_request& one) noexcept {
    unlink(one);
    (void)tell(one.descriptor);
  }

  void unlink(watch_request& one) noexcept {
    watch_request** place = &rows_[one.descriptor].first;
    while (*place != &one) place = &(*place)->next_here;
    *place = one.next_here;
    all_.erase(one);
  }

  void take_ready() noexcept {
    constexpr int most = 32;
    ::epoll_event events[most];
    for (int count = most; count == most;) {
      count = uninterrupted([&]() noexcept { return Os::epoll_wait(set_, events, most, 0); });
      for (int i = 0; i < count; ++i) hand_out(events[i].data.fd, events[i].events);
    }
  }

  void hand_out(int number, std::uint32_t ready) noexcept {
    watch_request* one = rows_[number].first;
    while (one != nullptr) {
      watch_request* const after = one->next_here;
      if (const std::uint32_t told = ready & (one->events | EPOLLERR | EPOLLHUP); told != 0) {
        unlink(*one);
        told_(home_, *one, static_cast<std::int32_t>(told));
      }
      one = after;
    }
    (void)tell(number);
  }

  /// Tells the system what is waited for on a descriptor.
  auto tell(int number) noexcept -> int {
    ::epoll_event event{};
    event.data.fd = number;
    const watch_request* one = rows_[number].first;
    if (one == nullptr) return Os::epoll_ctl(set_, EPOLL_CTL_DEL, number, &event);
    // Edge-triggered, for the set is watched so: a descriptor that was reported must not stay among the ready ones, where it would hide
    // that it is ready again from whoever watches the set. What is ready now is reported after each of these calls.
    event.events = EPOLLET;
    for (; one != nullptr; one = one->next_here) event.events |= one->events;
    const int outcome = Os::epoll_ctl(set_, EPOLL_CTL_MOD, number, &event);
    return outcome == -ENOENT ? Os::epoll_ctl(set_, EPOLL_CTL_ADD, number, &event) : outcome;
  }

  int set_ = -1;
  void* home_ = nullptr;
  report told_ = nullptr;
  void (*ready_)(watches&) noexcept = nullptr;
  void (*remove_)(watches&, watch_request&) noexcept = nullptr;
  request_list all_{};
  sluice::detail::number_table<Os, row_of_watches, 8> rows_;
};

}  // namespace sluice::inline v0::detail::readiness

#endif
