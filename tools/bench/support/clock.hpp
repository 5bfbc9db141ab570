// SPDX-License-Identifier: MIT
#pragma once
/// @file Clocks of the benchmarks: monotonic time and the CPU time of this process, all of it or outside the kernel.

#include <cstdint>
#include <ctime>

#include <sys/resource.h>

namespace bench {

/// Monotonic time. \units nanoseconds
inline auto now() noexcept -> std::int64_t {
  timespec t{};
  clock_gettime(CLOCK_MONOTONIC, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

/// CPU time of this process in user space, from its start. \units nanoseconds, as exact as the kernel splits it
inline auto user_time() noexcept -> std::int64_t {
  rusage u{};
  getrusage(RUSAGE_SELF, &u);
  return std::int64_t{u.ru_utime.tv_sec} * 1'000'000'000 + std::int64_t{u.ru_utime.tv_usec} * 1000;
}

/// CPU time of this process, from its start; stands still while it sleeps. \units nanoseconds
inline auto processor_time() noexcept -> std::int64_t {
  timespec t{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
  return std::int64_t{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

}  // namespace bench
