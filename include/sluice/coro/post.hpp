// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Work for a scheduler from other threads. Layer: coro.

#include <sluice/concept/callable.hpp>
#include <sluice/coro/current.hpp>
#include <sluice/coro/inbox.hpp>
#include <sluice/coro/last_resort.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/result.hpp>

#include <new>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::coro {

/// A scheduler as other threads know it. Copyable, harmless when the scheduler has gone. As long as one of them exists, a scheduler whose
/// tasks all wait is not called deadlocked: somebody may still post.
template <class Config>
class remote_scheduler {
 public:
  /// Names nothing.
  remote_scheduler() noexcept = default;
  /// \cond
  explicit remote_scheduler(inbox* where) noexcept : inbox_{where} {
    if (where != nullptr) where->acquire();
  }
  /// \endcond
  /// Another name for the same scheduler.
  remote_scheduler(const remote_scheduler& other) noexcept : remote_scheduler{other.inbox_} {}
  /// Takes over; the other names nothing.
  remote_scheduler(remote_scheduler&& other) noexcept : inbox_{std::exchange(other.inbox_, nullptr)} {}
  /// Names what the other names.
  auto operator=(remote_scheduler other) noexcept -> remote_scheduler& {
    std::swap(inbox_, other.inbox_);
    return *this;
  }
  ~remote_scheduler() {
    if (inbox_ != nullptr) inbox_->release();
  }

  /// Has `f(args...)` run as a task of that scheduler, which owns it; from any thread. What is posted from one thread starts in that order.
  /// It costs a system call only if the scheduler sleeps. What has not begun when the scheduler ends never runs, as a task that is
  /// cancelled before it began: it is destroyed. \allocates one message
  /// \errors `operation_canceled` if the scheduler has gone; `not_enough_memory`. What keeps the task from being made there is told by that
  /// scheduler's `run`
  template <class F, class... Args>
  auto post(F&& f, Args&&... args) const -> result<void> {
    if constexpr (!sluice::detail::check_task<F, Args...>()) {
      return {};
    } else {
      if (inbox_ == nullptr) return canceled();
      using letter_type = letter<std::decay_t<F>, std::decay_t<Args>...>;
      auto* const one = new (std::nothrow) letter_type{std::forward<F>(f), std::forward<Args>(args)...};
      if (one == nullptr) return failure(std::errc::not_enough_memory);
      const auto posted = inbox_->post(*one);
      if (!posted) delete one;
      return posted;
    }
  }
  /// Whether it names a scheduler, which may have gone.
  [[nodiscard]] explicit operator bool() const noexcept { return inbox_ != nullptr; }

 private:
  template <class F, class... Args>
  struct letter : message {
    template <class G, class... As>
    explicit letter(G&& g, As&&... as) : f{std::forward<G>(g)}, args{std::forward<As>(as)...} {
      run = &letter::open;
    }
    static void open(message& base, void* where) noexcept {
      struct opened {
        letter* self;
        ~opened() { delete self; }
      } const one{static_cast<letter*>(&base)};
      auto* const self = one.self;
      if (where == nullptr) return;
      std::apply([&](Args&... each) { static_cast<scheduler<Config>*>(where)->spawn(std::move(self->f), std::move(each)...); }, self->args);
    }

    F f;
    std::tuple<Args...> args;
  };

  inbox* inbox_ = nullptr;
};

}  // namespace sluice::inline v0::coro
