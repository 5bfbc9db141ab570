// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What the system lets a program have.

#include <cstddef>

#include <sys/resource.h>

namespace support {

/// Lets the program have as many descriptors as it may, and gives their number. The usual limit is for programs that use select(2).
inline auto raise_descriptor_limit() -> std::size_t {
  ::rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 1024;
  const auto before = limit.rlim_cur;
  limit.rlim_cur = limit.rlim_max;
  return ::setrlimit(RLIMIT_NOFILE, &limit) == 0 ? limit.rlim_cur : before;
}

}  // namespace support
