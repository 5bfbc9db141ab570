// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// How a task waits for operations. Layer: coro.

#include <sluice/aio/call.hpp>
#include <sluice/aio/immediate.hpp>
#include <sluice/aio/sole.hpp>
#include <sluice/coro/current.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/coro/turns.hpp>
#include <sluice/coro/waits.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <utility>

namespace sluice::inline v0::coro {

/// \cond
// The calls of tasks: how operations are started for the one that runs, which then waits for them.
template <class Config>
class task_io {
 public:
  using ring_type = typename scheduler<Config>::ring_type;
  using backend_type = typename ring_type::backend_type;

  // The operations of one call. The running task waits for all of them; outside a task the thread does.
  template <class... Ops>
  [[gnu::always_inline]] static auto io(Ops&&... ops) noexcept -> typename aio::outcome_of<std::remove_cvref_t<Ops>...>::type {
    if constexpr (sizeof...(Ops) != 1)
      return io_together(std::forward<Ops>(ops)...);
    else if constexpr ((aio::is_frequent<std::remove_cvref_t<Ops>> && ...))
      return io_in_brief(ops...);
    else
      return io_alone(std::forward<Ops>(ops)...);
  }

  // A batch whose size is known at run time.
  template <class Op>
  static void io(scheduler<Config>& home, std::span<aio::basic_operation<backend_type, Op>> batch) noexcept {
    auto& me = home.self();
    for (auto& one : batch) one.waiter = &me;
    if (!aio::info_of<Op>.is_close && home.cancelled(me)) {
      home.note_refusal();
      for (auto& one : batch) one.refuse();
      return;
    }
    const auto pending = batch.size() - home.own_ring().start(batch);
    if (pending == 0) return;
    span_wait<ring_type, aio::basic_operation<backend_type, Op>> w{batch, home.own_ring()};
    me.pending = static_cast<std::uint32_t>(pending);
    home.park(w);
    if (home.cancelled(me)) {
      for (const auto& one : batch)
        if (one.was_canceled()) return home.note_refusal();
    }
  }

 private:
  // One operation that programs do again and again: nothing is shared with others, nothing is asked at run time that its type tells.
  template <class Op>
  [[gnu::always_inline]] static auto io_in_brief(const Op& op) noexcept -> result<typename Op::result_type> {
    using value_type = typename Op::result_type;
    static_assert(std::is_void_v<value_type> || std::is_same_v<value_type, std::size_t>);
    const std::int32_t raw = perform_sole(op);
    if (raw < 0) [[unlikely]]
      return std::unexpected{aio::error_of(raw)};
    if constexpr (std::is_void_v<value_type>)
      return {};
    else
      return static_cast<std::size_t>(raw);
  }

  // Its raw result. Inlined, so that a caller does not save what it needs of the registers twice: here for whoever called, and there for
  // the switch. That is a cache line less for each task that waits.
  template <class Op>
  [[gnu::always_inline]] static auto perform_sole(const Op& op) noexcept -> std::int32_t {
    auto* const home = detail::current<Config>;
    // The root looks as if it had been asked to end, too.
    if (home == nullptr || home->self().cancelled ||
        !home->own_ring().template has_room<sluice::detail::has_handle<Op>>(sluice::detail::handle_of(op))) [[unlikely]]
      return sluice::detail::take_apart(op, [](auto... parts) noexcept { return perform_rarely<Op>(parts...); });
    auto& me = home->self();
    awaited_operation<Config, typename ring_type::template sole_operation<Op>> it;
    it.one.waiter = &me;
    if (home->own_ring().start_sole(it.one, op) == started::done) [[unlikely]]
      home->note_inline();
    else
      home->park(me, it.wait);
    const std::int32_t raw = it.one.res;
    if (raw < 0) [[unlikely]]
      return look_at_failure<Op>(*home, raw);
    if constexpr (!std::is_void_v<typename Op::result_type>) (void)backend_type::value(op, it.one.scratch, raw);
    return raw;
  }

