// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What a scheduler does when tasks are asked to end, when none can go on, and when one never ends. Layer: coro.

#include <sluice/coro/driving.hpp>
#include <sluice/coro/last_words.hpp>
#include <sluice/coro/newest_first.hpp>
#include <sluice/coro/report.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/coro/turns.hpp>

#include <atomic>
#include <cassert>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <new>
#include <utility>

namespace sluice::inline v0::coro {

/// \cond
template <class Config>
scheduler<Config>::~scheduler() {
  if (ring_.in_child()) {
    if (inbox_ != nullptr) inbox_->act(*inbox_, inbox::action::leave);
    return;
  }
  if (live_ != 0) {
    ending_ = true;
    cancel_all();
    begin_grace();
    (void)run();
  }
  each_task([](fiber_type& task) noexcept {
    if (task.cold->handle != nullptr) *task.cold->handle = nullptr;
  });
  // What finished and was never fetched; it may own handles itself, which are empty by now.
  each_task([&](fiber_type& task) noexcept {
    if (task.state != fiber_state::finished) return;
    frame_type& ended = *task.cold;
    ended.drop(ended);
    housing_.release_rarely(ended);
  });
  while (attachments_ != nullptr) {
    attachment& one = *std::exchange(attachments_, attachments_->next);
    one.end(one);
  }
  if (inbox_ != nullptr) inbox_->act(*inbox_, inbox::action::close);
}

template <class Config>
[[gnu::cold]] void scheduler<Config>::report_stacks(std::FILE* out) noexcept {
  static_assert(
      measured_stack_policy<stack_type>,
      "[sluice.stack.high_water] this stack policy cannot say how much of a stack was used; use stack::guarded or stack::painted");
  if constexpr (measured_stack_policy<stack_type>) {
    stack_table* const living = new (std::nothrow) stack_table;
    if (living == nullptr) return;
    each_task([&](fiber_type& task) noexcept {
      if (&task != &root_) living->note(*task.cold, housing_.stacks().high_water(task.cold->stack));
    });
    living->print(out, "tasks that live");
    delete living;
    if constexpr (measures_ended<stack_type>) housing_.ended().print(out, "tasks that have ended");
  }
}

template <class Config>
void scheduler<Config>::cancel_all() noexcept {
  check_thread();
  frame_type* list = nullptr;
  // A cancel may end waits, never a task. What has ended may go meanwhile: stop callbacks may spawn, or let go of a handle.
  each_task([&](fiber_type& task) noexcept {
    if (task.state != fiber_state::finished) task.cold->mark = std::exchange(list, task.cold);
  });
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
void scheduler<Config>::recall(frame<Config>& child) noexcept {
  const bool late = came_late(child);
  request_cancel(child);
  if (late && in_task() && cancelled(*running_)) count_refusal();
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
  check_thread();
  if (task.base.cancelled || task.hot->state == fiber_state::finished) return;
  watch().hook(event::task_cancelled{task.id});
  task.base.cancelled = true;
  task.hot->cancelled = true;
  if (task.stop != nullptr) {
    const interlude turn{*this};
    task.stop->tell(*task.stop);
  }
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
void scheduler<Config>::end_scope(const scope_deadline& limit) noexcept {
  const interlude turn{*this};
  limit.scope->cancelled = true;
  interrupt(*limit.task);
}

template <class Config>
void scheduler<Config>::interrupt(frame<Config>& task) noexcept {
  fiber_type& hot = *task.hot;
  hot.cancelled = true;
  if (hot.state == fiber_state::parked && hot.wait != nullptr && hot.wait->kind->cancel != nullptr && cancelled(hot))
    hot.wait->kind->cancel(*hot.wait);
}

template <class Config>
void scheduler<Config>::end_handle(frame<Config>*& handle) noexcept {
  assert(handle->joiner == nullptr && "a handle was destroyed, or assigned to, while a task joins through it");
  if (handle->hot->state != fiber_state::finished) {
    recall(*handle);
    // A task cannot wait for itself, and a scheduler that another one of its config interrupts cannot run: then it ends on its own.
    const auto ended = await_end(handle, false);
    if (handle == nullptr) return;
    if (!ended && handle->hot->state != fiber_state::finished) {
      std::exchange(handle, nullptr)->handle = nullptr;
      return;
    }
  }
  frame_type& task = *std::exchange(handle, nullptr);
  task.drop(task);
  release_rarely(task);
}

template <class Config>
void scheduler<Config>::release_rarely(frame<Config>& task) noexcept {
  if (task.hot == polling_)
    task.handle = nullptr;
  else
    housing_.release_rarely(task);
}

template <class Config>
void scheduler<Config>::take_exception(ended_frame<Config>& task) noexcept {
  if (task.handle != nullptr || task.parent != nullptr) return task.note_exception();
  last_words<os> out;
  out.task("sluice: an exception left a task that nobody joins, #", task);
  try {
    throw;
  } catch (const std::exception& thrown) { out.text(": ").text(thrown.what()); } catch (...) {
  }
  out.text("\n").print();
  if (!cancelled(*task.hot)) std::terminate();
}

template <class Config>
void scheduler<Config>::rethrow(frame<Config>*& handle) {
  auto& task = static_cast<ended_frame<Config>&>(*std::exchange(handle, nullptr));
  auto thrown = std::exchange(task.exception, nullptr);
  release_rarely(task);
  std::rethrow_exception(std::move(thrown));
}

template <class Config>
auto scheduler<Config>::await_end(frame<Config>*& handle, bool cancellable) noexcept -> result<void> {
  // Of a handle; one whose scheduler has gone is empty.
  const auto has_ended = [](const void* which) noexcept {
    const auto* const task = *static_cast<frame_type* const*>(which);
    return task == nullptr || task->hot->state == fiber_state::finished;
  };
  if (has_ended(&handle)) return {};
  if (!in_task()) return drive(has_ended, &handle);
  if (running_ == handle->hot) return failure(errc::deadlock);
  join_wait<Config> w{*handle};
  if (cancellable && cancelled(*running_)) recall(*handle);
  handle->joiner = running_;
  if (!has_ended(&handle)) park_rarely(w);
  if (w.given_up) return given_up();
  return {};
}

template <class Config>
auto scheduler<Config>::given_up() noexcept -> std::unexpected<std::error_code> {
  note_refusal();
  return failure(errc::deadlock);
}

template <class Config>
void scheduler<Config>::note_cut_below() noexcept {
  if (in_task() && cancelled(*running_)) note_cut();
}

template <class Config>
auto scheduler<Config>::shared_inbox() noexcept -> inbox* {
  ring_.expect_wakes(true);
  listen_ = &scheduler::listen;
  if (inbox_ == nullptr) inbox_ = new (std::nothrow) inbox{this, [](void* home) noexcept { static_cast<scheduler*>(home)->ring_.wake(); }};
  return inbox_;
}

template <class Config>
void scheduler<Config>::cancel_slot(std::uint32_t slot, std::uint32_t generation) noexcept {
  fiber_type& hot = housing_.at(slot);
  if (hot.generation == generation && hot.state != fiber_state::free) request_cancel(*hot.cold);
}

template <class Config>
void scheduler<Config>::watch_wishes(std::atomic<unsigned>* wishes, frame_type** target) noexcept {
  ring_.expect_wakes(true);
  listen_ = &scheduler::listen;
  wishes_ = wishes;
  wish_target_ = target;
}

template <class Config>
void scheduler<Config>::listen() noexcept {
  const interlude turn{*this};
  if (inbox_ != nullptr && !inbox_->empty()) inbox_->act(*inbox_, inbox::action::run);
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
      if constexpr (measures_ended<stack_type>) report_stacks(stderr);
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
    begin_grace();
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
void scheduler<Config>::begin_grace() noexcept {
  if constexpr (has_grace) {
    if (grace_.timer.armed) return;
    grace_.over = false;
    grace_.timer.deadline = ring_type::now() + stuck_type::grace;
    grace_.timer.tag = timer_ends_grace;
    (void)ring_.arm(grace_.timer);
  }
}

template <class Config>
void scheduler<Config>::note_end_of_grace() noexcept {
  if constexpr (has_grace) {
    grace_.over = true;
    call_root();
  }
}

template <class Config>
void scheduler<Config>::give_up_all() noexcept {
  // What one of them has run when it is forgotten, a stop callback, may make another.
  while (live_ != 0) {
    // Named before: to forget one may mean to wait for a thread, which a policy that ends the program does not.
    each_task([](fiber_type& task) noexcept {
      if (task.state == fiber_state::parked || task.state == fiber_state::ready) print_lost<Config>(task, stderr);
    });
    stuck_type::give_up();
    abandon_all();
    untold_ = nullptr;
  }
  // Those who waited for others do so no more.
  remote_waits_ = end_waits_ = 0;
  // What they have in flight lies on their stacks, and would make them ready.
  aio::count_down nobody{false};
  if (const auto drained = ring_.drain(nobody); !drained) status_ = drained.error();
  // That was deaf to what came from outside.
  if (listen_ != nullptr) ring_.wake();
}

template <class Config>
void scheduler<Config>::lose(fiber<Config>& task) noexcept {
  bool waits = task.state == fiber_state::parked && task.wait != nullptr;
  if constexpr (has_grace) waits = waits || (task.state == fiber_state::ready && task.wait != nullptr && task.wait->kind->stays);
  if (waits && task.wait->kind->forget != nullptr) task.wait->kind->forget(*task.wait);
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
    if (untold_ == nullptr) stuck_type::give_up();
  }
}

template <class Config>
void scheduler<Config>::abandon(fiber<Config>& me) noexcept {
  lose(me);
  call_root();
  for (;;) leave();
}
/// \endcond

}  // namespace sluice::inline v0::coro
