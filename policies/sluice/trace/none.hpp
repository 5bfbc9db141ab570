// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// `trace::none`: observes nothing. Layer: policy.

#include <sluice/concept/trace.hpp>
#include <sluice/fwd.hpp>

#include <string_view>

namespace sluice::inline v0 {

namespace trace {

/// Observes nothing: it declares no hook, so no event is made and no instruction is left of any.
struct none {
  static constexpr auto kind = policy_kind::trace;  ///< what it decides
  static constexpr std::string_view name = "none";  ///< what it is called
};

static_assert(trace_policy<none>);

}  // namespace trace

}  // namespace sluice::inline v0
