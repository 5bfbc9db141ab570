// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// How much patience there is with tasks that do not end. Layer: policy.

#include <sluice/interval.hpp>

#include <cstdint>

namespace sluice::inline v0::stuck {

/// What `stuck::abandon` and `stuck::terminate` can be told.
struct options {
  std::uint32_t refusals = 1000;     ///< waits that are refused to a task before it is given up
  interval grace = interval::max();  ///< how long all tasks may take together, what they do under a shield included; at first without limit
};

}  // namespace sluice::inline v0::stuck
