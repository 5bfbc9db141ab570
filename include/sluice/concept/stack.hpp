// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The contract of a stack policy: where the stacks of tasks come from. Layer: concept.

#include <sluice/fwd.hpp>
#include <sluice/result.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::inline v0 {

/// The usable memory of one stack; it grows down from `base + bytes`.
/// \units bytes
struct stack_span {
  std::byte* base = nullptr;  ///< lowest usable byte, at least 16-byte aligned
  std::size_t bytes = 0;      ///< usable length; a guard, where there is one, lies below `base` and is not counted
  std::uint32_t index = 0;  ///< number of the stack within its policy; neighbours differ, so that their tops can be spread over cache sets
};

/// A policy that gives and takes back stacks. One instance serves one scheduler, from that scheduler's thread.
///
/// A default-constructed policy owns nothing. `allocate` gives a stack or an error and leaves nothing half done; `deallocate` takes back
/// what `allocate` gave and may keep it for the next caller, most recently used first. Only to a `lasting_stack_policy` does the scheduler
/// hand back the stack that it runs on. A policy may have constants: `least_bytes`, which no stack of the usual size has less of (if a
/// task's frame surely fits, the scheduler does not ask when it makes one), and `usual_bytes`, which each of those has exactly; 0 says
/// nothing.
template <class P>
concept stack_policy = std::default_initializable<P> && requires(P policy, stack_span span) {
  { P::kind } -> std::convertible_to<policy_kind>;
  requires P::kind == policy_kind::stack;
  { P::name } -> std::convertible_to<std::string_view>;
  { policy.allocate() } noexcept -> std::same_as<result<stack_span>>;
  { policy.deallocate(span) } noexcept -> std::same_as<void>;
};

/// A stack policy that can give a stack of another size than its usual one. `bytes` is rounded up to what the policy can map.
template <class P>
concept sized_stack_policy = stack_policy<P> && requires(P policy, std::size_t bytes) {
  { policy.allocate(bytes) } noexcept -> std::same_as<result<stack_span>>;
};

/// A stack policy with memory below each stack that faults when touched: `guard_bytes` of it. Overflow is then reported, not silent.
template <class P>
concept guarded_stack_policy = stack_policy<P> && requires {
  { P::guard_bytes } -> std::convertible_to<std::size_t>;
  requires P::guard_bytes > 0;
};

/// A stack policy that can give pooled memory back to the system. The scheduler calls `trim` from its root fiber only.
template <class P>
concept trimmable_stack_policy = stack_policy<P> && requires(P policy) {
  { policy.trim() } noexcept -> std::same_as<void>;
};

/// A stack policy that can tell of a stack whether taking it back leaves the memory as it is, mapped and untouched, until it is given out
/// again. Such a stack may still be running while it is taken back; the scheduler leaves it before it asks for another one.
template <class P>
concept lasting_stack_policy = stack_policy<P> && requires(const P policy, stack_span span) {
  { policy.keeps(span) } noexcept -> std::same_as<bool>;
};

/// A stack policy that can say how much of a stack has ever been touched.
/// \units bytes, rounded up to what the policy can tell apart
template <class P>
concept measured_stack_policy = stack_policy<P> && requires(P policy, stack_span span) {
  { policy.high_water(span) } noexcept -> std::same_as<std::size_t>;
};

}  // namespace sluice::inline v0
