// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The system calls of Linux with a kernel that lacks opcodes: it does not list them, and an entry with one is a failure of the test.

#include <sluice/os/linux.hpp>

#include <boost/test/unit_test.hpp>
#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace support {

struct lacking_os : sluice::os::linux_ {
  using real = sluice::os::linux_;

  static inline std::uint64_t denied = 0;  ///< a bit for each opcode
  static inline std::uint64_t seen = 0;    ///< denied opcodes that were submitted all the same

  static auto uring_queue_init(unsigned entries, ::io_uring* ring, ::io_uring_params* params) noexcept -> int {
    const int outcome = real::uring_queue_init(entries, ring, params);
    if (outcome == 0) rings_[count_++ % most] = ring->sq;
    return outcome;
  }

  static auto uring_register(unsigned descriptor, unsigned what, const void* argument, unsigned count) noexcept -> int {
    const int outcome = real::uring_register(descriptor, what, argument, count);
    if (what != IORING_REGISTER_PROBE || outcome < 0) return outcome;
    auto* const rows = static_cast<std::byte*>(const_cast<void*>(argument)) + sizeof(::io_uring_probe);
    for (unsigned i = 0; i < count; ++i) {
      ::io_uring_probe_op row;
      std::memcpy(&row, rows + i * sizeof(row), sizeof(row));
      if (i < 64 && (denied >> i & 1U) != 0) row.flags = 0;
      std::memcpy(rows + i * sizeof(row), &row, sizeof(row));
    }
    return outcome;
  }

  static auto uring_enter(unsigned descriptor, unsigned submit, unsigned wait, unsigned flags, void* argument, std::size_t bytes) noexcept
      -> int {
    for (const auto& queue : rings_) {
      if (submit == 0 || queue.khead == nullptr || queue.ring_ptr == nullptr) continue;
      for (unsigned i = *queue.khead; i != *queue.ktail && i - *queue.khead < *queue.kring_entries; ++i) {
        const auto code = queue.sqes[queue.array[i & *queue.kring_mask]].opcode;
        if (code < 64) seen |= denied & std::uint64_t{1} << code;
      }
    }
    return real::uring_enter(descriptor, submit, wait, flags, argument, bytes);
  }

  static void uring_queue_exit(::io_uring* ring) noexcept {
    for (auto& queue : rings_)
      if (queue.khead == ring->sq.khead) queue.khead = nullptr;
    real::uring_queue_exit(ring);
  }

 private:
  static constexpr std::size_t most = 8;
  static inline ::io_uring_sq rings_[most] = {};
  static inline std::size_t count_ = 0;
};

/// Denies some opcodes while it lives, and looks whether they were respected.
struct denial {
  explicit denial(std::uint64_t which) {
    lacking_os::denied = which;
    lacking_os::seen = 0;
  }
  denial(const denial&) = delete;
  auto operator=(const denial&) -> denial& = delete;
  ~denial() {
    BOOST_TEST(lacking_os::seen == 0U);
    lacking_os::denied = 0;
  }
};

}  // namespace support
