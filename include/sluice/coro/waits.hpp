// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The waits that every scheduler has: for operations, for a time, for its tasks. Layer: coro.

#include <sluice/aio/call.hpp>
#include <sluice/aio/operation.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/concept/stuck.hpp>
#include <sluice/config.hpp>
#include <sluice/coro/frame.hpp>

#include <cassert>
#include <cstddef>
#include <span>
#include <utility>

namespace sluice::inline v0::coro {

/// The root waits inside `run` or `poll`.
inline constexpr wait_kind root_wait{.what = "the end of all tasks"};

/// For one operation, which lies behind it.
template <class Config>
struct operation_wait : waiting {
  /// For what lies behind it.
  operation_wait() noexcept : waiting{&facts} {}

 private:
  static auto operation_of(const waiting& base) noexcept -> const aio::record* {
    return reinterpret_cast<const aio::record*>(reinterpret_cast<const std::byte*>(&base) + sizeof(operation_wait));
  }
  static void end(waiting& base) noexcept {
    auto& operation = const_cast<aio::record&>(*operation_of(base));
    static_cast<fiber<Config>*>(operation.waiter)->cold->home->own_ring().cancel(operation);
  }
  static constexpr wait_kind facts{.what = {}, .cancel = &end, .operation = &operation_of};
};

/// An operation and the wait for it.
template <class Config, class Operation>
struct awaited_operation {
  operation_wait<Config> wait;  ///< that
  Operation one;                ///< and this

  /// Not started yet.
  awaited_operation() noexcept {
    assert(reinterpret_cast<std::byte*>(static_cast<aio::record*>(&one)) == reinterpret_cast<std::byte*>(&wait) + sizeof(wait));
  }
};

/// For the operations of one call.
template <class Ring>
struct call_wait : waiting {
  aio::any_call<Ring>* batch;  ///< all of them
  Ring* ring;                  ///< where they run

  /// For these.
  call_wait(aio::any_call<Ring>& what, Ring& where) noexcept : waiting{&facts}, batch{&what}, ring{&where} {}

 private:
  static void end(waiting& base) noexcept {
    auto& self = static_cast<call_wait&>(base);
    self.batch->cancel(*self.ring);
  }
  static auto first(const waiting& base) noexcept -> const aio::record* { return &static_cast<const call_wait&>(base).batch->front(); }
  static constexpr wait_kind facts{.what = {}, .cancel = &end, .operation = &first};

 public:
  /// The same kind for one that more than the ring knows of.
  static constexpr auto forgotten_by(void (*forget)(waiting&) noexcept) noexcept -> wait_kind {
    return {.what = {}, .cancel = &end, .operation = &first, .forget = forget};
  }
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
    self.home->own_ring().disarm(self.timer);
    self.cut = true;
    self.home->make_ready(*static_cast<fiber<Config>*>(self.timer.owner));
  }
  // Where the ring goes on without the task.
  static void forget(waiting& base) noexcept {
    auto& self = static_cast<sleep_wait&>(base);
    self.home->own_ring().disarm(self.timer);
  }
  static constexpr wait_kind facts{
      .what = "sleep", .cancel = &end, .forget = has_grace<policy_of<Config, policy_kind::stuck>> ? &forget : nullptr};
};

/// For the end of another task.
template <class Config>
struct join_wait : waiting {
  frame<Config>* target;  ///< which
  bool given_up = false;  ///< the other never ends

  /// For this one's.
  explicit join_wait(frame<Config>& other) noexcept : waiting{&facts}, target{&other} {}

 private:
  static void end(waiting& base) noexcept {
    auto& self = static_cast<join_wait&>(base);
    self.target->home->request_cancel(*self.target);
  }
  static auto other(const waiting& base) noexcept -> const void* { return static_cast<const join_wait&>(base).target; }
  static void give_up(waiting& base) noexcept {
    auto& self = static_cast<join_wait&>(base);
    self.given_up = true;
    self.target->home->make_ready(*std::exchange(self.target->joiner, nullptr));
  }
  static constexpr wait_kind facts{.what = "the end", .cancel = &end, .on = &other, .give_up = &give_up};
};

}  // namespace sluice::inline v0::coro
