// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Mutual exclusion among the tasks of one scheduler. Layer: coro.

#include <sluice/coro/wait_queue.hpp>
#include <sluice/result.hpp>

#include <cassert>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace sluice::inline v0::coro {

/// \cond
// How a mutex is held: alone, or beside others.
struct held_alone {
  template <class Mutex>
  [[gnu::always_inline]] static void let_go(Mutex& mutex) noexcept {
    mutex.let_go();
  }
};
struct held_shared {
  template <class Mutex>
  static void let_go(Mutex& mutex) noexcept {
    mutex.let_go_shared();
  }
};
/// \endcond

/// Holds a mutex, or nothing; lets go of it at its end. Moves; may be handed to another task of the scheduler.
template <class Mutex, class Side = held_alone>
class [[nodiscard]] basic_lock {
 public:
  /// Holds nothing.
  constexpr basic_lock() noexcept = default;
  /// \cond
  [[gnu::always_inline]] constexpr explicit basic_lock(Mutex* what) noexcept : mutex_{what} {}
  /// \endcond
  /// Takes over; the other holds nothing.
  [[gnu::always_inline]] constexpr basic_lock(basic_lock&& other) noexcept : mutex_{std::exchange(other.mutex_, nullptr)} {}
  /// Lets go of what it held, then takes over.
  constexpr auto operator=(basic_lock&& other) noexcept -> basic_lock& {
    if (this != &other) {
      unlock();
      mutex_ = std::exchange(other.mutex_, nullptr);
    }
    return *this;
  }
  [[gnu::always_inline]] constexpr ~basic_lock() { unlock(); }

  /// Lets go before the end; harmless when it holds nothing.
  [[gnu::always_inline]] constexpr void unlock() noexcept {
    if (mutex_ != nullptr) Side::let_go(*std::exchange(mutex_, nullptr));
  }
  /// Whether it holds a mutex.
  [[nodiscard]] constexpr explicit operator bool() const noexcept { return mutex_ != nullptr; }
  /// Which one; null for none.
  [[nodiscard]] constexpr auto mutex() const noexcept -> Mutex* { return mutex_; }

 private:
  Mutex* mutex_ = nullptr;
};

/// \cond
[[noreturn, gnu::noinline, gnu::cold]] inline void locked_for_ever() noexcept {
  std::fputs("sluice: a mutex is locked outside of any task, and whoever has it never lets go\n", stderr);
  std::abort();
}
/// \endcond

/// One task at a time, first come, first served: whoever unlocks hands it to the one that waits longest. Nothing in it is atomic; between
/// schedulers and threads use `remote_mutex`. A task that locks what it holds already waits for itself, which the report names as a cycle.
/// \lifetime nobody waits for it when it is destroyed; it may be used by one scheduler after another, one at a time
template <class Config>
class basic_mutex {
 public:
  /// Holds it; lets go at its end.
  using guard = basic_lock<basic_mutex>;

  /// Free.
  constexpr basic_mutex() noexcept = default;
  basic_mutex(const basic_mutex&) = delete;
  auto operator=(const basic_mutex&) -> basic_mutex& = delete;
  ~basic_mutex() { assert(line_.empty() && "[sluice.coro.mutex] a mutex was destroyed while tasks wait for it"); }

  /// Waits until the caller has it. Cannot fail, and is not cut short when the task is asked to end: what comes after it would run
  /// unlocked. Outside a task it may wait only where a polled scheduler can be driven meanwhile; where that never ends, the program does,
  /// with a sentence.
  [[gnu::always_inline]] auto lock() noexcept -> guard {
    if (!held_) [[likely]]
      take();
    else
      wait();
    return guard{this};
  }
  /// The same for a task that does not insist. \errors `operation_canceled` once the task was asked to end, and the mutex is as before;
  /// `operation_not_permitted` if it would have to wait outside a task
  [[nodiscard]] auto lock_cancellable() noexcept -> result<guard> {
    const caller<Config> me;
    if (me.is_task() && me.is_refused()) [[unlikely]]
      return canceled();
    if (!held_) [[likely]] {
      take();
      return guard{this};
    }
    if (!me.is_task()) return no_task();
    wait_to_lock w{cancellable_wait, *this, me.task()};
    if (!stand_in<Config>(line_, w)) return canceled();
    return guard{this};
  }
  /// What can be had at once: a guard that holds it, or one that holds nothing.
  [[nodiscard]] auto try_lock() noexcept -> guard {
    if (held_) return guard{};
    take();
    return guard{this};
  }
  /// Whether somebody has it.
  [[nodiscard]] auto is_locked() const noexcept -> bool { return held_; }

  /// \cond
  [[gnu::always_inline]] void let_go() noexcept {
    if (line_.empty()) [[likely]]
      held_ = false;
    else
      pass_on();
  }
  /// \endcond

 private:
  template <class C>
  friend class basic_condition_variable;

  struct wait_to_lock : line_wait<Config> {
    basic_mutex* what;

    wait_to_lock(const wait_kind& facts, basic_mutex& mutex, fiber<Config>& who) noexcept : line_wait<Config>{facts, who}, what{&mutex} {}
    static auto holder(const waiting& base) noexcept -> const void* {
      return static_cast<const wait_to_lock&>(base).what->holder_.frame_of();
    }
  };

  [[gnu::always_inline]] void take() noexcept {
    held_ = true;
    if (auto* const home = sluice::detail::current<Config>) [[likely]]
      holder_.set(home->self());
    else
      holder_.clear();
  }

  [[gnu::noinline]] void pass_on() noexcept {
    line_wait<Config>& next = *line_.pop_front();
    holder_.set(*next.task);
    next.go_on();
  }

  [[gnu::noinline]] void wait() noexcept {
    const caller<Config> me;
    if (!me.is_task()) return wait_outside(me.home);
    wait_to_lock w{steadfast_wait, *this, me.task()};
    (void)stand_in<Config>(line_, w);
  }

  [[gnu::noinline, gnu::cold]] void wait_outside(scheduler<Config>* home) noexcept {
    if (home == nullptr) home = holder_.home();
    const auto is_free = [](const void* self) noexcept { return !static_cast<const basic_mutex*>(self)->held_; };
    if (home == nullptr || !home->drive(is_free, this)) locked_for_ever();
    take();
  }

  // A task that waits for a notification lines up here when it comes: it has to have the mutex again, whatever it was asked meanwhile.
  void line_up(line_wait<Config>& w) noexcept {
    w.kind = &steadfast_wait;
    if (held_) {
      line_.push_back(w);
    } else {
      held_ = true;
      holder_.set(*w.task);
      w.go_on();
    }
  }

  static constexpr wait_kind cancellable_wait{
      .what = "a mutex", .cancel = &line_wait<Config>::cut_short, .on = &wait_to_lock::holder, .forget = &line_wait<Config>::forget};
  static constexpr wait_kind steadfast_wait{.what = "a mutex", .on = &wait_to_lock::holder, .forget = &line_wait<Config>::forget};

  bool held_ = false;
  remembered_task<Config> holder_;
  wait_line<Config> line_;
};

}  // namespace sluice::inline v0::coro
