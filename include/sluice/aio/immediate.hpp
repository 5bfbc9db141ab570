// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations that block the calling thread. Layer: aio.

#include <sluice/aio/call.hpp>
#include <sluice/aio/ring.hpp>

#include <span>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::aio {

/// \cond
// The thread's own ring for operations outside any task; made at the first of them, gone with the thread.
template <class Config>
auto blocking_ring() noexcept -> result<ring<Config>>& {
  static thread_local result<ring<Config>> cached{ring<Config>::make()};
  return cached;
}

template <class Config, class Call>
auto finish_blocking(Call& batch) noexcept -> std::error_code {
  auto& made = blocking_ring<Config>();
  if (!made) return made.error();
  batch.start(*made, nullptr);
  while (batch.unfinished() != 0)
    if (const auto step = made->poll([](record&) noexcept {}, wait::one); !step) return step.error();
  return {};
}
/// \endcond

/// Runs the operations of one call and blocks the thread until all are done: a `result`, or a tuple of them.
/// \errors those of the operations; each gives the ring's own error where no ring can be made
template <class Config, class... Ops>
auto run([[maybe_unused]] Ops... ops) noexcept -> typename outcome_of<Ops...>::type {
  using call_type = call<ring<Config>, Ops...>;
  if constexpr (!check_call<policy_of<Config, policy_kind::backend>, Ops...>()) {
    __builtin_unreachable();  // the mistake was said; nothing else is to be said about it
  } else if constexpr (sizeof...(Ops) == 1) {
    call_type batch{std::move(ops)...};
    const std::error_code error = finish_blocking<Config>(batch);
    if (error) return std::unexpected{error};
    return batch.template get<0>().result();
  } else {
    call_type batch{std::move(ops)...};
    const std::error_code error = finish_blocking<Config>(batch);
    return error ? [&]<class... Results>(std::tuple<Results...>*) {
      return std::tuple<Results...>{Results{std::unexpected{error}}...};
    }(static_cast<typename call_type::result_type*>(nullptr))
                 : batch.results();
  }
}

/// Runs a batch whose size is known at run time and blocks the thread until all are done; the results stay in the operations.
template <class Config, class Op>
void run_batch(std::span<basic_operation<policy_of<Config, policy_kind::backend>, Op>> batch) noexcept {
  auto& made = blocking_ring<Config>();
  if (!made) {
    for (auto& one : batch) one.refuse();
    return;
  }
  std::size_t left = batch.size() - made->start(batch);
  while (left != 0) {
    const auto step = made->poll([](record&) noexcept {}, wait::one);
    if (!step) return;
    left -= *step;
  }
}

}  // namespace sluice::inline v0::aio
