// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A whole program as one callable: signals end it, errors are printed, a stack overflow names its task. Layer: coro.

#include <sluice/concept/stack.hpp>
#include <sluice/coro/current.hpp>
#include <sluice/coro/last_words.hpp>
#include <sluice/coro/run.hpp>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <optional>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::coro {

/// Choices of `main`.
struct main_options {
  bool handle_termination = true;  ///< the first SIGINT or SIGTERM asks the root task to end; the second ends the program at once
  bool report_overflow = true;     ///< a stack overflow names its task before the program ends
  int dump_signal = 0;             ///< a signal, SIGUSR1 say, after which the next turn prints what every task waits for; 0: none
};

/// \cond
template <class Config>
class program {
 public:
  using scheduler_type = scheduler<Config>;
  using os = typename scheduler_type::os;

  program(scheduler_type& home, frame<Config>& root, const main_options& options) noexcept : home_{home}, root_{&root} {
    // Whoever asks a program to end before it has begun gets what it makes of that: its exit code tells whether there was anything to do.
    root.always_begins = true;
    home.watch_wishes(&wishes_, &root_);
    if (options.handle_termination || options.dump_signal != 0)
      signals_.emplace(&told, this, options.handle_termination, options.dump_signal);
    if (options.report_overflow) fault_.emplace(&fault);
    // Two programs of one config, on two threads, are no reason to go in a circle.
    if (const auto before = std::set_terminate(&terminated); before != &terminated) before_ = before;
  }
  program(const program&) = delete;
  auto operator=(const program&) -> program& = delete;
  ~program() {
    std::set_terminate(before_);
    signals_.reset();
    home_.watch_wishes(nullptr, nullptr);
  }

 private:
  // In a signal handler.
  static void told(void* self, bool report) noexcept {
    auto& watched = *static_cast<program*>(self);
    watched.home_.wish(watched.wishes_, report ? scheduler_type::wish_report : scheduler_type::wish_end);
  }

  using line = last_words<os>;

  // Says which task it is, then what the program says anyway.
  [[gnu::cold]] static void terminated() noexcept {
    const auto* const home = detail::current<Config>;
    if (const auto* const task = home != nullptr ? home->stack_of_running() : nullptr) {
      line out;
      out.task("sluice: std::terminate in task #", *task).text("\n").print();
    }
    if (before_ != nullptr) before_();
    std::abort();
  }

  static void fault(const void* address) noexcept {
    using stack_type = typename scheduler_type::stack_type;
    if constexpr (guarded_stack_policy<stack_type>) {
      const auto* const home = detail::current<Config>;
      const auto* const task = home != nullptr ? home->stack_of_running() : nullptr;
      if (task == nullptr) return;
      const auto at = reinterpret_cast<std::uintptr_t>(address);
      const auto base = reinterpret_cast<std::uintptr_t>(task->stack.base);
      if (at >= base || at < base - stack_type::guard_bytes) return;
      line out;
      out.task("sluice: stack overflow in task #", *task)
          .text(": its stack of ")
          .number(task->stack.bytes)
          .text(" bytes is used up; give it more by spawn({.stack_bytes = ...}, f), or all tasks by .bytes of the stack policy\n");
      out.print();
    }
  }

  static inline std::terminate_handler before_ = nullptr;
  scheduler_type& home_;
  frame<Config>* root_;
  std::atomic<unsigned> wishes_{0};
  std::optional<typename os::program_signals> signals_;
  std::optional<typename os::fault_watch> fault_;
};
/// \endcond

/// Runs `f` as a whole program and gives its exit code: the value of an `f` that returns an `int`; 0 for any other success; 1 for an error
/// or an exception, which is printed; `std::terminate` tells in which task it was called. The first SIGINT or SIGTERM asks the root task to
/// end, the second ends the program at once. One that comes before the root task has begun does not keep `f` from being called: its first
/// wait is refused, and what it returns is the exit code.
template <class Config, class F>
auto main(const main_options& options, F&& f) -> int {
  try {
    auto outcome = run_root<Config>(
        [&](scheduler<Config>& home, frame<Config>& root) noexcept { return program<Config>{home, root, options}; }, std::forward<F>(f));
    if (!outcome) {
      std::fprintf(stderr, "error: %s\n", outcome.error().message().c_str());
      return 1;
    }
    // Not whatever converts to one: how many bytes were written, or true, is no code.
    if constexpr (std::is_same_v<typename decltype(outcome)::value_type, int>)
      return *outcome;
    else
      return 0;
  } catch (const std::exception& thrown) {
    std::fprintf(stderr, "error: %s\n", thrown.what());
    return 1;
  } catch (...) {
    std::fprintf(stderr, "error: an exception of an unknown type\n");
    return 1;
  }
}

}  // namespace sluice::inline v0::coro
