// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// `stuck::terminate`: tasks that do not end are the end of the program. Layer: policy.

#include <sluice/concept/stuck.hpp>
#include <sluice/fwd.hpp>
#include <sluice/interval.hpp>
#include <sluice/stuck/options.hpp>

#include <cstdint>
#include <exception>
#include <string_view>

namespace sluice::inline v0::stuck {

/// Tasks that do not end are named, then `std::terminate` is called. Beside `stuck::abandon`, for programs that rely on it that each task
/// comes to its end, or that must end in time: when `.grace` is over nothing is waited for any more.
/// \allocates as `stuck::abandon`
template <options O = {}>
struct terminate {
  static constexpr auto kind = policy_kind::stuck;       ///< what it decides
  static constexpr std::string_view name = "terminate";  ///< what it is called
  static constexpr std::uint32_t refusals = O.refusals;  ///< waits that are refused to a task before
  static constexpr interval grace = O.grace;             ///< how long tasks may take

  /// Ends the program.
  [[noreturn]] static void give_up() noexcept { std::terminate(); }
};

static_assert(stuck_policy<terminate<>>);

}  // namespace sluice::inline v0::stuck
