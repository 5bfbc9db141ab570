// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A whole program as one callable: signals end it, errors are printed, a stack overflow names its task. Layer: coro.

#include <sluice/concept/stack.hpp>
#include <sluice/coro/current.hpp>
#include <sluice/coro/run.hpp>

#include <atomic>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <string_view>
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
    home.watch_wishes(&wishes_, &root_);
    if (options.handle_termination || options.dump_signal != 0)
      signals_.emplace(&told, this, options.handle_termination, options.dump_signal);
    if (options.report_overflow) fault_.emplace(&fault);
  }
  program(const program&) = delete;
  auto operator=(const program&) -> program& = delete;
  ~program() {
    signals_.reset();
    home_.watch_wishes(nullptr, nullptr);
  }

 private:
  // In a signal handler.
  static void told(void* self, bool report) noexcept {
    auto& watched = *static_cast<program*>(self);
    watched.home_.wish(watched.wishes_, report ? scheduler_type::wish_report : scheduler_type::wish_end);
  }

  // In a signal handler, on its own stack: no allocation, no locale.
  class line {
   public:
    [[gnu::noinline]] auto text(std::string_view piece) noexcept -> line& {
      const auto length = piece.size() < sizeof(buffer_) - used_ ? piece.size() : sizeof(buffer_) - used_;
      std::memcpy(buffer_ + used_, piece.data(), length);
      used_ += length;
      return *this;
    }
    [[gnu::noinline]] auto number(std::uint64_t value) noexcept -> line& {
      const auto end = std::to_chars(buffer_ + used_, buffer_ + sizeof(buffer_), value);
      used_ = static_cast<std::size_t>(end.ptr - buffer_);
      return *this;
    }
    void print() const noexcept { os::write_error(buffer_, used_); }

   private:
    char buffer_[512];
    std::size_t used_ = 0;
  };

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
      out.text("sluice: stack overflow in task #").number(task->id);
      if (!task->name().empty()) out.text(" \"").text(task->name()).text("\"");
      if (task->has_place) out.text(", spawned at ").text(task->where.file_name()).text(":").number(task->where.line());
      out.text(": its stack of ")
          .number(task->stack.bytes)
          .text(" bytes is used up; give it more by spawn({.stack_bytes = ...}, f), or all tasks by .bytes of the stack policy\n");
      out.print();
    }
  }

  scheduler_type& home_;
  frame<Config>* root_;
  std::atomic<unsigned> wishes_{0};
  std::optional<typename os::program_signals> signals_;
  std::optional<typename os::fault_watch> fault_;
};
/// \endcond

/// Runs `f` as a whole program and gives its exit code: the value of an `f` that returns an `int`; 0 for any other success; 1 for an error
/// or an exception, which is printed. The first SIGINT or SIGTERM asks the root task to end, the second ends the program at once.
template <class Config, class F>
auto main(const main_options& options, F&& f) -> int {
  try {
    auto outcome = run_root<Config>(
        [&](scheduler<Config>& home, frame<Config>& root) noexcept { return program<Config>{home, root, options}; }, std::forward<F>(f));
    if (!outcome) {
      std::fprintf(stderr, "error: %s\n", outcome.error().message().c_str());
      return 1;
    }
    if constexpr (std::is_convertible_v<typename decltype(outcome)::value_type, int>)
      return static_cast<int>(*outcome);
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
