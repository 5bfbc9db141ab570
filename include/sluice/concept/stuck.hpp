// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What a policy for tasks that do not end must say. Layer: concept.

#include <sluice/fwd.hpp>
#include <sluice/interval.hpp>

#include <concepts>
#include <cstdint>
#include <string_view>

namespace sluice::inline v0 {

/// A policy that decides what becomes of tasks that do not end with their scheduler. It has no instance.
///
/// * `refusals`: so many waits are refused to a task that was asked to end because its scheduler ends, or because of a deadlock, before it
/// is given up; at least 1. What it does under a shield counts for nothing.
/// * `grace`: so long after that all that still live are given up, whatever they do; more than nothing, `interval::max()` for no limit.
/// Only configs with one contain what it takes.
/// * `give_up()` is called on the stack of the thread that runs the scheduler when tasks that are given up have been named on the standard
/// error stream. Where it returns they are abandoned: never resumed, their stacks kept. It may end the program instead. Tasks that cannot
/// go on because the ring was lost, or that wait for each other in a way that nothing interrupts, are given up as well.
template <class P>
concept stuck_policy = requires {
  { P::kind } -> std::convertible_to<policy_kind>;
  requires P::kind == policy_kind::stuck;
  { P::name } -> std::convertible_to<std::string_view>;
  { P::refusals } -> std::convertible_to<std::uint32_t>;
  requires P::refusals >= 1;
  { P::grace } -> std::convertible_to<interval>;
  requires(interval{P::grace}.count > 0);
  { P::give_up() } noexcept -> std::same_as<void>;
};

/// Whether a policy has a limit by the clock.
template <stuck_policy P>
inline constexpr bool has_grace = interval{P::grace} != interval::max();

}  // namespace sluice::inline v0
