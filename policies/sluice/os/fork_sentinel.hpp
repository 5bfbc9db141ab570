// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Tells a forked child from its parent without a system call. A policy's part.

#if defined(__linux__)

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>

namespace sluice::inline v0::os {

/// Tells a forked child from the process that made a ring: the system wipes the word in the child. One page a process, never given back: of
/// the program's own zeroed data where the system's pages are as large as ours is and can be wiped there, else mapped.
template <class Os>
class fork_sentinel {
 public:
  /// Remembers this process. False where there is no memory for the page.
  [[nodiscard, gnu::cold]] auto remember() noexcept -> bool {
    auto* word = shared_.load(std::memory_order_acquire);
    if (word == nullptr) {
      word = wiped_page();
      if (word == nullptr) return false;
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
  static constexpr std::size_t usual_page = 4096;
  struct alignas(usual_page) page {
    std::atomic<std::uint32_t> word{0};
  };

  /// The word of this process, made if there is none. Null where there is no memory.
  static auto wiped_page() noexcept -> std::atomic<std::uint32_t>* {
    const std::size_t bytes = Os::page_bytes();
    auto* const own = reinterpret_cast<std::byte*>(&own_);
    std::atomic<std::uint32_t>* fresh = &own_.word;
    std::byte* mapped = nullptr;
    if (bytes != usual_page || !Os::advise(own, usual_page, Os::advice_wipe_on_fork)) {
      const auto made = Os::map(bytes);
      if (!made) return nullptr;
      mapped = *made;
      // A kernel that cannot wipe leaves the word as it is; children then count as the process itself, as they would without this class.
      (void)Os::advise(mapped, bytes, Os::advice_wipe_on_fork);
      fresh = new (static_cast<void*>(mapped)) std::atomic<std::uint32_t>{0};
    }
    std::atomic<std::uint32_t>* other = nullptr;
    if (shared_.compare_exchange_strong(other, fresh, std::memory_order_acq_rel)) return fresh;
    if (mapped != nullptr) (void)Os::unmap(mapped, bytes);
    return other;
  }

  static inline constinit page own_{};
  static inline constinit std::atomic<std::atomic<std::uint32_t>*> shared_{nullptr};
  static inline constinit std::atomic<std::uint32_t> next_{0};
  std::uint32_t mine_ = 0;
};

}  // namespace sluice::inline v0::os

#endif
