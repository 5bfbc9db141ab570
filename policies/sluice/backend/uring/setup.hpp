// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Setting a ring up, and saying why it was refused. Part of the policy backend::io_uring.

#include <sluice/backend/uring/options.hpp>
#include <sluice/backend/uring/prepare.hpp>
#include <sluice/concept/backend.hpp>
#include <sluice/interval.hpp>
#include <sluice/os/fork_sentinel.hpp>
#include <sluice/result.hpp>

#if defined(__linux__)

#include <liburing.h>

#include <bit>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <limits>
#include <utility>

namespace sluice::inline v0::detail::uring {

/// The flags that a kernel may not know, oldest first, each with what it cannot be tried without and the error that names it.
struct flag_row {
  ring::flags flag;
  ring::flags needs;
  errc refused;
};
inline constexpr flag_row flag_table[] = {
    {ring::iopoll, ring::none, errc::flag_iopoll},
    {ring::sqpoll, ring::none, errc::flag_sqpoll},
    {ring::submit_all, ring::none, errc::flag_submit_all},
    {ring::coop_taskrun, ring::none, errc::flag_coop_taskrun},
    {ring::single_issuer, ring::none, errc::flag_single_issuer},
    {ring::defer_taskrun, ring::single_issuer, errc::flag_defer_taskrun},
    {ring::taskrun_flag, ring::coop_taskrun, errc::flag_taskrun_flag},
    {ring::sqe128, ring::none, errc::flag_other},
    {ring::cqe32, ring::none, errc::flag_other},
    {ring::hybrid_iopoll, ring::iopoll, errc::flag_hybrid_iopoll},
};

/// Why there is no ring: the refusals that have a remedy by name, any other error as the system gave it.
[[gnu::noinline, gnu::cold]] inline auto refusal(int error) noexcept -> std::unexpected<std::error_code> {
  switch (-error) {
    case ENOSYS: return failure(errc::ring_unsupported);
    case EPERM: return failure(errc::ring_forbidden);
    case EACCES: return failure(errc::ring_denied);
    case ENOMEM: return failure(errc::ring_memory);
    case EMFILE:
    case ENFILE: return failure(errc::ring_descriptors);
    default: return system_error(-error);
  }
}

/// Why a ring that was made cannot be entered. Some sandboxes let a ring be made and forbid what it is for.
[[gnu::noinline, gnu::cold]] inline auto lost(int error) noexcept -> std::unexpected<std::error_code> {
  const bool is_refused = error == -ENOSYS || error == -EPERM || error == -EACCES;
  return is_refused ? refusal(error) : system_error(-error);
}

/// What a ring is set up with besides flags.
struct ring_shape {
  std::uint32_t entries;
  std::uint32_t completions;
  int cpu;  // of the polling thread; -1: any

