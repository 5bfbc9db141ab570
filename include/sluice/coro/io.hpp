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
auto scheduler<Config>::io_in_brief(Op& op) noexcept -> result<typename Op::result_type> {
  auto* const home = detail::current<Config>;
  // The root looks as if it had been asked to end, too.
  if (home == nullptr || home->running_->cancelled) [[unlikely]]
    return io_in_full(op);
  fiber_type& me = *home->running_;
  awaited_operation<Config, typename ring_type::template brief_operation<Op>> it{op};
  it.one.waiter = &me;
  if (home->ring_.start_one(it.one, true) == started::done) [[unlikely]] {
    if (++home->inline_streak_ >= most_inline) home->give_way();
  } else {
    me.pending = 1;
    home->park(me, it.wait);
  }
  if (it.one.res < 0) [[unlikely]]
    home->look_at_failure(it.one);
  return it.one.outcome();
}

template <class Config>
void scheduler<Config>::look_at_failure(const aio::record& one) noexcept {
  constexpr auto canceled_code = -static_cast<std::int32_t>(std::errc::operation_canceled);
  if (one.res == canceled_code && cancelled(*running_)) note_refusal();
}

template <class Config>
template <class... Ops>
auto scheduler<Config>::io_in_full(Ops&... ops) noexcept -> typename aio::outcome_of<Ops...>::type {
  aio::call<ring_type, Ops...> batch{std::move(ops)...};
  auto* const home = detail::current<Config>;
  if (home == nullptr || !home->in_task()) [[unlikely]] {
    assert((detail::schedulers_entered == 0) && "a blocking call inside a task of another config stops all tasks of that one");
    if (const std::error_code error = aio::finish_blocking<Config>(batch)) batch.refuse(aio::raw(error));
  } else {
    home->start_and_wait(batch);
  }
  if constexpr (sizeof...(Ops) == 1)
    return batch.template get<0>().result();
  else
    return batch.results();
}

template <class Config>
template <class Batch>
inline void scheduler<Config>::start_and_wait(Batch& batch) noexcept {
  fiber_type& me = *running_;
  std::size_t pending = 0;
  if (cancelled(me)) [[unlikely]] {
    note_refusal();
    pending = batch.start_closes_only(ring_, &me);
  } else {
    pending = batch.count - batch.start(ring_, &me);
  }
  if (pending == 0) {
    if (++inline_streak_ >= most_inline) [[unlikely]]
      give_way();
    return;
  }
  me.pending = static_cast<std::uint32_t>(pending);
  call_wait<ring_type, Batch> w{batch, ring_};
  park(w);
  if (cancelled(me) && batch.any_canceled()) [[unlikely]]
    note_refusal();
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
/// \endcond

}  // namespace sluice::inline v0::coro
