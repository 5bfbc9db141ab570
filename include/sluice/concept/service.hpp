// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// How a backend serves an operation on the running system. Layer: concept.

#include <cstdint>
#include <string_view>

namespace sluice::inline v0 {

/// How an operation is served.
enum class service : std::uint8_t {
  nowhere,    ///< not at all
  ring,       ///< by an entry of the system's own queue
  call,       ///< by a plain call, which cannot wait
  readiness,  ///< by a plain call when its descriptor is ready
  thread,     ///< by a plain call on a thread, where it may wait
  library,    ///< by the library itself
};

/// The word for it.
[[nodiscard]] constexpr auto name_of(service how) noexcept -> std::string_view {
  switch (how) {
    case service::ring: return "ring";
    case service::call: return "plain call";
    case service::readiness: return "when it is ready";
    case service::thread: return "on a thread";
    case service::library: return "library";
    default: return "not at all";
  }
}

/// An operation and how it is served.
struct served_operation {
  std::string_view operation;  ///< its name
  service how;                 ///< by what
};

}  // namespace sluice::inline v0
