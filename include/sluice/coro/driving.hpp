// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// How a thread drives its scheduler: to the end, turn by turn in a foreign loop, and where nothing more can happen. Layer: coro.

#include <sluice/coro/current.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/coro/waits.hpp>
#include <sluice/result.hpp>
#include <sluice/wait.hpp>

#include <cstddef>
#include <system_error>
#include <utility>

namespace sluice::inline v0::coro {

/// \cond
// Makes a scheduler the thread's while it runs.
template <class Config>
struct scheduler<Config>::entry_guard {
  scheduler* before;
  explicit entry_guard(scheduler& self) noexcept : before{std::exchange(detail::current<Config>, &self)} {
    self.switching_.enter(self.root_frame_);
    ++detail::schedulers_entered;
  }
  ~entry_guard() {
    --detail::schedulers_entered;
    detail::current<Config> = before;
  }
  entry_guard(const entry_guard&) = delete;
  auto operator=(const entry_guard&) -> entry_guard& = delete;
};

template <class Config>
auto scheduler<Config>::run() -> result<void> {
  check_thread();
  if (detail::current<Config> != nullptr) return failure(errc::already_running);
  entry_guard guard{*this};
  if (live_ != 0) {
    looping_ = true;
    deadlocked_ = false;
    ring_lost_ = false;
    waiting w{&root_wait};
    do { park_rarely(w); } while (attend());
    looping_ = false;
    if constexpr (has_grace) ring_.disarm(grace_.timer);
    ready_.clear(root_);
    housing_.bury();
  }
  if (status_ || spawn_status_) return take_failure();
  return {};
}

template <class Config>
auto scheduler<Config>::poll(wait how) -> result<std::size_t> {
  check_thread();
  if (detail::current<Config> != nullptr) return failure(errc::already_running);
  entry_guard guard{*this};
  driver_ = &scheduler::drive_on;
  // Nobody is to wait for what was never made.
  if (spawn_status_) return take_failure();
  const bool sleeps = how.sleeps && ready_.empty();
  if (sleeps && how.limit != interval::max()) ring_.limit(how.limit);
  ring_lost_ = false;
  poll_ring(sleeps);
  if (ring_lost_) return std::unexpected{std::exchange(status_, {})};
  if (!ready_.empty()) {
    make_ready(root_);
    waiting w{&root_wait};
    root_.state = fiber_state::ready;
    resume_next<false>(root_, w);
    housing_.bury();
    poll_ring(false);
    if (ring_lost_) return std::unexpected{std::exchange(status_, {})};
  }
  if (status_ || spawn_status_) return take_failure();
  return live_;
}

template <class Config>
auto scheduler<Config>::take_failure() noexcept -> std::unexpected<std::error_code> {
  const auto unmade = std::exchange(spawn_status_, {});
  const auto why = std::exchange(status_, {});
  return std::unexpected{why ? why : unmade};
}

template <class Config>
auto scheduler<Config>::drive_on(is_done done, const void* what) noexcept -> result<void> {
  while (!done(what)) {
    if (ready_.empty() && ring_.in_flight() == 0 && ring_.timers() == 0 && !ring_.pending() && !is_reachable())
      return failure(errc::deadlock);
    if (const auto turned = poll(wait::one); !turned) return std::unexpected{turned.error()};
  }
  return {};
}

template <class Config>
void scheduler<Config>::without_hope() noexcept {
  const bool reachable = is_reachable();
  if (!reachable && ask_ != nullptr) return (this->*ask_)();
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
  if constexpr (has_grace)
    if (!ring_lost_ && std::exchange(grace_.over, false)) {
      give_up_all();
      stuck_ = false;
      return false;
    }
  if (ring_lost_) {
    abandon_all();
  } else if (std::exchange(stuck_, false)) {
    stuck();
  } else if (std::exchange(report_wanted_, false)) {
    report(stderr);
    if constexpr (measures_ended<stack_type>) report_stacks(stderr);
  }
  tell_lost();
  return live_ != 0;
}
/// \endcond

}  // namespace sluice::inline v0::coro
