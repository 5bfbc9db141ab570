// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What can be said about a readiness backend at compile time. Part of the policy backend::readiness.

#include <sluice/interval.hpp>
#include <sluice/os/job_pool.hpp>

#include <cstdint>

namespace sluice::inline v0 {

/// Everything that a readiness backend is made with.
struct readiness_options {
  std::uint32_t events = 128;  ///< ready descriptors that one wait reports at most, 1 to 65536
  pool_options pool = {};      ///< threads for regular files whose data are not in memory, opens, and what cannot be asked not to wait
  interval recheck = std::chrono::milliseconds{10};  ///< a wait that lasts so long makes sure that its descriptor is still the same file
};

namespace detail {

/// One sentence a mistake. True if there is none.
template <readiness_options O>
consteval auto check_readiness() -> bool {
  if constexpr (O.events < 1 || O.events > 65536) {
    static_assert(O.events >= 1 && O.events <= 65536,
                  "[sluice.readiness.events] .events must be 1 to 65536; choose about as many descriptors as are ready at once");
    return false;
  } else if constexpr (O.pool.threads < 1 || O.pool.threads > 1024) {
    static_assert(O.pool.threads >= 1 && O.pool.threads <= 1024,
                  "[sluice.readiness.threads] .pool.threads must be 1 to 1024; files need at least one thread, whose calls may block");
    return false;
  } else if constexpr (O.pool.idle.count < 0) {
    static_assert(O.pool.idle.count >= 0,
                  "[sluice.readiness.idle] .pool.idle must not be negative; choose 0 to end each thread with the last of its work");
    return false;
  } else if constexpr (O.recheck.count < 1'000'000) {
    static_assert(O.recheck.count >= 1'000'000,
                  "[sluice.readiness.recheck] .recheck must be at least 1 ms; a shorter one would ask the system again for each message");
    return false;
  } else {
    return true;
  }
}

}  // namespace detail
}  // namespace sluice::inline v0
