// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A path as the system takes it: bytes that end in zero. Base vocabulary.

#include <concepts>

namespace sluice::inline v0 {

/// A view of a zero-terminated path. It converts from a string literal, a `const char*` and whatever has a `c_str()` of that type
/// (`std::string`, `std::filesystem::path` on POSIX), up to the first zero in it; the characters belong to the caller until the operation
/// is done.
class c_path {
 public:
  /// The empty path.
  constexpr c_path() noexcept = default;
  /// Views a zero-terminated array.
  constexpr c_path(const char* text) noexcept : text_{text} {}  // NOLINT(google-explicit-constructor)
  /// Views the characters of a string-like object.
  template <class Text>
    requires requires(const Text& text) {
      { text.c_str() } -> std::convertible_to<const char*>;
    }
  constexpr c_path(const Text& text) noexcept : text_{text.c_str()} {}  // NOLINT(google-explicit-constructor)
  /// The zero-terminated characters.
  [[nodiscard]] constexpr auto c_str() const noexcept -> const char* { return text_; }

 private:
  const char* text_ = "";
};

}  // namespace sluice::inline v0
