// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The contract of a context policy: how one stack is left for another. Layer: concept.

#include <sluice/concept/stack.hpp>
#include <sluice/fwd.hpp>

#include <concepts>
#include <cstddef>
#include <string_view>
#include <type_traits>

namespace sluice::inline v0 {

/// What a prepared context runs first. It gets the pointer that `prepare` was given, on the new stack, and never returns.
using context_entry = void (*)(void* argument) noexcept;

/// A policy that switches stacks. All its functions are static: what a switch needs is in the two states.
///
/// `state` is what is kept of a stack that is not running: trivially copyable, at most three pointers (it lies in the hot part of a task).
/// A policy that needs more asks for `storage_bytes` beside it and gets their address, stable and aligned to 16, in `attach`, before any
/// other use of the state (for the stack that a thread was born with, too).
///
/// * `attach(state&, void* storage)` binds the storage; does nothing where `storage_bytes` is 0.
/// * `prepare(state&, stack_span, context_entry, void* argument)` makes a state that, when first switched to, calls the entry on that
/// stack.
///   The frame it starts from ends unwinding: a backtrace stops there.
/// * `switch_to(state& from, state& to)` saves what is running in `from` and resumes `to`; returns when something switches back to `from`.
///   Every register that the calling convention lets a caller rely on is kept.
/// * `leave(state& to)`, where a policy has it, resumes `to` and saves nothing: the running stack is never resumed.
/// * `foresee(const state& soon)`, where a policy has it, begins to load what `soon` needs first, and nothing else: it is called for a
/// stack
///   that is switched to after the next one, or not at all.
/// * `supported()` says whether this process can switch stacks at all (shadow stacks forbid it).
template <class P>
concept context_policy =
    std::default_initializable<P> && requires(typename P::state state, stack_span stack, context_entry entry, void* pointer) {
      { P::kind } -> std::convertible_to<policy_kind>;
      requires P::kind == policy_kind::context;
      { P::name } -> std::convertible_to<std::string_view>;
      { P::storage_bytes } -> std::convertible_to<std::size_t>;
      requires std::is_trivially_copyable_v<typename P::state>;
      requires sizeof(typename P::state) <= 3 * sizeof(void*);
      { P::attach(state, pointer) } noexcept -> std::same_as<void>;
      { P::prepare(state, stack, entry, pointer) } noexcept -> std::same_as<void>;
      { P::switch_to(state, state) } noexcept -> std::same_as<void>;
      { P::supported() } noexcept -> std::same_as<bool>;
    };

}  // namespace sluice::inline v0
