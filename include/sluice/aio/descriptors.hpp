// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// One record a descriptor: which operations of a ring are in flight on it. Layer: aio.

#include <sluice/concept/record.hpp>
#include <sluice/detail/number_table.hpp>

namespace sluice::inline v0::aio {

/// What a ring knows of one descriptor.
struct descriptor {
  record* newest = nullptr;   ///< operations in flight, newest first
  record* closing = nullptr;  ///< a close that waits until there are none

  /// It lies elsewhere now.
  void moved() noexcept {
    if (newest != nullptr) newest->place = &newest;
  }
};

/// What a ring knows of each descriptor.
template <class Os>
using descriptor_table = sluice::detail::number_table<Os, descriptor, 64>;

}  // namespace sluice::inline v0::aio
