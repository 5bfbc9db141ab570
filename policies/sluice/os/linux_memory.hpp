// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What only Linux can do with memory: guards without mappings of their own, and advice on huge pages and forks. Layer: os.

#include <sluice/os/posix.hpp>
#include <sluice/result.hpp>

#include <atomic>
#include <cerrno>
#include <cstddef>

#if defined(__linux__)

#include <sys/mman.h>

namespace sluice::inline v0::os {

/// `posix` and the memory calls of Linux.
/// \os Linux
struct linux_memory : posix {
  /// madvise(2) advice, by the kernel's numbers: the installed headers may be older than the running kernel.
  /// @{
  static constexpr int advice_give_back = 4;        ///< `MADV_DONTNEED`: the pages read as zero again
  static constexpr int advice_dont_fork = 10;       ///< `MADV_DONTFORK`: a child does not inherit the pages
  static constexpr int advice_no_huge_page = 15;    ///< `MADV_NOHUGEPAGE`: only pages of the usual size
  static constexpr int advice_wipe_on_fork = 18;    ///< `MADV_WIPEONFORK`: a child finds zeroes; Linux 4.14
  static constexpr int advice_guard_install = 102;  ///< `MADV_GUARD_INSTALL`: touching the pages faults; Linux 6.13
  static constexpr int advice_guard_remove = 103;   ///< `MADV_GUARD_REMOVE`; Linux 6.13
  /// @}

  /// Whether guards cost a mapping each.
  enum class guard_support : unsigned char {
    unknown,   ///< no guard was installed yet
    advice,    ///< the kernel keeps guards in its page tables
    mappings,  ///< the kernel is older than 6.13: a guard is a protected page, which splits a mapping
  };

  /// Makes whole pages fault when touched, without a mapping of their own where the kernel can do that. The first call finds out what it
  /// can; the answer is remembered for the process. A derived `Os` that hides `advise` or `protect_none` passes itself and its own memory.
  /// \errors `not_enough_memory` when a guard needs a mapping and the process has as many as it may
  /// \complexity O(pages), one system call  \os Linux; guards without mappings from 6.13 on  \src madvise(2), mprotect(2)
  template <class Os = linux_memory>
  static auto guard_install(std::byte* memory, std::size_t bytes, std::atomic<guard_support>& known = guards_) noexcept -> result<void> {
    if (known.load(std::memory_order_relaxed) != guard_support::mappings) {
      const auto advised = Os::advise(memory, bytes, advice_guard_install);
      if (advised) {
        known.store(guard_support::advice, std::memory_order_relaxed);
        return {};
      }
      if (advised.error().value() != EINVAL) return advised;
      // Memory that cannot have such guards (locked memory, say) is refused with the same number, so only a kernel that never took one is
      // old.
      if (known.load(std::memory_order_relaxed) == guard_support::unknown) known.store(guard_support::mappings, std::memory_order_relaxed);
    }
    return Os::protect_none(memory, bytes);
  }

  /// How guards are made in this process.
  [[nodiscard]] static auto guards() noexcept -> guard_support { return guards_.load(std::memory_order_relaxed); }

  /// Which pages of a mapping are in memory: one byte a page, its lowest bit set if so. A guard is not.
  /// \errors whatever mincore gives  \src mincore(2)
  static auto resident(std::byte* memory, std::size_t bytes, unsigned char* pages) noexcept -> result<void> {
    return checked(::mincore(memory, bytes, pages));
  }

 private:
  static inline constinit std::atomic<guard_support> guards_{guard_support::unknown};
};

}  // namespace sluice::inline v0::os

#endif
