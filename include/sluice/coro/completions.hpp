// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What a scheduler does with what its ring tells. Layer: coro.

#include <sluice/concept/record.hpp>
#include <sluice/concept/trace.hpp>
#include <sluice/coro/frame.hpp>
#include <sluice/coro/scheduler.hpp>

namespace sluice::inline v0::coro {

/// \cond
template <class Config>
inline void scheduler<Config>::operator()(aio::record& one) noexcept {
  auto* const task = static_cast<fiber_type*>(one.waiter);
  if (task == nullptr) [[unlikely]]
    return;
  if (one.sole != aio::soleness::no || --task->pending == 0)
    make_ready(*task);
  else if (task->cancelled) [[unlikely]]
    interrupt(*task->cold);  // the kernel may have started another of the chain in the meantime
}

template <class Config>
inline auto scheduler<Config>::begin_gathering() noexcept -> fiber_type** {
  return ready_.begin_many();
}

template <class Config>
inline void scheduler<Config>::end_gathering(fiber_type** end) noexcept {
  ready_.end_many(end);
}

template <class Config>
inline void scheduler<Config>::gather_sole(fiber_type**& end, aio::record& one) noexcept {
  fiber_type& task = *static_cast<fiber_type*>(one.waiter);
  task.state = fiber_state::ready;
  *end = &task;
  end = &task.next;
  watch().hook(event::task_ready{task.cold->id});
}

template <class Config>
template <class Complete>
inline auto scheduler<Config>::gather(fiber_type**& end, aio::record& one, Complete&& complete) noexcept -> bool {
  auto* const task = static_cast<fiber_type*>(one.waiter);
  if (task == nullptr) [[unlikely]] {
    complete();
    return true;
  }
  if (one.sole != aio::soleness::no || (task->cancelled && task->pending != 1)) [[unlikely]]
    return false;
  complete();
  if (--task->pending == 0) gather_sole(end, one);
  return true;
}

template <class Config>
inline void scheduler<Config>::operator()(aio::timer& one) noexcept {
  if (one.tag == timer_wakes) {
    make_ready(*static_cast<fiber_type*>(one.owner));
  } else if (one.tag == timer_counts) {
    if (auto& task = *static_cast<fiber_type*>(one.owner); --task.pending == 0) make_ready(task);
  } else if (has_grace && one.tag == timer_ends_grace) {
    note_end_of_grace();
  } else {
    end_scope(*static_cast<const scope_deadline*>(one.owner));
  }
}

template <class Config>
inline void scheduler<Config>::woken() noexcept {
  if (listen_ != nullptr) (this->*listen_)();
}
/// \endcond

}  // namespace sluice::inline v0::coro
