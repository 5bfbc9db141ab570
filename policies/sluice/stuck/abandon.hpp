// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// `stuck::abandon`: the program goes on without tasks that do not end. Layer: policy.

#include <sluice/concept/stuck.hpp>
#include <sluice/fwd.hpp>
#include <sluice/interval.hpp>
#include <sluice/stuck/options.hpp>

#include <cstdint>
#include <string_view>

namespace sluice::inline v0::stuck {

/// Tasks that do not end are named and abandoned: never resumed, their stacks kept while the scheduler lives, their destructors not run.
///
/// Without `.grace` there is no limit by the clock: that what runs under a shield ends is the word of whoever wrote it. With one,
/// operations in flight are cancelled and awaited when it is over, and a piece of blocking code that a thread has begun is awaited, too,
/// for it works on the stack of its task.
/// \allocates with `.grace` a timer of the timers policy; where there is no memory for it, there is no limit
template <options O = {}>
struct abandon {
  static constexpr auto kind = policy_kind::stuck;       ///< what it decides
  static constexpr std::string_view name = "abandon";    ///< what it is called
  static constexpr std::uint32_t refusals = O.refusals;  ///< waits that are refused to a task before
  static constexpr interval grace = O.grace;             ///< how long tasks may take

  /// The program goes on.
  static void give_up() noexcept {}
};

static_assert(stuck_policy<abandon<>>);

}  // namespace sluice::inline v0::stuck