  template <io_uring_options O>
  [[gnu::cold]] static constexpr auto of(const ring_options& run_time) noexcept -> ring_shape {
    ring_shape made{run_time.entries != 0 ? run_time.entries : O.entries,
                    run_time.completions != 0 ? run_time.completions : completions_of(O), -1};
    if (made.completions < round_up_to_power_of_two(made.entries)) made.completions = round_up_to_power_of_two(made.entries);
    if constexpr (has(O.flags, ring::sqpoll)) made.cpu = run_time.cpu >= 0 ? run_time.cpu : O.sqpoll.cpu;
    return made;
  }
};

/// How long a polling thread goes on before it sleeps. \units milliseconds, rounded up
constexpr auto idle_of(const sqpoll_options& options) noexcept -> std::uint32_t {
  constexpr std::int64_t unit = 1'000'000;
  if (options.idle.count <= 0) return 0;
  return static_cast<std::uint32_t>(
      lesser_of<std::int64_t>((options.idle.count - 1) / unit + 1, std::numeric_limits<std::uint32_t>::max()));
}

/// Sets one ring up with these flags. Zero, or minus the error.
template <io_uring_options O, class Os>
[[gnu::cold]] auto set_up(::io_uring& out, ring::flags flags, const ring_shape& shape) noexcept -> int {
  ::io_uring_params params{};
  params.flags = static_cast<std::uint32_t>(flags) | IORING_SETUP_CQSIZE;
  params.cq_entries = shape.completions;
  if constexpr (has(O.flags, ring::sqpoll)) {
    params.sq_thread_idle = idle_of(O.sqpoll);
    if (shape.cpu >= 0) {
      params.flags |= IORING_SETUP_SQ_AFF;
      params.sq_thread_cpu = static_cast<std::uint32_t>(shape.cpu);
    }
  }
  return Os::uring_queue_init(shape.entries, &out, &params);
}

/// Which required flag this kernel does not know, found by trying each with no more than it needs.
template <io_uring_options O, class Os>
[[gnu::cold]] auto refused_flag() noexcept -> errc {
  for (const auto& row : flag_table) {
    if (!has(O.flags, row.flag)) continue;
    ::io_uring trial{};
    ::io_uring_params params{};
    params.flags = static_cast<std::uint32_t>(row.flag | row.needs);
    const int outcome = Os::uring_queue_init(1, &trial, &params);
    if (outcome == -EINVAL) return row.refused;
    if (outcome == 0) Os::uring_queue_exit(&trial);
  }
  return errc::ring_flag_unsupported;
}

/// What an EINVAL was for, which the kernel does not say: found by leaving out one thing after the other.
template <io_uring_options O, class Os>
[[gnu::cold]] auto refused_part(ring_shape shape) noexcept -> errc {
  if (const auto flag = refused_flag<O, Os>(); flag != errc::ring_flag_unsupported) return flag;
  const auto is_taken = [](const ring_shape& trial) noexcept {
    ::io_uring made{};
    if (set_up<O, Os>(made, O.flags, trial) != 0) return false;
    Os::uring_queue_exit(&made);
    return true;
  };
  if (std::exchange(shape.cpu, -1) >= 0 && is_taken(shape)) return errc::ring_processor;
  return is_taken({.entries = 1, .completions = 1, .cpu = -1}) ? errc::ring_size : errc::ring_flag_unsupported;
}

/// Opens a ring with all required flags and as many preferred ones as the kernel takes.
template <io_uring_options O, class Os>
[[gnu::cold]] auto open_ring(::io_uring& out, const ring_options& run_time) noexcept -> result<void> {
  const auto shape = ring_shape::of<O>(run_time);
  auto prefer = O.prefer;
  for (;;) {
    const int outcome = set_up<O, Os>(out, O.flags | prefer, shape);
    if (outcome == 0) break;
    if (outcome == -EINTR) continue;
    if (outcome != -EINVAL) return refusal(outcome);
    if (prefer == ring::none) return failure(refused_part<O, Os>(shape));
    const auto newest = std::bit_floor(static_cast<std::uint32_t>(prefer));
    prefer = prefer & ~static_cast<ring::flags>(newest);
  }
  constexpr unsigned needed = IORING_FEAT_SINGLE_MMAP | IORING_FEAT_NODROP | IORING_FEAT_SUBMIT_STABLE | IORING_FEAT_RW_CUR_POS |
                              IORING_FEAT_FAST_POLL | IORING_FEAT_EXT_ARG | IORING_FEAT_CQE_SKIP;
  if ((out.features & needed) != needed) {
    Os::uring_queue_exit(&out);
    return failure(errc::ring_feature_missing);
  }
  return {};
}

/// The opcodes that the running kernel has, a bit each; none where it does not tell.
template <class Os>
[[gnu::cold]] auto known_opcodes(unsigned descriptor) noexcept -> std::uint64_t {
  constexpr std::size_t count = 64;
  alignas(::io_uring_probe) std::byte memory[sizeof(::io_uring_probe) + count * sizeof(::io_uring_probe_op)] = {};
  if (Os::uring_register(descriptor, IORING_REGISTER_PROBE, memory, count) < 0) return 0;
  std::uint64_t known = 0;
  ::io_uring_probe head;
  std::memcpy(&head, memory, sizeof(head));
  for (std::size_t i = 0; i < count && i < head.ops_len; ++i) {
    ::io_uring_probe_op row;
    std::memcpy(&row, memory + sizeof(head) + i * sizeof(row), sizeof(row));
    if ((row.flags & IO_URING_OP_SUPPORTED) != 0 && row.op < count) known |= std::uint64_t{1} << row.op;
  }
  return known;
}

/// What the running kernel says of its opcodes. It is asked once, when an opcode newer than the oldest kernel's first turns up.
template <class Os>
class newer_opcodes {
 public:
  /// Whether it has an opcode; those of the oldest kernel are taken for granted.
  [[nodiscard]] auto has(unsigned descriptor, std::uint8_t code) noexcept -> bool {
    return code < opcode::first_newer || is_listed(descriptor, code);
  }
  /// All that it says that it has, a bit each.
  [[nodiscard]] auto all(unsigned descriptor) noexcept -> std::uint64_t {
    if (!std::exchange(asked_, true)) known_ = known_opcodes<Os>(descriptor);
    return known_;
  }

 private:
  [[nodiscard, gnu::noinline, gnu::cold]] auto is_listed(unsigned descriptor, std::uint8_t code) noexcept -> bool {
    return code < 64 && (all(descriptor) >> code & 1U) != 0;
  }

  std::uint64_t known_ = 0;
  bool asked_ = false;
};

using os::fork_sentinel;

/// Spares the kernel the look-up of the ring's descriptor: what to enter instead of it, or something negative.
template <class Os>
[[gnu::cold]] auto register_descriptor(unsigned descriptor) noexcept -> int {
  ::io_uring_rsrc_update slot{};
  slot.offset = ~0U;
  slot.data = descriptor;
  return Os::uring_register(descriptor, IORING_REGISTER_RING_FDS, &slot, 1) == 1 ? static_cast<int>(slot.offset) : -1;
}
/// Takes that back.
template <class Os>
[[gnu::cold]] void unregister_descriptor(unsigned descriptor, unsigned registered) noexcept {
  ::io_uring_rsrc_update slot{};
  slot.offset = registered;
  (void)Os::uring_register(descriptor, IORING_UNREGISTER_RING_FDS, &slot, 1);
}

}  // namespace sluice::inline v0::detail::uring

#endif
