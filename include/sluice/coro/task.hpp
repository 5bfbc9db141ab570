// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The handle of a task whose result somebody wants. Layer: coro.

#include <sluice/coro/inbox.hpp>
#include <sluice/coro/last_resort.hpp>
#include <sluice/coro/scheduler.hpp>

#include <cstdint>
#include <exception>
#include <utility>

namespace sluice::inline v0::coro {

/// Owns a running task. Destroying the handle of an unfinished task asks it to end and waits for that, like `std::jthread`.
/// Used on the thread of its scheduler. It may outlive the scheduler: it is empty then.
template <class Config, class T>
class [[nodiscard]] basic_task {
 public:
  /// What the task returns.
  using value_type = T;

  /// Empty.
  basic_task() noexcept = default;
  /// \cond
  explicit basic_task(typed_frame<Config, T>& frame) noexcept : frame_{&frame} { tell_place(); }
  // A task that could not be made: joins to the reason.
  explicit basic_task(std::error_code reason) noexcept : category_{&reason.category()}, number_{reason.value()} {}
  /// \endcond
  /// Takes over; the other is empty.
  basic_task(basic_task&& other) noexcept
      : frame_{std::exchange(other.frame_, nullptr)}, category_{std::exchange(other.category_, nullptr)}, number_{other.number_} {
    if (frame_ != nullptr) tell_place();
  }
  /// Ends what it owned, as the destructor does, then takes over.
  auto operator=(basic_task&& other) noexcept -> basic_task& {
    if (this != &other) {
      end();
      frame_ = std::exchange(other.frame_, nullptr);
      category_ = std::exchange(other.category_, nullptr);
      number_ = other.number_;
      if (frame_ != nullptr) tell_place();
    }
    return *this;
  }
  /// Asks the task to end, if it has not, and waits until it has; not cut short by a cancel of the caller.
  ~basic_task() {
    if (frame_ != nullptr) end();
  }

  /// Waits for the end and gives what came of it: the value, the error, or its exception, thrown again. The handle is empty afterwards.
  /// A joiner that is asked to end asks the joined task to end, and still waits.
  /// \errors the task's own; `operation_canceled` if it was cancelled before it ran; `errc::deadlock` for joining oneself, or in a ring of
  /// joins; `errc::in_progress` if another task joins it already; `invalid_argument` for an empty handle; outside a task `errc::deadlock`
  /// if it can never end, and what `scheduler::poll` gives
  auto join() -> result<T> {
    if (frame_ == nullptr) return why_empty();
    auto& home = *frame_->home;
    if (frame_->joiner != nullptr) [[unlikely]]
      return failure(home.in_task() && &home.self() == frame_->hot ? errc::deadlock : errc::in_progress);
    if (!done()) {
      auto& me = home.self();
      // The root looks as if it was asked to end, too.
      if (me.cancelled || &me == frame_->hot) [[unlikely]] {
        if (const auto ended = home.await_end(frame_, true); !ended) return std::unexpected{ended.error()};
      } else {
        join_wait<Config> w{*frame_};
        frame_->joiner = &me;
        home.park_among_tasks(w);
        if (w.given_up) [[unlikely]]
          return home.given_up();
      }
      if (frame_ == nullptr) [[unlikely]]
        return canceled();  // abandoned with its scheduler
    }
    if (frame_->base.delivered) [[unlikely]]
      home.note_cut_below();
    auto& done = static_cast<typed_frame<Config, T>&>(*frame_);
    if (done.exception != nullptr) [[unlikely]]
      home.rethrow(frame_);
    // The frame goes when the result is out of it, however this function is left.
    struct release_at_end {
      basic_task& self;
      ~release_at_end() { self.release(); }
    } const at_end{*this};
    return std::move(done.value);
  }

  /// \cond
  // What came of it, while the handle keeps it: for whoever knows that nobody waits. Null if it has not ended; throws what it has thrown.
  auto outcome() -> result<T>* {
    if (frame_ == nullptr || !done()) return nullptr;
    auto& ended = static_cast<typed_frame<Config, T>&>(*frame_);
    if (ended.exception != nullptr) frame_->home->rethrow(frame_);
    return &ended.value;
  }
  /// \endcond

  /// Asks the task to end: its present wait and all later ones are refused, shields excepted. Harmless when it has ended.
  void request_cancel() noexcept {
    if (frame_ != nullptr) frame_->home->request_cancel(*frame_);
  }
  /// The task as other threads may know it; names nothing for an empty handle. \allocates at the first call in a scheduler
  [[nodiscard]] auto remote() const noexcept -> remote_task<Config> {
    auto* const where = frame_ == nullptr ? nullptr : frame_->home->shared_inbox();
    return where == nullptr ? remote_task<Config>{} : remote_task<Config>{*where, frame_->hot->slot, frame_->hot->generation};
  }
  /// Whether it has ended.
  [[nodiscard]] auto done() const noexcept -> bool { return frame_ == nullptr || frame_->hot->state == fiber_state::finished; }
  /// Its number; 0 for an empty handle.
  [[nodiscard]] auto id() const noexcept -> std::uint64_t { return frame_ == nullptr ? 0 : frame_->id; }
  /// Whether there is a task to join.
  [[nodiscard]] auto joinable() const noexcept -> bool { return frame_ != nullptr || category_ != nullptr; }
  /// Gives the task to its scheduler; its result is dropped. An exception of it is told on the standard error stream, with the task's name,
  /// and ends the program by `std::terminate`, as one of a `std::thread` does; not so if the task was asked to end, then it is told only.
  void detach() && noexcept {
    if (frame_ == nullptr) return;
    if (done()) return end();
    frame_->handle = nullptr;
    frame_ = nullptr;
  }

 private:
  // The frame knows where its handle is: when that goes, it goes too, or knows the next place. A compiler that sees half of this warns of a
  // dangling pointer; it is not to know what the pointer is.
  void tell_place() noexcept {
    frame<Config>** place = &frame_;
    asm("" : "+r"(place));
    frame_->handle = place;
  }

  void end() noexcept {
    if (frame_ != nullptr) frame_->home->end_handle(frame_);
  }

  [[gnu::always_inline]] void release() noexcept {
    auto& done = static_cast<typed_frame<Config, T>&>(*std::exchange(frame_, nullptr));
    done.clear();
    done.home->release(done);
  }

  auto why_empty() noexcept -> result<T> {
    if (category_ == nullptr) return failure(std::errc::invalid_argument);
    return std::unexpected{std::error_code{number_, *std::exchange(category_, nullptr)}};
  }

  frame<Config>* frame_ = nullptr;
  // The two halves of an error code, apart: making an empty code is a call into the library, and most handles never need one.
  const std::error_category* category_ = nullptr;
  int number_ = 0;
};

}  // namespace sluice::inline v0::coro
