// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Blocking code on a bounded number of threads. A blocking policy.

#include <sluice/concept/blocking.hpp>
#include <sluice/os/job_pool.hpp>
#include <sluice/os/linux.hpp>
#include <sluice/result.hpp>

#include <string_view>

#if defined(__linux__)

namespace sluice::inline v0 {

namespace detail {

/// One sentence a mistake. True if there is none.
template <pool_options O>
consteval auto check_threads() -> bool {
  if constexpr (O.threads < 1 || O.threads > 1024) {
    static_assert(O.threads >= 1 && O.threads <= 1024,
                  "[sluice.blocking.threads] .threads must be 1 to 1024; blocking code needs at least one thread");
    return false;
  } else if constexpr (O.idle.count < 0) {
    static_assert(O.idle.count >= 0,
                  "[sluice.blocking.idle] .idle must not be negative; choose 0 to end each thread with the last of its work");
    return false;
  } else {
    return true;
  }
}

}  // namespace detail

namespace blocking {

/// At most `.threads` threads, first in, first out; they start when there is more work than idle threads, and end after `.idle` without
/// any. \allocates threads only \errors those of pthread_create(3) where not even one thread can be started
template <pool_options O = {}, class Os = os::linux_>
class threads {
 public:
  static constexpr auto kind = policy_kind::blocking;        ///< what it is
  static constexpr std::string_view name = "threads";        ///< as reports say it
  static constexpr bool valid = detail::check_threads<O>();  ///< whether the options hold

  threads() noexcept : pool_{*this} {}
  threads(const threads&) = delete;
  auto operator=(const threads&) -> threads& = delete;
  ~threads() { pool_.end(); }

  /// Has a job done on a thread. \errors `resource_unavailable_try_again` where there is none and none can be started
  auto submit(blocking_job& job) noexcept -> result<void> {
    if (const int refused = pool_.submit(job); refused < 0) return system_error(-refused);
    return {};
  }
  /// Takes a job back that no thread has begun. False: one has.
  auto withdraw(blocking_job& job) noexcept -> bool { return pool_.withdraw(job); }
  /// What the threads do now; from any thread.
  [[nodiscard]] auto report() noexcept -> pool_report { return pool_.report(); }

  /// \cond
  static void call(blocking_job& job) noexcept { job.call(job); }
  static void done(blocking_job& job) noexcept { job.done(job); }
  static void finished() noexcept {}
  static auto name_of(const blocking_job& /*job*/) noexcept -> std::string_view { return "blocking code"; }
  /// \endcond

 private:
  detail::job_pool<Os, O, threads, blocking_job> pool_;
};

}  // namespace blocking

static_assert(blocking_policy<blocking::threads<>>);
}  // namespace sluice::inline v0

#endif
