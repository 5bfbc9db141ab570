// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Tells a forked child from its parent without a system call. A policy's part.

#if defined(__linux__)

#include <atomic>
#include <cstdint>
#include <new>

namespace sluice::inline v0::os {

/// Tells a forked child from the process that made a ring: the system wipes the word in the child. One page a process, never given back.
template <class Os>
class fork_sentinel {
 public:
  /// Remembers this process. False where there is no memory for the page.
  [[nodiscard, gnu::noinline, gnu::cold]] auto remember() noexcept -> bool {
    auto* word = shared_.load(std::memory_order_acquire);
    if (word == nullptr) {
      const auto page = Os::map(Os::page_bytes());
      if (!page) return false;
      // A kernel that cannot wipe leaves the word as it is; children then count as the process itself, as they would without this class.
      (void)Os::advise(*page, Os::page_bytes(), Os::advice_wipe_on_fork);
      auto* fresh = new (static_cast<void*>(*page)) std::atomic<std::uint32_t>{0};
      if (shared_.compare_exchange_strong(word, fresh, std::memory_order_acq_rel))
        word = fresh;
      else
        (void)Os::unmap(*page, Os::page_bytes());
    }
    std::uint32_t seen = word->load(std::memory_order_relaxed);
    if (seen == 0) {
      const std::uint32_t mine = next_.fetch_add(1, std::memory_order_relaxed) + 1;
      seen = word->compare_exchange_strong(seen, mine, std::memory_order_relaxed) ? mine : word->load(std::memory_order_relaxed);
    }
    mine_ = seen;
    return true;
  }
  /// Whether this is a child of the process that `remember` was called in.
  [[nodiscard]] auto in_child() const noexcept -> bool {
    const auto* word = shared_.load(std::memory_order_acquire);
    return word != nullptr && word->load(std::memory_order_relaxed) != mine_;
  }

 private:
  static inline constinit std::atomic<std::atomic<std::uint32_t>*> shared_{nullptr};
  static inline constinit std::atomic<std::uint32_t> next_{0};
  std::uint32_t mine_ = 0;
};

}  // namespace sluice::inline v0::os

#endif
