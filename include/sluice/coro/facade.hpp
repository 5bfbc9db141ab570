// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Tasks for one config, under short names. Layer: coro.

#include <sluice/aio/facade.hpp>
#include <sluice/coro/io.hpp>
#include <sluice/coro/last_resort.hpp>
#include <sluice/coro/main.hpp>
#include <sluice/coro/run.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/coro/scope.hpp>
#include <sluice/coro/stop.hpp>
#include <sluice/coro/structure.hpp>
#include <sluice/coro/task.hpp>

#include <cstdint>
#include <source_location>
#include <span>
#include <stop_token>
#include <string_view>
#include <utility>

namespace sluice::inline v0 {

/// Tasks for a config: `using coro = sluice::coro_of<app>;`. Everything here is used on the thread of the scheduler that runs the calling
/// task.
template <class Config>
struct coro_of {
  using config = detail::sound<Config>;       ///< as given; the defaults in place of one with a mistake, which is then said once
  using scheduler = coro::scheduler<config>;  ///< to embed one; `run` and `main` make their own
  using scope = coro::basic_scope<config>;    ///< owns tasks, and ends after them
  /// Owns one task.
  template <class T>
  using task = coro::basic_task<config, T>;

  /// Runs `f(args...)` as the root task of a new scheduler until all tasks have ended. R(f).
  template <class F, class... Args>
  static auto run(F&& f, Args&&... args) {
    return coro::run<config>(std::forward<F>(f), std::forward<Args>(args)...);
  }
  /// Runs `f` as a whole program; gives its exit code.
  template <class F>
  static auto main(F&& f) -> int {
    return coro::main<config>(coro::main_options{}, std::forward<F>(f));
  }
  /// As above, with options.
  template <class F>
  static auto main(const coro::main_options& options, F&& f) -> int {
    return coro::main<config>(options, std::forward<F>(f));
  }

  /// Starts the operations in one submission and waits for all of them: `result<T>`, or a tuple of results for several. Outside a task it
  /// blocks the thread.
  /// \errors those of the operations; `operation_canceled` once the task was asked to end
  template <class... Ops>
  [[gnu::always_inline]] static auto io(Ops&&... ops) noexcept -> typename aio::outcome_of<std::remove_cvref_t<Ops>...>::type {
    if constexpr (aio::check_call<typename scheduler::backend_type, std::remove_cvref_t<Ops>...>())
      return scheduler::io(std::forward<Ops>(ops)...);
    else
      __builtin_unreachable();  // the mistake was said; nothing else is to be said about it
  }
  /// Starts a batch whose size is known at run time, unlinked, and waits for all; the results stay in the operations.
  template <class Operation, std::size_t Extent>
  static void io(std::span<Operation, Extent> batch) noexcept {
    using op_type = typename Operation::description_type;
    static_assert(sizeof(Operation) == sizeof(aio::basic_operation<typename scheduler::backend_type, op_type>));
    const std::span<aio::basic_operation<typename scheduler::backend_type, op_type>> all{batch.data(), batch.size()};
    if (auto* const home = current_task_home()) [[likely]]
      home->io(all);
    else
      aio::run_batch<config>(all);
  }

  /// Starts a task; the handle owns it.
  template <class F, class... Args>
    requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
  static auto spawn(F&& f, Args&&... args) {
    return spawn_with(spawn_options{.where = std::source_location{}}, std::forward<F>(f), std::forward<Args>(args)...);
  }
  /// As above, with a name or a stack size.
  template <class F, class... Args>
    requires std::invocable<std::decay_t<F>, std::decay_t<Args>...>
  static auto spawn(const spawn_options& options, F&& f, Args&&... args) {
    return spawn_with(options, std::forward<F>(f), std::forward<Args>(args)...);
  }

  /// Runs all at once: a tuple of their values, or the first failure, which cancels the others.
  template <class... Fs>
  static auto all(Fs... fs) {
    return coro::all<config>(std::move(fs)...);
  }
  /// Runs all at once: a variant with the first success, which cancels the others.
  template <class... Fs>
  static auto race(Fs... fs) {
    return coro::race<config>(std::move(fs)...);
  }
  /// Runs `f` here, for at most so long. R(f), or `errc::timed_out`.
  template <class F>
  static auto with_timeout(interval limit, F&& f) {
    return coro::with_deadline<config>(limit == interval::max() ? time_point::never() : scheduler::ring_type::now() + limit,
                                       std::forward<F>(f));
  }
  /// Runs `f` here, until a point of the steady clock at most. R(f), or `errc::timed_out`.
  template <class F>
  static auto with_deadline(time_point deadline, F&& f) {
    return coro::with_deadline<config>(deadline, std::forward<F>(f));
  }
  /// Runs `f` here; no request to end reaches it. R(f).
  template <class F>
  static auto shield(F&& f) {
    return coro::shield<config>(std::forward<F>(f));
  }

  /// Waits for a time, on the steady clock. Never early. \errors `operation_canceled`
  static auto sleep(interval span) noexcept -> result<void> {
    return sleep_until(span == interval::max() ? time_point::never() : scheduler::ring_type::now() + span);
  }
  /// Waits until a point of the steady clock. \errors `operation_canceled`
  static auto sleep_until(time_point deadline) noexcept -> result<void> {
    if (auto* const home = current_task_home()) return home->sleep_until(deadline);
    return aio::run<config>(op::timeout{.at = deadline});
  }
  /// Lets every other ready task run first.
  [[gnu::always_inline]] static void yield() noexcept {
    if (auto* const home = detail::current<config>) home->yield();
  }

  /// The task that calls.
  struct this_task {
    /// Whether it was asked to end, shields considered.
    [[nodiscard]] static auto cancelled() noexcept -> bool {
      auto* const home = current_task_home();
      return home != nullptr && home->cancelled(home->self());
    }
    /// Its number, never used twice in a scheduler; 0 outside a task.
    [[nodiscard]] static auto id() noexcept -> std::uint64_t {
      auto* const home = current_task_home();
      return home != nullptr ? home->self().cold->id : 0;
    }
    /// Its name.
    [[nodiscard]] static auto name() noexcept -> std::string_view {
      auto* const home = current_task_home();
      return home != nullptr ? home->self().cold->name() : std::string_view{};
    }
    /// Names it; the first 23 characters are kept.
    static void name(std::string_view text) noexcept {
      if (auto* const home = current_task_home()) home->self().cold->name(text);
    }
    /// A token for foreign code; stop is requested when the task is asked to end. \allocates at the first call
    [[nodiscard]] static auto stop_token() -> std::stop_token {
      auto* const home = current_task_home();
      return home != nullptr ? coro::stop_token_of(*home->self().cold) : std::stop_token{};
    }
  };

 private:
  [[gnu::always_inline]] static auto current_task_home() noexcept -> scheduler* {
    auto* const home = detail::current<config>;
    return home != nullptr && home->in_task() ? home : nullptr;
  }

  template <class F, class... Args>
  static auto spawn_with(const spawn_options& options, F&& f, Args&&... args) {
    using outcome_type = result_of_t<std::invoke_result_t<std::decay_t<F>, std::decay_t<Args>...>>;
    using handle = task<typename outcome_type::value_type>;
    auto* const home = detail::current<config>;
    if (home == nullptr) return handle{std::make_error_code(std::errc::operation_not_permitted)};
    auto made = home->create(options, std::forward<F>(f), std::forward<Args>(args)...);
    return made ? handle{**made} : handle{made.error()};
  }
};

}  // namespace sluice::inline v0
