// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Something that happens, for tasks and threads everywhere. Layer: coro.

#include <sluice/coro/remote_wait.hpp>
#include <sluice/result.hpp>

#include <atomic>

namespace sluice::inline v0::coro {

/// As `basic_event`, and any thread and any task of this config, on whatever thread, may set it and wait for it. A wait outside a task
/// blocks the thread. While nobody waits, none of its calls enters the system.
/// \lifetime nobody waits for it or sets it when it is destroyed
template <class Config>
class basic_remote_event {
 public:
  /// Not happened, unless said otherwise.
  explicit basic_remote_event(bool happened = false) noexcept : set_{happened} {}
  basic_remote_event(const basic_remote_event&) = delete;
  auto operator=(const basic_remote_event&) -> basic_remote_event& = delete;

  /// Waits until it has happened. What was done before `set` is seen afterwards.
  /// \errors `operation_canceled` once the task was asked to end; `not_enough_memory` at the first remote wait in a scheduler
  [[nodiscard]] auto wait() noexcept -> result<void> {
    const caller<Config> me;
    if (me.is_task() && me.is_refused()) [[unlikely]]
      return canceled();
    if (set_.load(std::memory_order_acquire)) return {};
    return wait_remotely<Config>(line_, facts, [this]() noexcept { return set_.load(std::memory_order_seq_cst); });
  }
  /// It has happened: all that wait go on.
  void set() noexcept {
    set_.store(true, std::memory_order_seq_cst);
    if (line_.may_have_waiters()) line_.wake_all();
  }
  /// It has not happened any more.
  void reset() noexcept { set_.store(false, std::memory_order_release); }
  /// Whether it has happened.
  [[nodiscard]] auto is_set() const noexcept -> bool { return set_.load(std::memory_order_acquire); }

 private:
  static constexpr wait_kind facts{
      .what = "a remote event", .cancel = &waiting_task<Config>::cut_short, .forget = &waiting_task<Config>::forget};

  std::atomic<bool> set_;
  remote_line line_;
};

}  // namespace sluice::inline v0::coro
