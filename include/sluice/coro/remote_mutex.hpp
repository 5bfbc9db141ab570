// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Mutual exclusion among tasks and threads everywhere. Layer: coro.

#include <sluice/coro/mutex.hpp>
#include <sluice/coro/remote_wait.hpp>
#include <sluice/result.hpp>

#include <atomic>
#include <cstdint>
#include <thread>

namespace sluice::inline v0::coro {

/// One at a time, of all tasks of this config, on whatever thread, and all threads. First come, first served among those that wait: whoever
/// unlocks hands it to the one that waits longest. A wait in a task lets the other tasks of its scheduler run, one outside blocks the
/// thread. While nobody waits, none of its calls enters the system.
/// \lifetime nobody holds it or waits for it when it is destroyed
template <class Config>
class basic_remote_mutex {
 public:
  /// Holds it; lets go at its end, on whatever thread that is.
  using guard = basic_lock<basic_remote_mutex>;

  /// Free.
  basic_remote_mutex() noexcept = default;
  basic_remote_mutex(const basic_remote_mutex&) = delete;
  auto operator=(const basic_remote_mutex&) -> basic_remote_mutex& = delete;

  /// Waits until the caller has it. Cannot fail, and is not cut short when the task is asked to end. If there is no memory for a first
  /// remote wait in a scheduler, it tries again and again.
  auto lock() noexcept -> guard {
    if (!take()) {
      while (!wait(steadfast_wait)) std::this_thread::yield();
    }
    return guard{this};
  }
  /// The same for a task that does not insist. \errors `operation_canceled` once the task was asked to end, and the mutex is as before;
  /// `not_enough_memory` at the first remote wait in a scheduler
  [[nodiscard]] auto lock_cancellable() noexcept -> result<guard> {
    const caller<Config> me;
    if (me.is_task() && me.is_refused()) [[unlikely]]
      return canceled();
    if (!take()) {
      if (const auto waited = wait(cancellable_wait); !waited) return std::unexpected{waited.error()};
    }
    return guard{this};
  }
  /// What can be had at once: a guard that holds it, or one that holds nothing.
  [[nodiscard]] auto try_lock() noexcept -> guard { return guard{take() ? this : nullptr}; }

  /// \cond
  void let_go() noexcept {
    std::uint32_t expected = held;
    if (word_.compare_exchange_strong(expected, free, std::memory_order_release, std::memory_order_relaxed)) [[likely]]
      return;
    pass_on();
  }
  /// \endcond

 private:
  static constexpr std::uint32_t free = 0;
  static constexpr std::uint32_t held = 1;
  static constexpr std::uint32_t wanted = 2;  // held, and there may be others who want it

  [[nodiscard]] auto take() noexcept -> bool {
    std::uint32_t expected = free;
    return word_.compare_exchange_strong(expected, held, std::memory_order_acquire, std::memory_order_relaxed);
  }

  auto wait(const wait_kind& facts) noexcept -> result<void> {
    // From here on whoever has it looks at the line before it lets go, and the line's lock is ours.
    return wait_remotely<Config>(line_, facts, [this]() noexcept { return word_.exchange(wanted, std::memory_order_acquire) == free; });
  }

  [[gnu::noinline]] void pass_on() noexcept {
    auto lock = line_.lock();
    auto* const next = line_.pop_front();
    if (next == nullptr) word_.store(free, std::memory_order_release);
    lock.unlock();
    if (next != nullptr) next->signal(*next);
  }

  static constexpr wait_kind cancellable_wait{
      .what = "a remote mutex", .cancel = &waiting_task<Config>::cut_short, .forget = &waiting_task<Config>::forget};
  static constexpr wait_kind steadfast_wait{.what = "a remote mutex", .forget = &waiting_task<Config>::forget};

  std::atomic<std::uint32_t> word_{free};
  remote_line line_;
};

}  // namespace sluice::inline v0::coro
