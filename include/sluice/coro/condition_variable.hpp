// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Waiting under a mutex for something to become true. Layer: coro.

#include <sluice/coro/mutex.hpp>
#include <sluice/coro/wait_queue.hpp>
#include <sluice/result.hpp>

#include <cassert>

namespace sluice::inline v0::coro {

/// Tasks that hold a mutex wait here for word from another task; while they wait, they do not hold it. Whoever is told goes from this line
/// straight into that of the mutex, so no task runs only to wait again. There are no spurious ends.
/// \lifetime nobody waits for it when it is destroyed
template <class Config>
class basic_condition_variable {
 public:
  /// Holds the mutex.
  using guard = typename basic_mutex<Config>::guard;

  /// Nobody waits.
  constexpr basic_condition_variable() noexcept = default;
  basic_condition_variable(const basic_condition_variable&) = delete;
  auto operator=(const basic_condition_variable&) -> basic_condition_variable& = delete;
  ~basic_condition_variable() {
    assert(line_.empty() && "[sluice.coro.condition_variable] a condition variable was destroyed while tasks wait for it");
  }

  /// Lets go of the mutex, waits for `notify_one` or `notify_all`, and has the mutex again, in any case.
  /// \errors `operation_canceled` once the task was asked to end, unless it was told before; `invalid_argument` for a guard that holds
  /// nothing; `operation_not_permitted` outside a task
  auto wait(guard& held) noexcept -> result<void> {
    const caller<Config> me;
    if (!me.is_task()) return no_task();
    if (!held) return failure(std::errc::invalid_argument);
    if (me.is_refused()) return canceled();
    wait_for_word w{*held.mutex(), me.task()};
    // Nobody runs between this and the wait.
    held.mutex()->let_go();
    if (!stand_in<Config>(line_, w)) return canceled();
    return {};
  }
  /// Waits until `pred()` holds; it is called with the mutex held. \errors as above, and `pred()` does not hold then
  template <class Predicate>
  auto wait(guard& held, Predicate pred) -> result<void> {
    while (!pred()) {
      if (const auto told = wait(held); !told) {
        // Success wins: it may have become true while the mutex was waited for.
        if (told.error() == std::errc::operation_canceled && pred()) return {};
        return told;
      }
    }
    return {};
  }

  /// Tells the one that waits longest. Best called with the mutex held.
  void notify_one() noexcept {
    if (auto* const w = line_.pop_front()) tell(*w);
  }
  /// Tells all that wait now, in their order.
  void notify_all() noexcept {
    while (auto* const w = line_.pop_front()) tell(*w);
  }

 private:
  using wait_to_lock = typename basic_mutex<Config>::wait_to_lock;

  struct wait_for_word : wait_to_lock {
    wait_for_word(basic_mutex<Config>& mutex, fiber<Config>& who) noexcept : wait_to_lock{facts, mutex, who} {}
    static void end(waiting& base) noexcept {
      auto& self = static_cast<wait_for_word&>(base);
      self.unlink();
      self.cut = true;
      self.what->line_up(self);
    }
  };

  static void tell(line_wait<Config>& w) noexcept {
    auto& one = static_cast<wait_for_word&>(w);
    one.what->line_up(one);
  }

  static constexpr wait_kind facts{.what = "a condition variable", .cancel = &wait_for_word::end, .forget = &line_wait<Config>::forget};

  wait_line<Config> line_;
};

}  // namespace sluice::inline v0::coro
