// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// `trace::base`: what a trace policy of one's own derives from. Layer: policy.

#include <sluice/concept/trace.hpp>
#include <sluice/fwd.hpp>

#include <string_view>

namespace sluice::inline v0 {

namespace trace {

/// A trace policy but for its hooks. The derived type declares `void on(event::x)`, public, for each event that it wants, and may give a
/// name of its own. A hook runs inside the scheduler, at the place of its event: it must not wait, and must not call into the library.
struct base {
  static constexpr auto kind = policy_kind::trace;    ///< what it decides
  static constexpr std::string_view name = "custom";  ///< what it is called where the derived type does not say
};

static_assert(trace_policy<base>);

}  // namespace trace

}  // namespace sluice::inline v0
