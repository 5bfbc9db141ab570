// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Ending a poll that sleeps, from another thread. Part of the policy backend::readiness.

#include <atomic>
#include <cerrno>
#include <cstdint>

namespace sluice::inline v0::detail::readiness {

/// An event descriptor that is written only while the loop sleeps. Two kinds of news: somebody called `wake`, which `take` tells; a thread
/// of the pool has finished something, which is nobody else's business.
template <class Os>
class waker {
 public:
  explicit waker(int event) noexcept : event_{event} {}
  waker(const waker&) = delete;
  auto operator=(const waker&) -> waker& = delete;

  /// The descriptor that is watched.
  [[nodiscard]] auto descriptor() const noexcept -> int { return event_; }

  /// Whether anybody may call `wake`. To be said on the loop's own thread, before those who may are told of the loop.
  void expect_calls(bool any) noexcept { expected_ = any; }

  /// Whether anybody may end a sleep, so that the descriptor has to be watched. `threads`: the pool may.
  [[nodiscard]] auto may_be_rung(bool threads) const noexcept -> bool { return expected_ || threads; }

  /// Before a call that may sleep; `threads`: the pool may finish something meanwhile. A sleep that nobody can end is not announced. False:
  /// do not, there are news.
  [[nodiscard]] auto about_to_sleep(bool threads) noexcept -> bool {
    if (!may_be_rung(threads)) return true;
    asleep_.store(true, std::memory_order_seq_cst);
    if (!called_.load(std::memory_order_seq_cst) && !finished_.load(std::memory_order_seq_cst)) return true;
    awake();
    return false;
  }
  /// After it, before `take` and `take_finished`. A loop inside a foreign one counts as asleep whenever it is not polled: what comes after
  /// this signals again.
  void awake() noexcept {
    if (asleep_.load(std::memory_order_acquire) != foreign_) asleep_.store(foreign_, std::memory_order_seq_cst);
  }

  /// Any thread: ends a sleep.
  void wake() noexcept {
    called_.store(true, std::memory_order_seq_cst);
    ring();
  }
  /// A thread of the pool: ends a sleep.
  void finish() noexcept {
    finished_.store(true, std::memory_order_seq_cst);
    ring();
  }

  /// A foreign loop sleeps from now on.
  void be_foreign() noexcept {
    foreign_ = true;
    awake();
  }
  [[nodiscard]] auto is_foreign() const noexcept -> bool { return foreign_; }

  /// The descriptor was reported.
  void arrived() noexcept {
    std::uint64_t count = 0;
    (void)Os::read(event_, &count, sizeof(count));
  }

  /// Whether there are news: a cheap look.
  [[nodiscard]] auto has_news() const noexcept -> bool {
    return called_.load(std::memory_order_relaxed) || finished_.load(std::memory_order_relaxed);
  }

  /// Whether the pool has finished something since the last time.
  auto take_finished() noexcept -> bool {
    return finished_.load(std::memory_order_relaxed) && finished_.exchange(false, std::memory_order_seq_cst);
  }
  /// Whether somebody has called since the last time.
  auto take() noexcept -> bool {
    if (!called_.load(std::memory_order_seq_cst)) return false;
    // What the callers did before they called is visible after this.
    return called_.exchange(false, std::memory_order_seq_cst);
  }

 private:
  void ring() noexcept {
    if (!asleep_.exchange(false, std::memory_order_seq_cst)) return;
    const std::uint64_t one = 1;
    while (Os::write(event_, &one, sizeof(one)) == -EINTR) {}
  }

  int event_;
  bool foreign_ = false;
  bool expected_ = true;
  alignas(64) std::atomic<bool> asleep_{false};
  std::atomic<bool> called_{false};
  std::atomic<bool> finished_{false};
};

}  // namespace sluice::inline v0::detail::readiness
