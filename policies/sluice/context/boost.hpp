// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The context switch of Boost.Context, for every architecture that it knows. Layer: policy.

#include <sluice/concept/context.hpp>
#include <sluice/concept/stack.hpp>
#include <sluice/fwd.hpp>
#include <sluice/os/shadow_stack.hpp>

#include <cstddef>
#include <string_view>

#if __has_include(<boost/context/detail/fcontext.hpp>)

#include <boost/context/detail/fcontext.hpp>

namespace sluice::inline v0::context {

/// Leaves one stack for another by Boost.Context's `fcontext`. Programs that use it link `boost_context`.
/// \complexity O(1), a function call that saves all callee-saved registers and the floating-point control words
/// \os whatever Boost.Context supports, no CET shadow stack
/// \src Boost.Context 1.74, detail/fcontext.hpp
struct boost {
  static constexpr auto kind = policy_kind::context;  ///< found as the context policy of a config
  static constexpr std::string_view name = "boost";   ///< the file's name
  static constexpr std::size_t storage_bytes = 0;     ///< all of it fits in `state`

  /// A stack that is not running.
  struct state {
    ::boost::context::detail::fcontext_t place = nullptr;  ///< where it was left
    context_entry entry = nullptr;                         ///< what it runs first
    void* argument = nullptr;                              ///< what the entry gets; once it runs, the state that was switched to last
  };

  /// Whether this thread can leave its stack by a jump: not with a CET shadow stack.
  [[nodiscard]] static auto supported() noexcept -> bool { return !os::shadow_stack_active(); }

  /// Nothing to bind.
  static void attach(state&, void*) noexcept {}

  /// Makes `self` call `entry(argument)` on `stack` when it is first switched to.
  static void prepare(state& self, stack_span stack, context_entry entry, void* argument) noexcept {
    self = {.place = ::boost::context::detail::make_fcontext(stack.base + stack.bytes, stack.bytes, &enter),
            .entry = entry,
            .argument = argument};
  }

  /// Saves the running stack in `from` and goes on where `to` was left.
  [[gnu::always_inline]] static inline void switch_to(state& from, state& to) noexcept {
    // Only the side that arrives learns where the other one is to be continued, and only on arriving first needs to know who it is itself.
    // No local carries that: at the last switch of a fiber the address sanitizer has taken back its locals already.
    from.argument = &to;
    arrived(::boost::context::detail::jump_fcontext(to.place, &from));
  }

  /// Has the processor fetch what a stack needs first that is switched to soon: its registers, which it was left with. Never faults.
  [[gnu::always_inline]] static inline void foresee(const state& soon) noexcept { __builtin_prefetch(soon.place); }

 private:
  static auto arrived(::boost::context::detail::transfer_t transfer) noexcept -> state& {
    auto& from = *static_cast<state*>(transfer.data);
    from.place = transfer.fctx;
    return *static_cast<state*>(from.argument);
  }

  static void enter(::boost::context::detail::transfer_t transfer) noexcept {
    const auto& self = arrived(transfer);
    self.entry(self.argument);
  }
};

static_assert(context_policy<boost>);

}  // namespace sluice::inline v0::context

#endif
