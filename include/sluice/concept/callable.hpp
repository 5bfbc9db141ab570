// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What is said about callables and batches that a task cannot run. Layer: concept.

#include <sluice/result.hpp>

#include <type_traits>
#include <utility>

namespace sluice::inline v0::detail {

/// Whether what a call gives can be carried out of a task.
template <class R>
inline constexpr bool can_be_kept =
    std::is_void_v<typename result_of_t<R>::value_type> || std::is_move_constructible_v<typename result_of_t<R>::value_type>;

/// Whether `F` can be called where it stands. A mistake gives one sentence.
template <class F, class... Args>
consteval auto check_call_here() -> bool {
  if constexpr (!std::is_invocable_v<F, Args...>) {
    static_assert(
        std::is_invocable_v<F, Args...>,
        "[sluice.coro.callable] this cannot be called with these arguments; give a callable, then what it takes, references by std::ref");
    return false;
  } else if constexpr (!can_be_kept<std::invoke_result_t<F, Args...>>) {
    static_assert(
        can_be_kept<std::invoke_result_t<F, Args...>>,
        "[sluice.coro.result] what the callable gives can be neither copied nor moved to whoever asks for it; give a std::unique_ptr of it");
    return false;
  } else {
    return true;
  }
}

/// Whether a task can keep copies of `F` and `Args` and call the one with the others. A mistake gives one sentence.
template <class F, class... Args>
consteval auto check_task() -> bool {
  constexpr bool can_copy = (std::is_constructible_v<std::decay_t<F>, F> && ... && std::is_constructible_v<std::decay_t<Args>, Args>);
  if constexpr (!can_copy) {
    static_assert(
        can_copy,
        "[sluice.coro.argument] a task keeps its callable and its arguments and one of these cannot be copied; give it by std::move or std::ref");
    return false;
  } else {
    return check_call_here<std::decay_t<F>, std::decay_t<Args>...>();
  }
}

/// Whether several callables can run side by side. A mistake gives one sentence.
template <class... Fs>
consteval auto check_calls_here() -> bool {
  return (check_call_here<Fs>() && ...);
}

}  // namespace sluice::inline v0::detail
