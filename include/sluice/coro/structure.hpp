// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Several callables as one: all of them, the first of them, one with a deadline, one that is shielded. Layer: coro.

#include <sluice/coro/current.hpp>
#include <sluice/coro/last_resort.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/coro/scope.hpp>

#include <cstddef>
#include <exception>
#include <optional>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>

namespace sluice::inline v0::coro {

/// \cond
template <class T>
using storable = std::conditional_t<std::is_void_v<T>, std::monostate, T>;

template <class F>
using value_of = typename result_of_t<std::invoke_result_t<F>>::value_type;

// R(f) of calling f here.
template <class F>
auto call_flat(F&& f) -> result_of_t<std::invoke_result_t<F>> {
  if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
    std::forward<F>(f)();
    return {};
  } else {
    return std::forward<F>(f)();
  }
}

template <class T>
auto stored(result<T>&& from) -> result<storable<T>> {
  if (!from) return std::unexpected{from.error()};
  if constexpr (std::is_void_v<T>)
    return std::monostate{};
  else
    return std::move(*from);
}

// Puts a scope on the running task's list for as long as it lives.
template <class Config>
class scope_entry {
 public:
  scope_entry(frame<Config>& task, cancel_scope& scope) noexcept : task_{task} {
    scope.outer = task.scopes();
    task.innermost = &scope;
  }
  scope_entry(const scope_entry&) = delete;
  auto operator=(const scope_entry&) -> scope_entry& = delete;
  ~scope_entry() { task_.innermost = task_.innermost->outer; }

 private:
  frame<Config>& task_;
};

template <class Config, std::size_t I, class Slots, class F>
auto child_into(Slots& slots, F& f) {
  return [&slots, &f]() -> result<void> {
    auto outcome = stored(call_flat(std::move(f)));
    if (!outcome) return std::unexpected{outcome.error()};
    std::get<I>(slots).emplace(std::move(*outcome));
    return {};
  };
}
/// \endcond

/// Runs all at once and waits for all; the first failure cancels the others. The values, `std::monostate` for void.
template <class Config, class... Fs>
auto all(Fs... fs) -> result<std::tuple<storable<value_of<Fs>>...>> {
  std::tuple<std::optional<storable<value_of<Fs>>>...> slots;
  auto outcome = [&]<std::size_t... I>(std::index_sequence<I...>) -> result<void> {
    basic_scope<Config> children;
    (children.spawn(child_into<Config, I>(slots, fs)), ...);
    return children.join();
  }(std::index_sequence_for<Fs...>{});
  if (!outcome) return std::unexpected{outcome.error()};
  return std::apply([](auto&&... slot) { return std::tuple<storable<value_of<Fs>>...>{std::move(*slot)...}; }, std::move(slots));
}

/// Runs all at once; the first success cancels the others, which are awaited. The variant's index says whose value it is. Another success
/// that comes before its cancel has reached it is destroyed, with whatever it has got. Without a success: the last failure, thrown again if
/// it was an exception.
template <class Config, class... Fs>
auto race(Fs... fs) -> result<std::variant<storable<value_of<Fs>>...>> {
  using winner_type = std::variant<storable<value_of<Fs>>...>;
  std::optional<winner_type> winner;
  std::error_code error;
  std::exception_ptr thrown;
  auto outcome = [&]<std::size_t... I>(std::index_sequence<I...>) -> result<void> {
    basic_scope<Config> children{{.on_failure = on_failure::keep}};
    const auto child = [&]<std::size_t J>(std::integral_constant<std::size_t, J>, auto& f) {
      return [&]() noexcept {
        try {
          auto one = stored(call_flat(std::move(f)));
          if (one) {
            if (winner) return;
            winner.emplace(std::in_place_index<J>, std::move(*one));
            children.cancel();
          } else {
            error = one.error();
            thrown = nullptr;
          }
        } catch (...) { thrown = std::current_exception(); }
      };
    };
    (children.spawn(child(std::integral_constant<std::size_t, I>{}, fs)), ...);
    return children.join();
  }(std::index_sequence_for<Fs...>{});
  if (winner) return std::move(*winner);
  if (thrown != nullptr) std::rethrow_exception(thrown);
  if (error) return std::unexpected{error};
  if (!outcome) return std::unexpected{outcome.error()};
  return canceled();
}

/// Runs `f` in the running task, bounded: at the deadline its waits are cut short. R(f), or `errc::timed_out` only if that kept `f` from
/// finishing: an `f` that returns a value in spite of it has succeeded.
/// \errors those of f; `errc::timed_out`; `operation_not_permitted` outside a task
template <class Config, class F>
auto with_deadline(time_point deadline, F&& f) -> result_of_t<std::invoke_result_t<F>> {
  using outcome_type = result_of_t<std::invoke_result_t<F>>;
  auto* const home = detail::current<Config>;
  if (home == nullptr || !home->in_task()) return failure(std::errc::operation_not_permitted);
  auto& task = *home->self().cold;
  cancel_scope scope{};
  typename scheduler<Config>::scope_deadline limit;
  limit.scope = &scope;
  limit.task = &task;
  struct disarm_at_end {
    scheduler<Config>& home;
    aio::timer& timer;
    ~disarm_at_end() { home.own_ring().disarm(timer); }
  };
  const auto run = [&]() -> outcome_type {
    const scope_entry<Config> entry{task, scope};
    if (deadline != time_point::never()) {
      if (auto armed = home->arm(limit, deadline); !armed) return std::unexpected{armed.error()};
    }
    const disarm_at_end guard{*home, limit.timer};
    return call_flat(std::forward<F>(f));
  };
  auto outcome = run();
  const bool ours = scope.cancelled && scope.delivered;
  if constexpr (std::is_void_v<std::invoke_result_t<F>>) {
    // Without a result of its own, an f that was cut short has nothing to show for it.
    if (ours) return failure(errc::timed_out);
  } else {
    if (ours && !outcome && outcome.error() == std::errc::operation_canceled) return failure(errc::timed_out);
  }
  return outcome;
}

/// Runs `f` in the running task; no request to end reaches it. R(f).
template <class Config, class F>
auto shield(F&& f) -> result_of_t<std::invoke_result_t<F>> {
  auto* const home = detail::current<Config>;
  if (home == nullptr || !home->in_task()) return call_flat(std::forward<F>(f));
  cancel_scope scope{};
  scope.shielded = true;
  const scope_entry<Config> entry{*home->self().cold, scope};
  return call_flat(std::forward<F>(f));
}

}  // namespace sluice::inline v0::coro
