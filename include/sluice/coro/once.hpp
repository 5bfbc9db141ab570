// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Something that is done once, by whichever task comes first. Layer: coro.

#include <sluice/concept/callable.hpp>
#include <sluice/coro/mutex.hpp>
#include <sluice/result.hpp>

#include <type_traits>
#include <utility>

namespace sluice::inline v0::coro {

/// Runs a callable once; whoever comes meanwhile waits for its end. One that fails, by an error or an exception, has not been run: the next
/// one that waits tries again. Nothing in it is atomic.
/// \lifetime nobody waits for it when it is destroyed
template <class Config>
class basic_once {
 public:
  /// Not done.
  constexpr basic_once() noexcept = default;

  /// Runs `f()`, unless that was done before. What it returns is dropped unless it is an error.
  /// \errors those of f; `operation_canceled` once the task was asked to end while another one runs it; `operation_not_permitted` if it
  /// would have to wait outside a task
  template <class F>
  auto call(F&& f) -> result<void> {
    if constexpr (!std::is_invocable_v<F>) {
      (void)sluice::detail::check_call_here<F>();  // says so; what it gives is not kept, so no more is asked of it
      return {};
    } else {
      if (done_) [[likely]]
        return {};
      const auto turn = turn_.lock_cancellable();
      if (done_) return {};
      if (!turn) return std::unexpected{turn.error()};
      using returned = std::invoke_result_t<F>;
      if constexpr (requires(returned one) { one.has_value(), one.error(); }) {
        if (auto outcome = std::forward<F>(f)(); !outcome) return std::unexpected{outcome.error()};
      } else {
        (void)std::forward<F>(f)();
      }
      done_ = true;
      return {};
    }
  }
  /// Whether it was done.
  [[nodiscard]] auto is_done() const noexcept -> bool { return done_; }

 private:
  basic_mutex<Config> turn_;
  bool done_ = false;
};

}  // namespace sluice::inline v0::coro