  // The same where something is to be seen to first, and where that does not go: outside a task, or in one that was asked to end. One code
  // for all callers, to which the description travels in registers.
  template <class Op, class... Parts>
  [[gnu::noinline, gnu::cold]] static auto perform_rarely(Parts... parts) noexcept -> std::int32_t {
    const Op op = sluice::detail::assemble<Op>(parts...);
    // Of the type that calls with several have, so that both are started by the same code.
    typename ring_type::template operation<Op> one{op};
    aio::settle_type<ring_type>(one);
    perform_one(one);
    return one.res >= 0 ? one.res : backend_type::template normal<Op>(one.res);
  }

  // One operation of another kind, or with a deadline; and several.
  template <class Op>
  static auto io_alone(Op&& op) noexcept -> typename aio::outcome_of<std::remove_cvref_t<Op>>::type {
    using description = std::remove_cvref_t<Op>;
    if constexpr (std::is_same_v<typename sluice::detail::unlinked<description>::type, description>) {
      typename ring_type::template brief_operation<description> one{aio::started_at_once{}, op};
      aio::settle_type<ring_type>(one);
      perform_one(one);
      return one.outcome();
    } else {
      typename ring_type::template call_operation<description> one{std::forward<Op>(op)};
      aio::settle_type<ring_type>(one);
      perform_one(one);
      return one.outcome();
    }
  }

  template <class... Ops>
  static auto io_together(Ops&&... ops) noexcept -> typename aio::outcome_of<std::remove_cvref_t<Ops>...>::type {
    aio::call<ring_type, std::remove_cvref_t<Ops>...> batch{std::forward<Ops>(ops)...};
    perform(batch);
    return batch.outcomes();
  }

  // An operation of the running task has failed: perhaps because the task was asked to end. Its raw result as the library counts it.
  template <class Op>
  [[gnu::noinline, gnu::cold]] static auto look_at_failure(scheduler<Config>& home, std::int32_t raw) noexcept -> std::int32_t {
    raw = backend_type::template normal<Op>(raw);
    constexpr auto canceled_code = -static_cast<std::int32_t>(std::errc::operation_canceled);
    if (raw == canceled_code && home.cancelled(home.self())) home.note_refusal();
    return raw;
  }

  // Any call, whatever the types of its operations.
  [[gnu::noinline]] static void perform(aio::any_call<ring_type>& batch) noexcept {
    auto* const home = detail::current<Config>;
    if (home == nullptr || !home->in_task()) [[unlikely]]
      return block(batch);
    auto& me = home->self();
    std::size_t pending = 0;
    if (home->cancelled(me)) [[unlikely]] {
      home->note_refusal();
      pending = batch.start_closes_only(home->own_ring(), &me);
    } else {
      pending = batch.size() - batch.start(home->own_ring(), &me);
    }
    if (pending == 0) return home->note_inline();
    me.pending = static_cast<std::uint32_t>(pending);
    call_wait<ring_type> w{batch, home->own_ring()};
    home->park(me, w);
    if (home->cancelled(me) && batch.any_canceled()) [[unlikely]]
      home->note_refusal();
  }

  [[gnu::noinline]] static void perform_one(aio::record& one) noexcept {
    aio::record* only = &one;
    aio::any_call<ring_type> batch{&only, 1};
    perform(batch);
  }

  // The same outside a task.
  [[gnu::cold]] static void block(aio::any_call<ring_type>& batch) noexcept {
    // Inside its own scheduler, but outside of tasks, are those whom the ring's turn has called.
    assert((detail::schedulers_entered == 0 || detail::current<Config> != nullptr) &&
           "a blocking call inside a task of another config stops all tasks of that one");
    aio::finish_blocking<Config>(batch);
  }
};

template <class Config>
auto scheduler<Config>::sleep_until(time_point deadline) noexcept -> result<void> {
  fiber_type& me = *running_;
  if (me.cancelled && cancelled(me)) {
    note_refusal();
    return canceled();
  }
  sleep_wait<Config> w{*this, deadline};
  w.timer.tag = timer_wakes;
  w.timer.owner = &me;
  if (auto armed = ring_.arm(w.timer); !armed) return armed;
  park(w);
  if (w.cut) {
    note_refusal();
    return canceled();
  }
  return {};
}
/// \endcond

}  // namespace sluice::inline v0::coro
