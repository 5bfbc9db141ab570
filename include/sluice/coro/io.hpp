// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// How a task waits for operations. Layer: coro.

#include <sluice/aio/call.hpp>
#include <sluice/aio/immediate.hpp>
#include <sluice/coro/current.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/coro/waits.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <utility>

namespace sluice::inline v0::coro {

/// \cond
template <class Config>
template <class Op>
inline auto scheduler<Config>::io_in_brief(const Op& op) noexcept -> result<typename Op::result_type> {
  using value_type = typename Op::result_type;
  static_assert(std::is_void_v<value_type> || std::is_same_v<value_type, std::size_t>);
  const std::int32_t raw = sluice::detail::take_apart(op, [](auto... parts) noexcept { return perform_sole<Op>(parts...); });
  if (raw < 0) [[unlikely]]
    return std::unexpected{aio::error_of(raw)};
  if constexpr (std::is_void_v<value_type>)
    return {};
  else
    return static_cast<std::size_t>(raw);
}

template <class Config>
template <class Op, class... Parts>
auto scheduler<Config>::perform_sole(Parts... parts) noexcept -> std::int32_t {
  const Op op = sluice::detail::assemble<Op>(parts...);
  auto* const home = detail::current<Config>;
  // The root looks as if it had been asked to end, too.
  if (home == nullptr || home->running_->cancelled ||
      !home->ring_.template has_room<sluice::detail::has_handle<Op>>(sluice::detail::handle_of(op))) [[unlikely]]
    return perform_rarely<Op>(parts...);
  fiber_type& me = *home->running_;
  awaited_operation<Config, typename ring_type::template sole_operation<Op>> it;
  it.one.waiter = &me;
  if (home->ring_.start_sole(it.one, op) == started::done) [[unlikely]]
    home->note_inline();
  else
    home->park(me, it.wait);
  const std::int32_t raw = it.one.res;
  if (raw < 0) [[unlikely]]
    return home->template look_at_failure<Op>(raw);
  if constexpr (!std::is_void_v<typename Op::result_type>) (void)backend_type::value(op, it.one.scratch, raw);
  return raw;
}

template <class Config>
template <class Op>
auto scheduler<Config>::look_at_failure(std::int32_t raw) noexcept -> std::int32_t {
  raw = backend_type::template normal<Op>(raw);
  constexpr auto canceled_code = -static_cast<std::int32_t>(std::errc::operation_canceled);
  if (raw == canceled_code && cancelled(*running_)) note_refusal();
  return raw;
}

template <class Config>
template <class Op, class... Parts>
auto scheduler<Config>::perform_rarely(Parts... parts) noexcept -> std::int32_t {
  const Op op = sluice::detail::assemble<Op>(parts...);
  auto* const home = detail::current<Config>;
  const int handle = sluice::detail::handle_of(op);
  const bool is_usual = home != nullptr && !home->running_->cancelled && (!sluice::detail::has_handle<Op> || handle >= 0);
  if (is_usual && home->ring_.make_room(handle)) return perform_sole<Op>(parts...);
  typename ring_type::template brief_operation<Op> one{aio::started_at_once{}, op};
  aio::settle_type<ring_type>(one);
  perform_one(one);
  if (!one.is_done()) return aio::raw(errc::in_progress);
  if (one.res >= 0) return one.res;
  return backend_type::template normal<Op>(one.res);
}

template <class Config>
template <class Op>
auto scheduler<Config>::io_alone(Op&& op) noexcept -> typename aio::outcome_of<std::remove_cvref_t<Op>>::type {
  using description = std::remove_cvref_t<Op>;
  if constexpr (std::is_same_v<typename sluice::detail::unlinked<description>::type, description>) {
    typename ring_type::template brief_operation<description> one{aio::started_at_once{}, op};
    aio::settle_type<ring_type>(one);
    perform_one(one);
    return one.result();
  } else {
    typename ring_type::template call_operation<description> one{std::forward<Op>(op)};
    aio::settle_type<ring_type>(one);
    perform_one(one);
    return one.result();
  }
}

template <class Config>
template <class... Ops>
auto scheduler<Config>::io_together(Ops&&... ops) noexcept -> typename aio::outcome_of<std::remove_cvref_t<Ops>...>::type {
  aio::call<ring_type, std::remove_cvref_t<Ops>...> batch{std::forward<Ops>(ops)...};
  perform(batch);
  return batch.results();
}

template <class Config>
void scheduler<Config>::perform_one(aio::record& one) noexcept {
  aio::record* only = &one;
  aio::any_call<ring_type> batch{&only, 1};
  perform(batch);
}

template <class Config>
void scheduler<Config>::perform(aio::any_call<ring_type>& batch) noexcept {
  auto* const home = detail::current<Config>;
  if (home == nullptr || !home->in_task()) [[unlikely]]
    return block(batch);
  fiber_type& me = *home->running_;
  std::size_t pending = 0;
  if (home->cancelled(me)) [[unlikely]] {
    home->note_refusal();
    pending = batch.start_closes_only(home->ring_, &me);
  } else {
    pending = batch.size() - batch.start(home->ring_, &me);
  }
  if (pending == 0) return home->note_inline();
  me.pending = static_cast<std::uint32_t>(pending);
  call_wait<ring_type> w{batch, home->ring_};
  home->park(me, w);
  if (home->cancelled(me) && batch.any_canceled()) [[unlikely]]
    home->note_refusal();
}

template <class Config>
void scheduler<Config>::block(aio::any_call<ring_type>& batch) noexcept {
  assert((detail::schedulers_entered == 0) && "a blocking call inside a task of another config stops all tasks of that one");
  aio::finish_blocking<Config>(batch);
}

template <class Config>
template <class Op>
void scheduler<Config>::io(std::span<aio::basic_operation<backend_type, Op>> batch) noexcept {
  fiber_type& me = *running_;
  for (auto& one : batch) one.waiter = &me;
  if (!aio::info_of<Op>.is_close && cancelled(me)) {
    note_refusal();
    for (auto& one : batch) one.refuse();
    return;
  }
  const auto pending = batch.size() - ring_.start(batch);
  if (pending == 0) return;
  span_wait<ring_type, aio::basic_operation<backend_type, Op>> w{batch, ring_};
  me.pending = static_cast<std::uint32_t>(pending);
  park(w);
  if (cancelled(me)) {
    for (const auto& one : batch)
      if (one.was_canceled()) return note_refusal();
  }
}

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
