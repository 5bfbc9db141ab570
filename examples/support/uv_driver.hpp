// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A scheduler inside a loop of libuv.
///
/// What any foreign loop has to do, and by what this one does it:
///   - Before it sleeps, it calls `poll(wait::none)`: a `uv_prepare_t`. That is one turn: what is complete, then every task that is ready,
///     then what these submit. Coming from there, and not from where the descriptor is ready, it also sees what callbacks of the loop have
///     done meanwhile: spawned a task, filled a channel, asked all to end.
///   - After each turn it asks `next_deadline()` anew, and sleeps no longer than that: a `uv_timer_t`, started again each time. The answer
///     is "now" while tasks are ready or the turn has left something to do, and then the loop does not sleep.
///   - It wakes when `native_handle()` can be read: a `uv_poll_t`, whose callback has nothing to do.
///   - Once no task is left it forgets all three, so that the loop can end; the scheduler is destroyed later.

#include <sluice/result.hpp>
#include <sluice/wait.hpp>

#include <uv.h>

#include <cstddef>
#include <cstdint>
#include <system_error>
#include <utility>

namespace support {

/// Runs the tasks of a scheduler from a loop, both of the calling thread. It has to live until the loop has closed its handles, as all
/// handles of libuv have.
template <class Scheduler>
class uv_driver {
 public:
  using ended_callback = void (*)(void* about, std::error_code why);

  uv_driver(::uv_loop_t& loop, Scheduler& home) noexcept : loop_{loop}, home_{home} {}
  uv_driver(const uv_driver&) = delete;
  auto operator=(const uv_driver&) -> uv_driver& = delete;

  /// Begins with the next turn of the loop. `ended` is called when no task is left, or with the error that ended the scheduler.
  auto start(ended_callback ended, void* about) -> sluice::result<void> {
    const auto handle = home_.native_handle();
    if (!handle) return std::unexpected{handle.error()};
    if (const int refused = ::uv_poll_init(&loop_, &ready_, *handle); refused < 0) return sluice::system_error(-refused);
    ::uv_prepare_init(&loop_, &before_sleep_);
    ::uv_timer_init(&loop_, &due_);
    before_sleep_.data = this;
    ended_ = ended;
    about_ = about;
    ::uv_prepare_start(&before_sleep_, [](::uv_prepare_t* one) { static_cast<uv_driver*>(one->data)->turn(); });
    if (const int refused = ::uv_poll_start(&ready_, UV_READABLE, [](::uv_poll_t*, int, int) {}); refused < 0) {
      close();
      return sluice::system_error(-refused);
    }
    return {};
  }

  /// How often the loop has come by.
  [[nodiscard]] auto turns() const noexcept -> std::uint64_t { return turns_; }

 private:
  void turn() {
    ++turns_;
    const auto left = home_.poll(sluice::wait::none);
    if (!left || *left == 0) {
      close();
      return ended_(about_, left ? std::error_code{} : left.error());
    }
    const auto next = home_.next_deadline();
    if (next == sluice::time_point::never()) {
      ::uv_timer_stop(&due_);
      return;
    }
    // In whole milliseconds, upwards: one that came too early would only come again. The loop counts from a time of its own, which is old
    // by what the tasks have taken.
    constexpr std::int64_t milli = 1'000'000;
    const auto wait = (next - Scheduler::ring_type::now()).count;
    ::uv_update_time(&loop_);
    ::uv_timer_start(&due_, [](::uv_timer_t*) {}, wait <= 0 ? 0 : static_cast<std::uint64_t>((wait - 1) / milli + 1), 0);
  }

  void close() {
    ::uv_close(reinterpret_cast<::uv_handle_t*>(&ready_), nullptr);
    ::uv_close(reinterpret_cast<::uv_handle_t*>(&before_sleep_), nullptr);
    ::uv_close(reinterpret_cast<::uv_handle_t*>(&due_), nullptr);
  }

  ::uv_loop_t& loop_;
  Scheduler& home_;
  ::uv_poll_t ready_{};
  ::uv_prepare_t before_sleep_{};
  ::uv_timer_t due_{};
  std::uint64_t turns_ = 0;
  ended_callback ended_ = nullptr;
  void* about_ = nullptr;
};

}  // namespace support
