// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What can be said about an io_uring at compile time, and the rules that the kernel has for it. Part of the policy backend::io_uring.

#include <sluice/bitmask.hpp>
#include <sluice/interval.hpp>

#include <cstdint>

namespace sluice::inline v0 {

/// Flags of a ring, with the kernel's own values.
namespace ring {

/// How a ring is set up. Each is named after the kernel's flag.
/// \src io_uring_setup(2)
enum class flags : std::uint32_t {
  none = 0,                        ///< a plain ring
  iopoll = 1U << 0U,               ///< busy-polls storage completions; files opened with `direct` only, no sockets
  sqpoll = 1U << 1U,               ///< a kernel thread takes submissions; Linux 5.13
  clamp = 1U << 4U,                ///< sizes above the kernel's limit are cut to it
  r_disabled = 1U << 6U,           ///< starts disabled; Linux 5.10
  submit_all = 1U << 7U,           ///< goes on after an entry that the kernel refuses; Linux 5.18
  coop_taskrun = 1U << 8U,         ///< completions do not interrupt the thread; Linux 5.19
  taskrun_flag = 1U << 9U,         ///< tells by a flag when completions wait to be run; Linux 5.19
  sqe128 = 1U << 10U,              ///< submission entries of 128 bytes; Linux 5.19
  cqe32 = 1U << 11U,               ///< completion entries of 32 bytes; Linux 5.19
  single_issuer = 1U << 12U,       ///< one thread submits; Linux 6.0
  defer_taskrun = 1U << 13U,       ///< completions are run only when the thread asks for them; Linux 6.1
  no_mmap = 1U << 14U,             ///< memory of the program's own; Linux 6.5
  registered_fd_only = 1U << 15U,  ///< no real descriptor; Linux 6.5
  no_sqarray = 1U << 16U,          ///< no index array; Linux 6.6
  hybrid_iopoll = 1U << 17U,       ///< sleeps before it polls; Linux 6.13
  cqe_mixed = 1U << 18U,           ///< completion entries of both sizes; Linux 6.18
  sqe_mixed = 1U << 19U,           ///< submission entries of both sizes; Linux 6.19
  sq_rewind = 1U << 20U,           ///< the submission queue starts anew each time; Linux 7.0
};

using enum flags;

// Found with the flags wherever they are combined.
using sluice::operator|;
using sluice::operator&;
using sluice::operator~;
using sluice::operator|=;
using sluice::has;

}  // namespace ring

/// Bits.
template <>
inline constexpr bool is_bitmask<ring::flags> = true;

/// Which operations are tried by a plain call before they go to the ring. Only ever for an operation that is alone in its call and
/// overtakes nothing.
enum class inline_try : std::uint8_t {
  never,     ///< none
  calls,     ///< those that cannot wait: socket, bind, listen, shutdown
  send,      ///< these, and a send when nothing else waits for submission
  both,      ///< these, and every send and recv
  adaptive,  ///< as `both`, but a kind of operation that keeps failing is tried ever less often
};

/// The kernel thread of a `ring::sqpoll` ring.
struct sqpoll_options {
  interval idle = {};  ///< how long it polls before it sleeps, at least 1 ms; zero: the kernel's own choice, one second
  int cpu = -1;        ///< the processor it is pinned to; -1: any
};

/// How long a poll that may sleep collects completions.
struct wait_options {
  std::uint32_t completions = 1;  ///< comes back at once when there are so many
  interval gather = {};           ///< how long to wait for more than one, Linux 6.12; zero: not at all
};

/// Everything that a ring is set up with.
struct io_uring_options {
  std::uint32_t entries = 256;    ///< length of the submission queue, 1 to 32768, rounded up to a power of two
  std::uint32_t completions = 0;  ///< length of the completion queue, up to 65536; 0: the larger of 1024 and twice `entries`
  ring::flags flags =
      ring::single_issuer | ring::defer_taskrun | ring::taskrun_flag;  ///< required; a kernel that refuses one refuses the ring
  ring::flags prefer = ring::submit_all | ring::clamp;                 ///< dropped one by one if the kernel refuses them
  sluice::inline_try inline_try = sluice::inline_try::calls;           ///< what is tried by a plain call first
  wait_options wait = {};                                              ///< how completions are gathered
  sqpoll_options sqpoll = {};                                          ///< the thread of a `ring::sqpoll` ring
};

namespace detail {

constexpr auto round_up_to_power_of_two(std::uint32_t value) noexcept -> std::uint32_t {
  std::uint32_t power = 1;
  while (power < value && power < (1U << 31U)) power <<= 1U;
  return power;
}

constexpr auto completions_of(const io_uring_options& options) noexcept -> std::uint32_t {
  if (options.completions != 0) return options.completions;
  const auto twice = 2 * round_up_to_power_of_two(options.entries);
  return twice > 1024 ? twice : 1024;
}

/// The kernel's ten rules for set-up, one sentence each, then what this backend itself cannot do. True if all hold.
template <io_uring_options O>
consteval auto check_ring() -> bool {
  constexpr auto all = O.flags | O.prefer;
  constexpr auto on = [](ring::flags bits) { return has(all, bits); };
  if constexpr (on(ring::registered_fd_only) && !on(ring::no_mmap)) {
    static_assert(!on(ring::registered_fd_only) || on(ring::no_mmap),
                  "[sluice.ring.registered_fd_only] registered_fd_only needs no_mmap; add no_mmap or drop registered_fd_only");
    return false;
  } else if constexpr (on(ring::sqpoll) && on(ring::coop_taskrun | ring::taskrun_flag | ring::defer_taskrun)) {
    static_assert(!on(ring::sqpoll) || !on(ring::coop_taskrun | ring::taskrun_flag | ring::defer_taskrun),
                  "[sluice.ring.sqpoll] sqpoll excludes defer_taskrun, coop_taskrun and taskrun_flag; drop those or drop sqpoll");
    return false;
  } else if constexpr (on(ring::taskrun_flag) && !on(ring::coop_taskrun | ring::defer_taskrun)) {
    static_assert(!on(ring::taskrun_flag) || on(ring::coop_taskrun | ring::defer_taskrun),
                  "[sluice.ring.taskrun_flag] taskrun_flag needs coop_taskrun or defer_taskrun; add one of them or drop taskrun_flag");
    return false;
  } else if constexpr (on(ring::hybrid_iopoll) && !on(ring::iopoll)) {
    static_assert(!on(ring::hybrid_iopoll) || on(ring::iopoll),
                  "[sluice.ring.hybrid_iopoll] hybrid_iopoll needs iopoll; add iopoll or drop hybrid_iopoll");
    return false;
  } else if constexpr (on(ring::defer_taskrun) && !on(ring::single_issuer)) {
    static_assert(!on(ring::defer_taskrun) || on(ring::single_issuer),
                  "[sluice.ring.defer_taskrun] defer_taskrun needs single_issuer; add single_issuer or drop defer_taskrun");
    return false;
  } else if constexpr (on(ring::cqe32) && on(ring::cqe_mixed)) {
    static_assert(!on(ring::cqe32) || !on(ring::cqe_mixed),
                  "[sluice.ring.cqe_mixed] cqe32 and cqe_mixed exclude each other; drop one of them");
    return false;
  } else if constexpr (on(ring::sqe128) && on(ring::sqe_mixed)) {
    static_assert(!on(ring::sqe128) || !on(ring::sqe_mixed),
                  "[sluice.ring.sqe_mixed] sqe128 and sqe_mixed exclude each other; drop one of them");
    return false;
  } else if constexpr (O.sqpoll.cpu >= 0 && !on(ring::sqpoll)) {
    static_assert(O.sqpoll.cpu < 0 || on(ring::sqpoll),
                  "[sluice.ring.sqpoll_cpu] .sqpoll.cpu pins the thread of a sqpoll ring; add sqpoll or drop .cpu");
    return false;
  } else if constexpr (on(ring::sq_rewind) && (!on(ring::no_sqarray) || on(ring::sqpoll))) {
    static_assert(!on(ring::sq_rewind) || (on(ring::no_sqarray) && !on(ring::sqpoll)),
                  "[sluice.ring.sq_rewind] sq_rewind needs no_sqarray and excludes sqpoll; add no_sqarray, drop sqpoll, or drop sq_rewind");
    return false;
  } else if constexpr (O.entries < 1 || (O.entries > 32768 && !on(ring::clamp))) {
    static_assert(O.entries >= 1 && (O.entries <= 32768 || on(ring::clamp)),
                  "[sluice.ring.entries] .entries must be 1 to 32768; choose a value in that range, or add clamp to have a larger one cut");
    return false;
  } else if constexpr ((completions_of(O) > 65536 && !on(ring::clamp)) ||
                       (O.completions != 0 && round_up_to_power_of_two(O.completions) < round_up_to_power_of_two(O.entries))) {
    static_assert((completions_of(O) <= 65536 || on(ring::clamp)) &&
                      (O.completions == 0 || round_up_to_power_of_two(O.completions) >= round_up_to_power_of_two(O.entries)),
                  "[sluice.ring.completions] .completions must be 0, or at least .entries and at most 65536; choose a value in that range");
    return false;
  } else if constexpr (on(ring::no_mmap | ring::no_sqarray | ring::cqe_mixed | ring::sqe_mixed | ring::sq_rewind | ring::r_disabled)) {
    static_assert(
        !on(ring::no_mmap | ring::no_sqarray | ring::cqe_mixed | ring::sqe_mixed | ring::sq_rewind | ring::r_disabled),
        "[sluice.ring.layout] no_mmap, no_sqarray, cqe_mixed, sqe_mixed, sq_rewind and r_disabled change how the ring is laid out or started and this "
        "backend drives none of those; drop them");
    return false;
  } else if constexpr (has(O.prefer, ring::sqpoll | ring::iopoll | ring::defer_taskrun | ring::sqe128 | ring::cqe32)) {
    static_assert(
        !has(O.prefer, ring::sqpoll | ring::iopoll | ring::defer_taskrun | ring::sqe128 | ring::cqe32),
        "[sluice.ring.prefer] sqpoll, iopoll, defer_taskrun, sqe128 and cqe32 change how the loop works and cannot be dropped at run time; move them from "
        ".prefer to .flags");
    return false;
  } else if constexpr (O.wait.completions < 1) {
    static_assert(O.wait.completions >= 1, "[sluice.ring.wait] .wait.completions must be at least 1; choose 1 for the lowest latency");
    return false;
  } else if constexpr (O.wait.completions > 1 && O.wait.gather.count <= 0) {
    static_assert(
        O.wait.completions <= 1 || O.wait.gather.count > 0,
        "[sluice.ring.wait] .wait.completions above 1 needs .wait.gather, else a quiet ring would wait for ever; set how long to gather");
    return false;
  } else {
    return true;
  }
}

}  // namespace detail
}  // namespace sluice::inline v0
