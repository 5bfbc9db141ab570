// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Ends a test program that hangs, and says where.

#include <array>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include <unistd.h>

namespace support {

/// Names the random program that hangs, before the test's own time is over.
class watchdog {
 public:
  watchdog() : before_{std::signal(SIGALRM, &bark)} {}
  watchdog(const watchdog&) = delete;
  auto operator=(const watchdog&) -> watchdog& = delete;
  ~watchdog() {
    ::alarm(0);
    (void)std::signal(SIGALRM, before_);
  }
  /// From now on this one has a minute.
  static void watch(std::uint64_t seed) {
    (void)std::snprintf(text.data(), text.size(), "program %llu hangs\n", static_cast<unsigned long long>(seed));
    ::alarm(60);
  }

 private:
  static void bark(int) {
    (void)!::write(2, text.data(), std::string_view{text.data()}.size());
    ::_exit(1);
  }
  static inline std::array<char, 64> text{};
  void (*before_)(int);
};

}  // namespace support
