// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The contract of an operation struct. Layer: concept.

#include <concepts>
#include <string_view>
#include <type_traits>

namespace sluice::inline v0 {

/// A struct that says what is to be done: a value with a `result_type`. Operations of the library also have a `name` and `describe`.
template <class Op>
concept operation_struct = std::is_object_v<Op> && std::move_constructible<Op> && requires { typename Op::result_type; };

namespace detail {

template <class Op>
consteval auto operation_name() -> std::string_view {
  if constexpr (requires {
                  { Op::name } -> std::convertible_to<std::string_view>;
                })
    return Op::name;
  else
    return "operation of the user";
}

template <class Op>
inline constexpr bool has_handle = requires(const Op& op) {
  { op.socket.native() } -> std::same_as<int>;
} || requires(const Op& op) {
  { op.file.native() } -> std::same_as<int>;
};

/// The handle that an operation works on, by the names that the fields of operations have; -1 where there is none.
template <class Op>
[[gnu::always_inline]] constexpr auto handle_of(const Op& op) noexcept -> int {
  if constexpr (requires {
                  { op.socket.native() } -> std::same_as<int>;
                })
    return op.socket.native();
  else if constexpr (requires {
                       { op.file.native() } -> std::same_as<int>;
                     })
    return op.file.native();
  else
    return -1;
}

}  // namespace detail
}  // namespace sluice::inline v0
