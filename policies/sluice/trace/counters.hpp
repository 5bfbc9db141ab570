// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// `trace::counters`: how often each event came. Layer: policy.

#include <sluice/concept/trace.hpp>
#include <sluice/fwd.hpp>

#include <cstdint>
#include <string_view>

namespace sluice::inline v0 {

namespace trace {

/// The numbers that `trace::counters` keeps: for each event how often it came, and the sums of what the events carry.
/// \units events where nothing else is said
struct counts {
  std::uint64_t task_spawned = 0;         ///< tasks made
  std::uint64_t task_parked = 0;          ///< waits of tasks that began
  std::uint64_t task_ready = 0;           ///< waits of tasks that ended
  std::uint64_t task_resumed = 0;         ///< times that a task started or went on
  std::uint64_t task_cancelled = 0;       ///< tasks asked to end
  std::uint64_t task_finished = 0;        ///< tasks that ended
  std::uint64_t op_queued = 0;            ///< operations put in the queue
  std::uint64_t op_inline = 0;            ///< operations done at once, without the queue
  std::uint64_t op_completed = 0;         ///< operations done through the queue
  std::uint64_t op_cancelled = 0;         ///< operations asked to end
  std::uint64_t submitted = 0;            ///< times that the system was given operations
  std::uint64_t polled = 0;               ///< times that the system was polled
  std::uint64_t queue_full = 0;           ///< flushes in the middle of a tick
  std::uint64_t completion_overflow = 0;  ///< times that the kernel had to keep completions
  std::uint64_t timer_fired = 0;          ///< timers that fired
  std::uint64_t submissions = 0;          ///< operations that the system took, summed over `submitted`
  std::uint64_t completions = 0;          ///< completions that it brought, summed over `polled`
  std::uint64_t waits = 0;                ///< polls that were allowed to sleep
  std::uint64_t failures = 0;             ///< operations, inline or not, whose result was an error
  std::int64_t latest_timer = 0;          ///< how long after its deadline the latest timer fired, nanoseconds

  /// Whether all numbers are equal.
  friend constexpr auto operator==(const counts&, const counts&) noexcept -> bool = default;

  /// Calls `visit(name, pointer to member)` for each number, in order of declaration.
  static constexpr void describe(auto&& visit) {
    visit("task_spawned", &counts::task_spawned);
    visit("task_parked", &counts::task_parked);
    visit("task_ready", &counts::task_ready);
    visit("task_resumed", &counts::task_resumed);
    visit("task_cancelled", &counts::task_cancelled);
    visit("task_finished", &counts::task_finished);
    visit("op_queued", &counts::op_queued);
    visit("op_inline", &counts::op_inline);
    visit("op_completed", &counts::op_completed);
    visit("op_cancelled", &counts::op_cancelled);
    visit("submitted", &counts::submitted);
    visit("polled", &counts::polled);
    visit("queue_full", &counts::queue_full);
    visit("completion_overflow", &counts::completion_overflow);
    visit("timer_fired", &counts::timer_fired);
    visit("submissions", &counts::submissions);
    visit("completions", &counts::completions);
    visit("waits", &counts::waits);
    visit("failures", &counts::failures);
    visit("latest_timer", &counts::latest_timer);
  }
};

/// Counts events; an addition to a member each. It belongs to its scheduler's thread.
/// \complexity O(1) an event \allocates nothing
class counters {
 public:
  static constexpr auto kind = policy_kind::trace;      ///< what it decides
  static constexpr std::string_view name = "counters";  ///< what it is called

  /// A copy of the numbers as they are.
  [[nodiscard]] constexpr auto snapshot() const noexcept -> counts { return counts_; }
  /// Sets all numbers to zero.
  constexpr void reset() noexcept { counts_ = {}; }

  /// \name Hooks
  /// @{
  constexpr void on(event::task_spawned) noexcept { ++counts_.task_spawned; }      ///< counts it
  constexpr void on(event::task_parked) noexcept { ++counts_.task_parked; }        ///< counts it
  constexpr void on(event::task_ready) noexcept { ++counts_.task_ready; }          ///< counts it
  constexpr void on(event::task_resumed) noexcept { ++counts_.task_resumed; }      ///< counts it
  constexpr void on(event::task_cancelled) noexcept { ++counts_.task_cancelled; }  ///< counts it
  constexpr void on(event::task_finished) noexcept { ++counts_.task_finished; }    ///< counts it
  constexpr void on(event::op_queued) noexcept { ++counts_.op_queued; }            ///< counts it
  /// Counts it, and whether it failed.
  constexpr void on(event::op_inline e) noexcept {
    ++counts_.op_inline;
    counts_.failures += e.result < 0 ? 1U : 0U;
  }
  /// Counts it, and whether it failed.
  constexpr void on(event::op_completed e) noexcept {
    ++counts_.op_completed;
    counts_.failures += e.result < 0 ? 1U : 0U;
  }
  constexpr void on(event::op_cancelled) noexcept { ++counts_.op_cancelled; }  ///< counts it
  /// Counts it, and adds up the operations.
  constexpr void on(event::submitted e) noexcept {
    ++counts_.submitted;
    counts_.submissions += e.count;
  }
  /// Counts it, adds up the completions, and counts whether it was allowed to sleep.
  constexpr void on(event::polled e) noexcept {
    ++counts_.polled;
    counts_.completions += e.completions;
    counts_.waits += e.waited ? 1U : 0U;
  }
  constexpr void on(event::queue_full) noexcept { ++counts_.queue_full; }                    ///< counts it
  constexpr void on(event::completion_overflow) noexcept { ++counts_.completion_overflow; }  ///< counts it
  /// Counts it, and keeps the greatest delay.
  constexpr void on(event::timer_fired e) noexcept {
    ++counts_.timer_fired;
    if (e.late > counts_.latest_timer) counts_.latest_timer = e.late;
  }
  /// @}

 private:
  counts counts_;
};

static_assert(trace_policy<counters>);

}  // namespace trace

}  // namespace sluice::inline v0
