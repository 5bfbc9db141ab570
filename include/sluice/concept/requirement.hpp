// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What the sentences about policies have in common. Layer: concept.

#include <concepts>
#include <string_view>

namespace sluice::inline v0::detail {

template <class P>
concept has_name = requires {
  { P::name } -> std::convertible_to<std::string_view>;
};

/// Never true. An assertion on a concept itself would add a page on why it is not met, and the sentence says that already.
template <class P>
inline constexpr bool meets = false;

}  // namespace sluice::inline v0::detail
