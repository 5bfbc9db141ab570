// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What a scheduler does when tasks are asked to end, when none can go on, and when one never ends. Layer: coro.

#include <sluice/coro/newest_first.hpp>
#include <sluice/coro/report.hpp>
#include <sluice/coro/scheduler.hpp>

#include <atomic>
#include <cstdio>
#include <utility>

namespace sluice::inline v0::coro {

/// \cond
template <class Config>
void scheduler<Config>::cancel_all() noexcept {
  frame_type* list = nullptr;
  each_task([&](fiber_type& task) noexcept { task.cold->mark = std::exchange(list, task.cold); });
  // A cancel may end waits, never a task: the list stays as it is meanwhile.
  for (auto* task = newest_first(list); task != nullptr; task = task->mark) request_cancel(*task);
}

template <class Config>
void scheduler<Config>::note_refusal() noexcept {
  note_cut();
  count_refusal();
}

template <class Config>
void scheduler<Config>::count_refusal() noexcept {
  fiber_type& me = *running_;
  if (++me.cold->refused > most_refusals && looping_ && (ending_ || deadlocked_)) abandon(me);
}

template <class Config>
void scheduler<Config>::yield_cancelled() noexcept {
  if (!in_task()) return;
  if ((ending_ || deadlocked_) && cancelled(*running_)) count_refusal();
  give_way();
}

template <class Config>
void scheduler<Config>::note_cut() noexcept {
  for (cancel_scope* scope = running_->cold->scopes(); scope != nullptr; scope = scope->outer) {
    if (scope->cancelled) scope->delivered = true;
    if (scope->shielded) break;
  }
}

template <class Config>
void scheduler<Config>::request_cancel(frame<Config>& task) noexcept {
  if (task.base.cancelled || task.hot->state == fiber_state::finished) return;
  watch().hook(event::task_cancelled{task.id});
  task.base.cancelled = true;
  task.hot->cancelled = true;
  if (task.stop != nullptr) task.stop->request_stop();
  // One wait that ends may ask the next task to end, and so on to any depth: one after the other, not one inside the other.
  *last_to_interrupt_ = &task;
  last_to_interrupt_ = &task.next_to_interrupt;
  task.next_to_interrupt = nullptr;
  if (std::exchange(interrupting_, true)) return;
  for (frame_type* one = first_to_interrupt_; one != nullptr; one = one->next_to_interrupt) interrupt(*one);
  interrupting_ = false;
  first_to_interrupt_ = nullptr;
  last_to_interrupt_ = &first_to_interrupt_;
}

template <class Config>
void scheduler<Config>::interrupt(frame<Config>& task) noexcept {
  fiber_type& hot = *task.hot;
  hot.cancelled = true;
  if (hot.state == fiber_state::parked && hot.wait != nullptr && hot.wait->kind->cancel != nullptr && cancelled(hot))
    hot.wait->kind->cancel(*hot.wait);
}

template <class Config>
void scheduler<Config>::without_hope() noexcept {
  const bool reachable = is_reachable();
  poll_ring(reachable);
  if (!ring_lost_ && !reachable && ready_.empty()) {
    stuck_ = true;
    call_root();
  }
}

template <class Config>
auto scheduler<Config>::attend() noexcept -> bool {
  tell_lost();
  if (live_ == 0) return false;
  if (ring_lost_) {
    abandon_all();
  } else if (std::exchange(stuck_, false)) {
    stuck();
  } else if (std::exchange(report_wanted_, false)) {
    report(stderr);
  }
  tell_lost();
  return live_ != 0;
}

template <class Config>
void scheduler<Config>::listen() noexcept {
  if (inbox_ != nullptr && !inbox_->empty()) inbox_->run_all();
  if (wishes_ == nullptr) return;
  const unsigned asked = wishes_->load(std::memory_order_relaxed);
  if (asked == 0) return;
  wishes_->fetch_and(~asked, std::memory_order_relaxed);
  if ((asked & wish_report) != 0) {
    if (in_task() || looping_) {
      report_wanted_ = true;
      call_root();
    } else {
      report(stderr);
    }
  }
  if ((asked & wish_end) != 0 && wish_target_ != nullptr && *wish_target_ != nullptr) request_cancel(**wish_target_);
}

template <class Config>
void scheduler<Config>::stuck() noexcept {
  if (!deadlocked_) {
    deadlocked_ = true;
    status_ = make_error_code(errc::deadlock);
    report(stderr, "deadlock: every task waits and nothing can wake one");
    cancel_all();
    if (!ready_.empty() || ring_.pending() || ring_.in_flight() != 0) return;
  }
  // A task that joins still waits after a cancel; in a ring of joins that would be for ever.
  each_task([](fiber_type& task) noexcept {
    if (task.state == fiber_state::parked && task.wait->kind->give_up != nullptr) task.wait->kind->give_up(*task.wait);
  });
  if (ready_.empty()) abandon_all();
}

template <class Config>
void scheduler<Config>::abandon_all() noexcept {
  each_task([&](fiber_type& task) noexcept {
    if (task.state == fiber_state::parked || task.state == fiber_state::ready) lose(task);
  });
  ready_.clear(*running_);
}

template <class Config>
void scheduler<Config>::lose(fiber<Config>& task) noexcept {
  task.state = fiber_state::lost;
  // Neither knows of the other any more: each may be gone first.
  if (task.cold->handle != nullptr) *std::exchange(task.cold->handle, nullptr) = nullptr;
  --live_;
  task.next = std::exchange(untold_, &task);
}

template <class Config>
void scheduler<Config>::tell_lost() noexcept {
  while (untold_ != nullptr) {
    print_lost<Config>(*untold_, stderr);
    untold_ = untold_->next;
  }
}

template <class Config>
void scheduler<Config>::abandon(fiber<Config>& me) noexcept {
  lose(me);
  call_root();
  for (;;) {
    fiber_type* const next = take();
    switch_to(me, *next);
  }
}
/// \endcond

}  // namespace sluice::inline v0::coro
