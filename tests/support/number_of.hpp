// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Numbers that whoever runs a test gives it.

#include <cstdint>
#include <cstdlib>

namespace support {

/// What a variable of the environment says, or something else where there is none.
inline auto number_of(const char* name, std::uint64_t otherwise) -> std::uint64_t {
  const char* const text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

}  // namespace support
