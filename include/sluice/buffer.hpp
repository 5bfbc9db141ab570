// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Views of memory that scatter and gather operations take, and the file position. Base vocabulary.

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>
#include <utility>

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
  /// A view of the same bytes as a span, an array or a container of them.
  template <std::convertible_to<std::span<std::byte>> Bytes>
    requires(!std::is_same_v<std::remove_cvref_t<Bytes>, mutable_buffer>)
  constexpr mutable_buffer(Bytes&& bytes) noexcept {  // NOLINT(google-explicit-constructor,bugprone-forwarding-reference-overload)
    const std::span<std::byte> all = std::forward<Bytes>(bytes);
    data = all.data();
    size = all.size();
  }
};

/// Memory to be sent or written. Laid out as POSIX's `iovec`.
/// \units bytes
struct const_buffer {
  const std::byte* data = nullptr;  ///< first byte
  std::size_t size = 0;             ///< length in bytes

  /// Empty.
  constexpr const_buffer() noexcept = default;
  /// A view of the same bytes as a span, an array or a container of them.
  template <std::convertible_to<std::span<const std::byte>> Bytes>
    requires(!std::is_same_v<std::remove_cvref_t<Bytes>, const_buffer>)
  constexpr const_buffer(Bytes&& bytes) noexcept {  // NOLINT(google-explicit-constructor,bugprone-forwarding-reference-overload)
    const std::span<const std::byte> all = std::forward<Bytes>(bytes);
    data = all.data();
    size = all.size();
  }
};

}  // namespace sluice::inline v0
