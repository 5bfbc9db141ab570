// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The calls of c-ares that make its channels, as its policy makes them. Layer: os.

#if __has_include(<ares.h>)

#include <ares.h>

namespace sluice::inline v0::os {

/// A test derives from it, and hides what is to go another way.
struct ares_calls {
  /// Makes the library ready, once in a process. \src ares_library_init(3)
  static auto init() noexcept -> int { return ::ares_library_init(ARES_LIB_INIT_ALL); }
  /// Opens a channel, set up as the machine is. \src ares_init_options(3)
  static auto open(::ares_channel* channel, ::ares_options* options, int mask) noexcept -> int {
    return ::ares_init_options(channel, options, mask);
  }
};

}  // namespace sluice::inline v0::os

#endif
