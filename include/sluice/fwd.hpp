// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Names that every layer shares before anything is defined: the kinds of policy. Base vocabulary.

#include <cstdint>

namespace sluice::inline v0 {

/// What a policy decides; each policy says its own as `static constexpr auto kind`.
enum class policy_kind : std::uint8_t {
  backend,   ///< how operations reach the system
  stack,     ///< where the stacks of tasks come from
  context,   ///< how one stack is left for another
  timers,    ///< how deadlines are kept
  trace,     ///< what is observed
  blocking,  ///< where blocking code runs
  resolver,  ///< who knows the addresses of hosts
  stuck,     ///< what becomes of tasks that do not end with their scheduler
};

/// The policy that a config gets for a kind it leaves out. `sluice/native.hpp` defines one for each kind;
/// the core only declares it, so that it includes no policy.
template <policy_kind Kind>
struct default_policy;

}  // namespace sluice::inline v0
