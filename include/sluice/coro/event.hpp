// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Something that happens, once or again and again, and that the tasks of one scheduler wait for. Layer: coro.

#include <sluice/coro/wait_queue.hpp>
#include <sluice/result.hpp>

#include <cassert>

namespace sluice::inline v0::coro {

/// Happened or not: once set, every wait passes until it is reset. Nothing in it is atomic; between threads use `remote_event`.
/// \lifetime nobody waits for it when it is destroyed
template <class Config>
class basic_event {
 public:
  /// Not happened, unless said otherwise.
  constexpr explicit basic_event(bool happened = false) noexcept : set_{happened} {}
  basic_event(const basic_event&) = delete;
  auto operator=(const basic_event&) -> basic_event& = delete;
  ~basic_event() { assert(line_.empty() && "[sluice.coro.event] an event was destroyed while tasks wait for it"); }

  /// Waits until it has happened.
  /// \errors `operation_canceled` once the task was asked to end; `operation_not_permitted` if it would have to wait outside a task
  [[nodiscard]] auto wait() noexcept -> result<void> {
    const caller<Config> me;
    if (me.is_task() && me.is_refused()) [[unlikely]]
      return canceled();
    if (set_) return {};
    if (!me.is_task()) return no_task();
    line_wait<Config> w{facts, me.task()};
    if (!stand_in<Config>(line_, w)) return canceled();
    return {};
  }
  /// It has happened: all that wait go on, in their order.
  void set() noexcept {
    set_ = true;
    pulse();
  }
  /// All that wait now go on, and whoever comes later waits.
  void pulse() noexcept {
    while (auto* const w = line_.pop_front()) w->go_on();
  }
  /// It has not happened any more.
  void reset() noexcept { set_ = false; }
  /// Whether it has happened.
  [[nodiscard]] auto is_set() const noexcept -> bool { return set_; }

 private:
  static constexpr wait_kind facts{.what = "an event", .cancel = &line_wait<Config>::cut_short, .forget = &line_wait<Config>::forget};

  bool set_;
  wait_line<Config> line_;
};

}  // namespace sluice::inline v0::coro
