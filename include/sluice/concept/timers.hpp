// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The contract of a timers policy: how deadlines are kept. Layer: concept.

#include <sluice/fwd.hpp>
#include <sluice/interval.hpp>
#include <sluice/result.hpp>

#include <concepts>
#include <cstdint>
#include <string_view>

namespace sluice::inline v0 {

/// One deadline. It belongs to the caller, lies where the caller put it and must not move or die while it is armed.
struct timer_node {
  time_point deadline;  ///< when to fire, on the steady clock
  /// The policy's own while armed.
  union {
    timer_node* link[2];     ///< neighbours in a list
    std::uint64_t sequence;  ///< order of arming
  };
  std::uint32_t slot = 0;  ///< the policy's own
  bool armed = false;      ///< whether a policy holds it; kept by the policy

  constexpr timer_node() noexcept : sequence{0} {}
  timer_node(const timer_node&) = delete;
  auto operator=(const timer_node&) -> timer_node& = delete;
};

/// A policy that keeps armed deadlines in order. One instance serves one ring, from that ring's thread.
///
/// * `arm(node)` takes a node whose `deadline` is set; it is not armed. Fails only for want of memory, and then holds nothing.
/// * `disarm(node)` takes it out again; it is armed.
/// * `next()` is the earliest deadline, `time_point::never()` where none is armed. A policy with buckets may name an earlier point, never a
/// later one; after an `expire(now, ...)` in which nothing was armed it lies behind `now`, so that a poll that waits for it never spins.
/// * `expire(now, fire)` disarms, in order of deadline and then of arming, every node due at `now` and hands each to `fire(timer_node&)`,
/// which
///   may arm and disarm any node, this one included; a node that is armed during the call fires in a later one.
/// * `size()` is how many are armed.
/// \complexity `arm` and `disarm` O(log n) or better
template <class P>
concept timers_policy =
    std::default_initializable<P> && requires(P policy, const P& view, timer_node& node, time_point now, void (*fire)(timer_node&)) {
      { P::kind } -> std::convertible_to<policy_kind>;
      requires P::kind == policy_kind::timers;
      { P::name } -> std::convertible_to<std::string_view>;
      { policy.arm(node) } noexcept -> std::same_as<result<void>>;
      { policy.disarm(node) } noexcept -> std::same_as<void>;
      { view.next() } noexcept -> std::same_as<time_point>;
      { policy.expire(now, fire) } -> std::same_as<void>;
      { view.size() } noexcept -> std::convertible_to<std::size_t>;
    };

}  // namespace sluice::inline v0
