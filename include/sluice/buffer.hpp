// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Views of memory that scatter and gather operations take, and the file position. Base vocabulary.

#include <cstddef>
#include <cstdint>
#include <span>

namespace sluice::inline v0 {

/// The offset of a read or write that uses the file's own position and moves it.
inline constexpr std::uint64_t current_position = ~std::uint64_t{0};

/// Memory to be filled. Laid out as POSIX's `iovec`, so that an array of them goes to the system as it is.
/// \units bytes
struct mutable_buffer {
  std::byte* data = nullptr;  ///< first byte
  std::size_t size = 0;       ///< length in bytes

  /// Empty.
  constexpr mutable_buffer() noexcept = default;
  /// A view of the same bytes as the span.
  constexpr mutable_buffer(std::span<std::byte> bytes) noexcept
      : data{bytes.data()}, size{bytes.size()} {}  // NOLINT(google-explicit-constructor)
};

/// Memory to be sent or written. Laid out as POSIX's `iovec`.
/// \units bytes
struct const_buffer {
  const std::byte* data = nullptr;  ///< first byte
  std::size_t size = 0;             ///< length in bytes

  /// Empty.
  constexpr const_buffer() noexcept = default;
  /// A view of the same bytes as the span.
  constexpr const_buffer(std::span<const std::byte> bytes) noexcept
      : data{bytes.data()}, size{bytes.size()} {}  // NOLINT(google-explicit-constructor)
};

}  // namespace sluice::inline v0
