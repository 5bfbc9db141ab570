// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// One record a descriptor: which operations of a ring are in flight on it. Layer: aio.

#include <sluice/concept/record.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace sluice::inline v0::aio {

/// What a ring knows of one descriptor.
struct descriptor {
  record* newest = nullptr;   ///< operations in flight, newest first
  record* closing = nullptr;  ///< a close that waits until there are none
};

/// A flat array indexed by the descriptor's number. The first few lie in the object; a higher number makes it move to mapped memory that
/// costs nothing until touched.
/// \allocates a mapping when a number of 64 or more first turns up, and when one turns up that is larger than all before
template <class Os>
class descriptor_table {
 public:
  descriptor_table() noexcept = default;
  descriptor_table(const descriptor_table&) = delete;
  auto operator=(const descriptor_table&) -> descriptor_table& = delete;
  ~descriptor_table() {
    if (table_ != few_) (void)Os::unmap(reinterpret_cast<std::byte*>(table_), size_ * sizeof(descriptor));
  }

  /// Whether the record of a number is there already; of a negative one it never is.
  [[nodiscard, gnu::always_inline]] auto has(std::int32_t number) const noexcept -> bool {
    return static_cast<std::uint32_t>(number) < size_;
  }
  /// The record of a number; null only where there is no memory for it.
  [[gnu::always_inline]] auto find(std::int32_t number) noexcept -> descriptor* {
    if (!has(number)) [[unlikely]] {
      if (!grow(static_cast<std::uint32_t>(number))) return nullptr;
    }
    return &(*this)[number];
  }

  /// The record of a number that `find` has given before.
  [[gnu::always_inline]] auto operator[](std::int32_t number) noexcept -> descriptor& { return table_[static_cast<std::uint32_t>(number)]; }

 private:
  static constexpr std::uint32_t few = 64;
  static constexpr std::uint32_t first_mapped = 1U << 16U;

  [[gnu::noinline]] auto grow(std::uint32_t number) noexcept -> bool {
    std::size_t wanted = std::max<std::size_t>(first_mapped, size_);
    while (wanted <= number) wanted *= 2;
    const auto memory = Os::map(wanted * sizeof(descriptor));
    if (!memory) return false;
    auto* const bigger = reinterpret_cast<descriptor*>(*memory);
    for (std::size_t i = 0; i < size_; ++i) {
      bigger[i] = table_[i];
      if (bigger[i].newest != nullptr) bigger[i].newest->place = &bigger[i].newest;
    }
    if (table_ != few_) (void)Os::unmap(reinterpret_cast<std::byte*>(table_), size_ * sizeof(descriptor));
    table_ = bigger;
    size_ = wanted;
    return true;
  }

  descriptor few_[few] = {};
  descriptor* table_ = few_;
  std::size_t size_ = few;
};

}  // namespace sluice::inline v0::aio
