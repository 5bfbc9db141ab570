// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The waits that every scheduler has: for operations, for a time, for its tasks. Layer: coro.

#include <sluice/aio/operation.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/coro/frame.hpp>

#include <span>

namespace sluice::inline v0::coro {

/// The root waits inside `run` or `poll`.
inline constexpr wait_kind root_wait{.what = "the end of all tasks"};

/// For the operations of one call.
template <class Ring, class Batch>
struct call_wait : waiting {
  Batch* batch;  ///< all of them
  Ring* ring;    ///< where they run

  /// For these.
  call_wait(Batch& what, Ring& where) noexcept : waiting{&facts}, batch{&what}, ring{&where} {}

 private:
  static void end(waiting& base) noexcept {
    auto& self = static_cast<call_wait&>(base);
    self.batch->cancel(*self.ring);
  }
  static auto first_handle(const waiting& base) noexcept -> int {
    return static_cast<const call_wait&>(base).batch->template get<0>().handle;
  }
  static constexpr wait_kind facts{.what = Batch::first_name, .cancel = &end, .handle = &first_handle};
};

/// For a batch of one kind.
template <class Ring, class Operation>
struct span_wait : waiting {
  std::span<Operation> batch;  ///< all of them
  Ring* ring;                  ///< where they run

  /// For these.
  span_wait(std::span<Operation> what, Ring& where) noexcept : waiting{&facts}, batch{what}, ring{&where} {}

 private:
  static void end(waiting& base) noexcept {
    auto& self = static_cast<span_wait&>(base);
    for (auto& one : self.batch) self.ring->cancel(one);
  }
  static constexpr wait_kind facts{.what = detail::operation_name<typename Operation::op_type>(), .cancel = &end};
};

/// For a point of time.
template <class Config>
struct sleep_wait : waiting {
  aio::timer timer;         ///< fires then; its owner is the fiber
  scheduler<Config>* home;  ///< whose task it is
  bool cut = false;         ///< ended by a cancel

  /// For this.
  sleep_wait(scheduler<Config>& where, time_point deadline) noexcept : waiting{&facts}, home{&where} { timer.deadline = deadline; }

 private:
  static void end(waiting& base) noexcept {
    auto& self = static_cast<sleep_wait&>(base);
    if (!self.timer.armed) return;
    self.home->ring().disarm(self.timer);
    self.cut = true;
    self.home->make_ready(*static_cast<fiber<Config>*>(self.timer.owner));
  }
  static constexpr wait_kind facts{.what = "sleep", .cancel = &end};
};

/// For the end of another task.
template <class Config>
struct join_wait : waiting {
  frame<Config>* target;  ///< which

  /// For this one's.
  explicit join_wait(frame<Config>& other) noexcept : waiting{&facts}, target{&other} {}

 private:
  static void end(waiting& base) noexcept {
    auto& self = static_cast<join_wait&>(base);
    self.target->home->request_cancel(*self.target);
  }
  static auto other(const waiting& base) noexcept -> const void* { return static_cast<const join_wait&>(base).target; }
  static constexpr wait_kind facts{.what = "the end", .cancel = &end, .on = &other};
};

}  // namespace sluice::inline v0::coro
