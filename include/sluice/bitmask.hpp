// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Bit operations for scoped enumerations that ask for them. Base vocabulary.

#include <type_traits>
#include <utility>

namespace sluice::inline v0 {

/// True for enumerations whose values are bits; specialise it to give an enumeration `|`, `&`, `~` and `has`.
template <class Enum>
inline constexpr bool is_bitmask = false;

/// An enumeration whose values are bits.
template <class Enum>
concept bitmask = std::is_enum_v<Enum> && is_bitmask<Enum>;

/// Bits of either.
template <bitmask Enum>
[[nodiscard]] constexpr auto operator|(Enum a, Enum b) noexcept -> Enum {
  return static_cast<Enum>(std::to_underlying(a) | std::to_underlying(b));
}
/// Bits of both.
template <bitmask Enum>
[[nodiscard]] constexpr auto operator&(Enum a, Enum b) noexcept -> Enum {
  return static_cast<Enum>(std::to_underlying(a) & std::to_underlying(b));
}
/// All other bits.
template <bitmask Enum>
[[nodiscard]] constexpr auto operator~(Enum a) noexcept -> Enum {
  return static_cast<Enum>(~std::to_underlying(a));
}
/// Adds bits.
template <bitmask Enum>
constexpr auto operator|=(Enum& a, Enum b) noexcept -> Enum& {
  return a = a | b;
}
/// Whether any of the bits is set.
template <bitmask Enum>
[[nodiscard]] constexpr auto has(Enum set, Enum bits) noexcept -> bool {
  return (std::to_underlying(set) & std::to_underlying(bits)) != 0;
}

}  // namespace sluice::inline v0
