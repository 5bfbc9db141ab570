// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// How a task is left for the next one, and the ring has its turn in between. Layer: coro.

#include <sluice/aio/ring.hpp>
#include <sluice/concept/trace.hpp>
#include <sluice/coro/completions.hpp>
#include <sluice/coro/frame.hpp>
#include <sluice/coro/scheduler.hpp>

#include <cstdint>
#include <system_error>

namespace sluice::inline v0::coro {

/// \cond
template <class Config>
inline void scheduler<Config>::park_rarely(waiting& w) noexcept {
  fiber_type& me = *running_;
  watch().hook(event::task_parked{me.cold->id, {&w, &waiting::read_what}});
  me.state = fiber_state::parked;
  me.wait = &w;
  leave();
  note_no_wait(me);
}

template <class Config>
template <bool AmongTasks>
inline void scheduler<Config>::park(fiber_type& me, waiting& w) noexcept {
  watch().hook(event::task_parked{me.cold->id, {&w, &waiting::read_what}});
  me.state = fiber_state::parked;
  resume_next<AmongTasks>(me, w);
  note_no_wait(me);
}

template <class Config>
inline void scheduler<Config>::yield() noexcept {
  fiber_type& me = *running_;
  if (me.cancelled) [[unlikely]]
    return yield_cancelled();
  if (ready_.ends_tick(me)) {
    if (ring_.pending()) [[unlikely]]
      return give_way();
    if (ready_.empty()) return;
  }
  switch_to(me, ready_.rotate(me, live_ > most_cached));
}

template <class Config>
void scheduler<Config>::give_way() noexcept {
  inline_streak_ = 0;
  push(*running_);
  leave();
}

template <class Config>
void scheduler<Config>::leave() noexcept {
  fiber_type& me = *running_;
  fiber_type* const next = take();
  if (next == &me) return go_on(me);
  switch_to(me, *next);
}

template <class Config>
inline auto scheduler<Config>::take() noexcept -> fiber_type* {
  return ready_.ends_tick(*running_) ? take_in_turn() : &ready_.pop();
}

template <class Config>
inline auto scheduler<Config>::take_quietly() noexcept -> fiber_type* {
  if (ready_.empty() || !ring_.is_quiet()) return take_in_turn();
  ready_.begin_tick();
  return &ready_.pop();
}

template <class Config>
auto scheduler<Config>::take_in_turn() noexcept -> fiber_type* {
  bool idle = ready_.empty();
  if (idle || (ring_.pending() && looping_)) {
    inline_streak_ = 0;
    do {
      if (idle && ring_.in_flight() == 0 && ring_.timers() == own_timers()) [[unlikely]] {
        without_hope();
      } else {
        auto outcome = simple_poll::refused;
        std::uint32_t taken = 0;
        if (!ring_.poll_simply(*this, idle, outcome, taken)) [[unlikely]]
          poll_rest(idle, outcome, taken);
      }
      idle = ready_.empty();
    } while (idle);
  }
  ready_.begin_tick();
  return &ready_.pop();
}

template <class Config>
void scheduler<Config>::poll_rest(bool sleeps, simple_poll so_far, std::uint32_t taken) noexcept {
  if (const auto outcome = ring_.poll_rest(*this, sleeps, so_far, taken); !outcome) [[unlikely]]
    lost(outcome.error());
}

template <class Config>
void scheduler<Config>::lost(std::error_code why) noexcept {
  status_ = why;
  ring_lost_ = true;
  call_root();
}

template <class Config>
template <bool AmongTasks>
inline void scheduler<Config>::resume_next(fiber_type& me, waiting& w) noexcept {
  me.wait = &w;
  // What was waited for is of interest only while the state says that it waits. Only a turn makes the one ready that waits.
  fiber_type* next = nullptr;
  if (ready_.ends_tick(me)) {
    next = AmongTasks ? take_quietly() : take_in_turn();
    if (next == &me) return go_on(me);
  } else {
    next = &ready_.pop();
  }
  switch_to(me, *next);
}

template <class Config>
inline void scheduler<Config>::go_on([[maybe_unused]] const fiber_type& me) noexcept {
  watch().hook(event::task_resumed{me.cold->id});
}

template <class Config>
inline void scheduler<Config>::switch_to(fiber_type& from, fiber_type& to) noexcept {
  running_ = &to;
  watch().hook(event::task_resumed{to.cold->id});
  switching_.go(from, to);
}

template <class Config>
template <class Body>
inline void scheduler<Config>::finish(Body& me) noexcept {
  watch().hook(event::task_finished{me.id});
  if (me.parent != nullptr) me.parent->child_ended(*me.parent, me, me.error());
  fiber_type& hot = *me.hot;
  hot.state = fiber_state::finished;
  if (--live_ == 0) [[unlikely]]
    call_root();
  fiber_type* next = nullptr;
  if (me.handle != nullptr) {
    me.drop = &Body::clear_frame;
    if (fiber_type* const joiner = me.joiner; joiner != nullptr) {
      if (ready_.empty() && ring_.is_quiet()) {
        // Alone, and at once: in the queue it would only be stored and loaded again.
        note_ready(*joiner);
        ready_.begin_tick_with(*joiner);
        next = joiner;
      } else {
        make_ready(*joiner);
      }
    }
  } else {
    me.clear();
    if (!ready_.ends_tick(hot)) {
      housing_.vacate(me);
      next = &ready_.pop();
    }
  }
  if (next == nullptr) {
    next = ready_.ends_tick(hot) ? take_quietly() : &ready_.pop();
    // Only now: where the ring had its turn it was on this stack, and what came from it may have made tasks, or let this one go.
    if (me.handle == nullptr) housing_.leave(me);
  }
  running_ = next;
  watch().hook(event::task_resumed{next->cold->id});
  switching_.leave(me, *next);
}
/// \endcond

}  // namespace sluice::inline v0::coro
