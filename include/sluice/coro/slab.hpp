// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A dense array of equal things that never move, taken and given back in any order. Layer: coro.

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>

namespace sluice::inline v0::coro {

/// Elements of `T`, each with a `next`, a `slot` and a `generation`. The first few lie in the object; then come mappings, each twice as
/// large as the one before, which cost nothing until touched.
/// \complexity take and give O(1)  \allocates a mapping when all elements are taken
template <class T, class Os>
class slab {
 public:
  slab() noexcept = default;
  slab(const slab&) = delete;
  auto operator=(const slab&) -> slab& = delete;
  ~slab() {
    for (std::size_t i = 0; i < chunks_.size() && chunks_[i] != nullptr; ++i)
      (void)Os::unmap(reinterpret_cast<std::byte*>(chunks_[i]), bytes_of(i));
  }

  /// A free element, the most recently given one; null where there is no memory.
  [[nodiscard, gnu::always_inline]] auto take() noexcept -> T* {
    if (T* const one = free_; one != nullptr) [[likely]] {
      free_ = one->next;
      return one;
    }
    return fresh();
  }

  /// Gives one back.
  [[gnu::always_inline]] void give(T& one) noexcept {
    ++one.generation;
    one.next = free_;
    free_ = &one;
  }

  /// How many were ever taken: slots below it exist.
  [[nodiscard]] auto extent() const noexcept -> std::uint32_t { return used_; }

  /// The element of a slot below `extent()`.
  [[nodiscard]] auto at(std::uint32_t slot) noexcept -> T& {
    if (slot < few) return few_[slot];
    const auto [chunk, index] = place(slot);
    return chunks_[chunk][index];
  }

 private:
  static constexpr std::uint32_t few = 8;
  static constexpr std::uint32_t first = 1024;
  struct where {
    std::size_t chunk;
    std::size_t index;
  };

  static constexpr auto bytes_of(std::size_t chunk) noexcept -> std::size_t { return (std::size_t{first} << chunk) * sizeof(T); }

  static constexpr auto place(std::uint32_t slot) noexcept -> where {
    const std::uint32_t beyond = slot - few + first;
    const auto chunk = static_cast<std::size_t>(std::bit_width(beyond / first)) - 1;
    return {chunk, beyond - (std::size_t{first} << chunk)};
  }

  [[gnu::noinline, gnu::cold]] auto fresh() noexcept -> T* {
    T* one = nullptr;
    if (used_ < few) {
      one = &few_[used_];
    } else {
      const auto [chunk, index] = place(used_);
      if (chunk >= chunks_.size()) return nullptr;
      if (chunks_[chunk] == nullptr) {
        const auto memory = Os::map(bytes_of(chunk));
        if (!memory) return nullptr;
        chunks_[chunk] = reinterpret_cast<T*>(*memory);
      }
      one = ::new (static_cast<void*>(&chunks_[chunk][index])) T{};
    }
    one->slot = used_++;
    return one;
  }

  T* free_ = nullptr;
  std::uint32_t used_ = 0;
  std::array<T*, 20> chunks_{};
  std::array<T, few> few_{};
};

}  // namespace sluice::inline v0::coro
