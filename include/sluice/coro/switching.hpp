// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// How a thread goes from one task to another, with what it keeps for the one that runs. Layer: coro.

#include <sluice/concept/context.hpp>
#include <sluice/config.hpp>
#include <sluice/coro/frame.hpp>
#include <sluice/detail/exception_globals.hpp>
#include <sluice/detail/sanitizer.hpp>

namespace sluice::inline v0::coro {

/// The switches of one scheduler. It decides nothing: who runs next is the scheduler's business.
template <class Config>
class switching {
 public:
  using context_type = policy_of<Config, policy_kind::context>;  ///< how stacks are left
  using fiber_type = fiber<Config>;                              ///< a task, as every switch sees it
  using frame_type = frame<Config>;                              ///< the rest of it

  /// The thread enters the scheduler, on the stack of the root.
  void enter(frame_type& root) noexcept {
    exceptions_ = detail::exception_globals::of_thread();
    root.annotation.adopt();
  }

  /// From the running task to another; comes back when something switches to the first one again.
  [[gnu::always_inline]] void go(fiber_type& from, fiber_type& to) noexcept {
    if (detail::exception_globals::busy(exceptions_)) [[unlikely]]
      return go_in_handler(exceptions_, from, to);
    hop(from, to);
  }

  /// First thing in a task.
  static void arrived(frame_type& me) noexcept { detail::fiber_annotation::after_switch(me.annotation); }

  /// From a task that has ended to another. Inlined for the processor's sake: it would predict that the call of this is returned from, and
  /// then every return of the fiber that goes on would go wrong.
  [[noreturn, gnu::always_inline]] static inline void leave(frame_type& me, fiber_type& next) noexcept {
    detail::fiber_annotation::before_switch(me.annotation, next.cold->annotation, true);
    if constexpr (requires { context_type::leave(next.context); }) {
      context_type::leave(next.context);
    } else {
      context_type::switch_to(me.hot->context, next.context);
      __builtin_unreachable();
    }
  }

 private:
  [[gnu::always_inline]] static void hop(fiber_type& from, fiber_type& to) noexcept {
    detail::fiber_annotation::before_switch(from.cold->annotation, to.cold->annotation);
    context_type::switch_to(from.context, to.context);
    detail::fiber_annotation::after_switch(from.cold->annotation);
  }

  /// The same for one that handles an exception: it takes what the thread keeps of that with it. So whoever runs next finds nothing, and
  /// only this one has to put anything back.
  [[gnu::noinline, gnu::cold]] static void go_in_handler(void* thread, fiber_type& from, fiber_type& to) noexcept {
    detail::exception_globals mine;
    detail::exception_globals none;
    detail::exception_globals::swap(thread, mine, none);
    hop(from, to);
    detail::exception_globals::swap(thread, none, mine);
  }

  void* exceptions_ = nullptr;
};

}  // namespace sluice::inline v0::coro
