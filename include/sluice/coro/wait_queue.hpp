// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Tasks of one scheduler that wait in a line for what another one of them gives. Layer: coro.

#include <sluice/coro/current.hpp>
#include <sluice/coro/frame.hpp>
#include <sluice/coro/last_resort.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/detail/intrusive_list.hpp>

#include <cassert>
#include <cstdint>

namespace sluice::inline v0::coro {

/// A task as others remember it: who holds a lock, for one. It may end without telling them.
template <class Config>
class remembered_task {
 public:
  /// Nobody.
  constexpr remembered_task() noexcept = default;
  /// This one.
  [[gnu::always_inline]] void set(fiber<Config>& who) noexcept {
    hot_ = &who;
    generation_ = who.generation;
  }
  /// Nobody again.
  [[gnu::always_inline]] void clear() noexcept { hot_ = nullptr; }
  /// Its frame, while it lives.
  [[nodiscard]] auto frame_of() const noexcept -> frame<Config>* {
    if (hot_ == nullptr || hot_->generation != generation_) return nullptr;
    const bool alive = hot_->state == fiber_state::ready || hot_->state == fiber_state::running || hot_->state == fiber_state::parked;
    return alive ? hot_->cold : nullptr;
  }
  /// The scheduler whose task it is; null for nobody.
  [[nodiscard]] auto home() const noexcept -> scheduler<Config>* {
    const auto* const task = frame_of();
    return task == nullptr ? nullptr : task->home;
  }

 private:
  fiber<Config>* hot_ = nullptr;
  std::uint32_t generation_ = 0;
};

/// The wait of a task that stands in a line. It lies on the task's stack; whatever takes it out of the line also says what comes next.
template <class Config>
struct line_wait : waiting, sluice::detail::list_hook<> {
  fiber<Config>* task;  ///< who waits
  bool cut = false;     ///< the task was asked to end before its turn came

  /// Of this task, not in a line yet.
  line_wait(const wait_kind& what, fiber<Config>& who) noexcept : waiting{&what}, task{&who} {}

  /// Whose task it is.
  [[nodiscard]] auto home() const noexcept -> scheduler<Config>& { return *task->cold->home; }
  /// Lets the task go on; it is in no line any more.
  void go_on() noexcept {
    assert(home().is_here() &&
           "[sluice.coro.foreign] an object of one scheduler wakes its own tasks only; between threads use a remote_ one");
    home().make_ready(*task);
  }
  /// How most of these waits end when the task is asked to end.
  static void cut_short(waiting& base) noexcept {
    auto& self = static_cast<line_wait&>(base);
    self.unlink();
    self.cut = true;
    self.home().make_ready(*self.task);
  }
  /// What becomes of all of them when the task is abandoned: nobody finds it in the line.
  static void forget(waiting& base) noexcept {
    auto& self = static_cast<line_wait&>(base);
    if (self.linked()) self.unlink();
  }
};

/// Those in a line, first in, first out.
template <class Config>
using wait_line = sluice::detail::intrusive_list<line_wait<Config>>;

/// \cond
// The task that calls, and its scheduler; without a home there is none.
template <class Config>
struct caller {
  scheduler<Config>* home = sluice::detail::current<Config>;

  [[nodiscard]] auto is_task() const noexcept -> bool { return home != nullptr && home->in_task(); }
  [[nodiscard]] auto task() const noexcept -> fiber<Config>& { return home->self(); }
  // Whether a wait would be refused, which is then noted.
  [[nodiscard]] auto is_refused() const noexcept -> bool {
    if (!task().cancelled) [[likely]]
      return false;
    if (!home->cancelled(task())) return false;
    home->note_refusal();
    return true;
  }
};

// Puts the caller into a line and leaves it until its turn has come. False: it was asked to end before.
template <class Config>
[[gnu::noinline]] auto stand_in(wait_line<Config>& line, line_wait<Config>& w) noexcept -> bool {
  auto& home = w.home();
  assert((line.empty() || &line.front()->home() == &home) &&
         "[sluice.coro.foreign] an object of one scheduler is used by its own tasks only; between threads use a remote_ one");
  line.push_back(w);
  home.park_among_tasks(w);
  if (!w.cut) [[likely]]
    return true;
  home.note_refusal();
  return false;
}

[[nodiscard]] inline auto no_task() noexcept -> std::unexpected<std::error_code> { return failure(std::errc::operation_not_permitted); }
/// \endcond

}  // namespace sluice::inline v0::coro
