// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// From nothing to a finished program: a scheduler for one callable. Layer: coro.

#include <sluice/coro/current.hpp>
#include <sluice/coro/last_resort.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/coro/task.hpp>

#include <type_traits>
#include <utility>

namespace sluice::inline v0::coro {

/// \cond
// Runs one root task on a new scheduler; what prepare(scheduler, frame of the root) gives lives until all tasks have ended.
template <class Config, class Prepare, class F, class... Args>
[[gnu::noinline, gnu::cold]] auto run_root(Prepare prepare, F&& f, Args&&... args)
    -> result_of_t<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>> {
  using outcome_type = result_of_t<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>>;
  if (detail::current<Config> != nullptr) return failure(errc::already_running);
  auto home = scheduler<Config>::make();
  if (!home) return std::unexpected{home.error()};
  auto* const made = home->create_first(std::forward<F>(f), std::forward<Args>(args)...);
  if (made == nullptr) return std::unexpected{home->why_none()};
  basic_task<Config, typename outcome_type::value_type> root{*made};
  [[maybe_unused]] const auto guard = prepare(*home, *made);
  const auto ran = home->run();
  // Whatever the root task made of being cancelled, a deadlock or a lost ring is what there is to tell. Its exception comes first.
  if (auto* const outcome = root.outcome(); outcome != nullptr && ran) return std::move(*outcome);
  return std::unexpected{ran ? make_error_code(errc::deadlock) : ran.error()};
}
/// \endcond

/// Runs `f(args...)` as the root task of a new scheduler on this thread, until it and all tasks it leaves behind have ended. R(f).
/// \errors those of f; what `scheduler::make` gives; `errc::already_running` inside a task; `errc::deadlock`
template <class Config, class F, class... Args>
auto run(F&& f, Args&&... args) {
  return run_root<Config>([](auto&, auto&) noexcept { return 0; }, std::forward<F>(f), std::forward<Args>(args)...);
}

}  // namespace sluice::inline v0::coro
