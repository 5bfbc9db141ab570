// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A table indexed by the small numbers that a system gives to descriptors. Layer: detail.

#include <cstddef>
#include <cstdint>

namespace sluice::inline v0 {

namespace detail {

/// A flat array indexed by the descriptor's number. The first few lie in the object; a higher number makes it move to mapped memory that
/// costs nothing until touched. A row of zeros is an
/// empty one. Rows move when the table grows, and are told by `moved()` if they have it.
/// \allocates a mapping when a number of `Few` or more first turns up, and when one turns up that is larger than all before
template <class Os, class Row, std::uint32_t Few>
class number_table {
 public:
  number_table() noexcept = default;
  number_table(const number_table&) = delete;
  auto operator=(const number_table&) -> number_table& = delete;
  ~number_table() {
    if (table_ != few_) (void)Os::unmap(reinterpret_cast<std::byte*>(table_), size_ * sizeof(Row));
  }

  /// Whether the record of a number is there already; of a negative one it never is.
  [[nodiscard, gnu::always_inline]] auto has(std::int32_t number) const noexcept -> bool {
    return static_cast<std::uint32_t>(number) < size_;
  }
  /// The record of a number; null only where there is no memory for it.
  [[gnu::always_inline]] auto find(std::int32_t number) noexcept -> Row* {
    if (!has(number)) [[unlikely]] {
      if (!grow(static_cast<std::uint32_t>(number))) return nullptr;
    }
    return &(*this)[number];
  }

  /// One past the largest number that has a row.
  [[nodiscard]] auto extent() const noexcept -> std::int32_t { return static_cast<std::int32_t>(size_); }

  /// The record of a number that `find` has given before.
  [[gnu::always_inline]] auto operator[](std::int32_t number) noexcept -> Row& { return table_[static_cast<std::uint32_t>(number)]; }

 private:
  static constexpr std::uint32_t first_mapped = 1U << 16U;

  [[gnu::noinline, gnu::cold]] auto grow(std::uint32_t number) noexcept -> bool {
    std::size_t wanted = first_mapped < size_ ? size_ : first_mapped;
    while (wanted <= number) wanted *= 2;
    const auto memory = Os::map(wanted * sizeof(Row));
    if (!memory) return false;
    auto* const bigger = reinterpret_cast<Row*>(*memory);
    for (std::size_t i = 0; i < size_; ++i) {
      bigger[i] = table_[i];
      if constexpr (requires { bigger[i].moved(); }) bigger[i].moved();
    }
    if (table_ != few_) (void)Os::unmap(reinterpret_cast<std::byte*>(table_), size_ * sizeof(Row));
    table_ = bigger;
    size_ = wanted;
    return true;
  }

  Row few_[Few] = {};
  Row* table_ = few_;
  std::size_t size_ = Few;
};

}  // namespace detail

}  // namespace sluice::inline v0
