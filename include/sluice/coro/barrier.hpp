// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A place where the tasks of one scheduler wait for each other, again and again. Layer: coro.

#include <sluice/coro/wait_queue.hpp>
#include <sluice/result.hpp>

#include <cassert>
#include <cstddef>

namespace sluice::inline v0::coro {

/// Holds tasks until so many have arrived, lets them go together, and begins anew. Nothing in it is atomic.
/// \lifetime nobody waits for it when it is destroyed
template <class Config>
class basic_barrier {
 public:
  /// For so many a phase, at least one.
  constexpr explicit basic_barrier(std::size_t expected) noexcept : expected_{expected}, left_{expected} {
    assert(expected != 0 && "[sluice.coro.barrier] a barrier is for one task at least");
  }
  basic_barrier(const basic_barrier&) = delete;
  auto operator=(const basic_barrier&) -> basic_barrier& = delete;
  ~basic_barrier() { assert(line_.empty() && "[sluice.coro.barrier] a barrier was destroyed while tasks wait for it"); }

  /// Arrives and waits for the others of this phase. True for the last one, which lets the others go and has not waited.
  /// \errors `operation_canceled` once the task was asked to end: its arrival is taken back, the phase still needs as many;
  /// `operation_not_permitted` if it would have to wait outside a task
  [[nodiscard]] auto arrive_and_wait() noexcept -> result<bool> {
    const caller<Config> me;
    if (me.is_task() && me.is_refused()) [[unlikely]]
      return canceled();
    if (left_ == 1) {
      complete();
      return true;
    }
    if (!me.is_task()) return no_task();
    --left_;
    wait_for_others w{*this, me.task()};
    if (!stand_in<Config>(line_, w)) return canceled();
    return false;
  }
  /// Arrives, and counts no more from the next phase on; does not wait. \pre there is somebody left to leave
  void arrive_and_drop() noexcept {
    assert(expected_ != 0 && "[sluice.coro.barrier] more tasks left a barrier than it was made for");
    --expected_;
    if (--left_ == 0) complete();
  }
  /// How many have to arrive yet in this phase.
  [[nodiscard]] auto missing() const noexcept -> std::size_t { return left_; }

 private:
  struct wait_for_others : line_wait<Config> {
    basic_barrier* what;

    wait_for_others(basic_barrier& barrier, fiber<Config>& who) noexcept : line_wait<Config>{facts, who}, what{&barrier} {}
    static void end(waiting& base) noexcept {
      line_wait<Config>::cut_short(base);
      ++static_cast<wait_for_others&>(base).what->left_;
    }
    static void forget(waiting& base) noexcept {
      auto& self = static_cast<wait_for_others&>(base);
      if (self.linked()) ++self.what->left_;
      line_wait<Config>::forget(base);
    }
  };

  void complete() noexcept {
    left_ = expected_;
    while (auto* const w = line_.pop_front()) w->go_on();
  }

  static constexpr wait_kind facts{.what = "a barrier", .cancel = &wait_for_others::end, .forget = &wait_for_others::forget};

  std::size_t expected_;
  std::size_t left_;
  wait_line<Config> line_;
};

}  // namespace sluice::inline v0::coro
