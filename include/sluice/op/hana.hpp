// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Makes every operation a Boost.Hana `Struct`, for programs that go through its fields. Not part of `sluice.hpp`. Layer: op.

#include <sluice/concept/operation.hpp>
#include <sluice/op/list.hpp>

#include <boost/hana/accessors.hpp>
#include <boost/hana/core/when.hpp>
#include <boost/hana/pair.hpp>
#include <boost/hana/string.hpp>
#include <boost/hana/tuple.hpp>

#include <array>
#include <cstddef>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::detail {

/// An operation that says which fields it has.
template <class Op>
concept described_operation = operation_struct<Op> && std::is_aggregate_v<Op> && requires { Op::describe([](std::string_view, auto) {}); };

template <class Op>
consteval auto count_fields() -> std::size_t {
  std::size_t count = 0;
  Op::describe([&](std::string_view, auto) { ++count; });
  return count;
}

template <class Op>
inline constexpr auto field_names = [] {
  std::array<std::string_view, count_fields<Op>()> names;
  std::size_t at = 0;
  Op::describe([&](std::string_view name, auto) { names[at++] = name; });
  return names;
}();

/// References to all fields, in order. An operation is an aggregate and describes every field, in the order in which it has them.
template <class Op>
constexpr auto tie_fields([[maybe_unused]] Op& op) noexcept {
  constexpr std::size_t count = count_fields<std::remove_const_t<Op>>();
  static_assert(count <= 8);
  if constexpr (count == 0) {
    return std::tie();
  } else if constexpr (count == 1) {
    auto& [a] = op;
    return std::tie(a);
  } else if constexpr (count == 2) {
    auto& [a, b] = op;
    return std::tie(a, b);
  } else if constexpr (count == 3) {
    auto& [a, b, c] = op;
    return std::tie(a, b, c);
  } else if constexpr (count == 4) {
    auto& [a, b, c, d] = op;
    return std::tie(a, b, c, d);
  } else if constexpr (count == 5) {
    auto& [a, b, c, d, e] = op;
    return std::tie(a, b, c, d, e);
  } else if constexpr (count == 6) {
    auto& [a, b, c, d, e, f] = op;
    return std::tie(a, b, c, d, e, f);
  } else if constexpr (count == 7) {
    auto& [a, b, c, d, e, f, g] = op;
    return std::tie(a, b, c, d, e, f, g);
  } else {
    auto& [a, b, c, d, e, f, g, h] = op;
    return std::tie(a, b, c, d, e, f, g, h);
  }
}

template <class Op, std::size_t Index, std::size_t... I>
constexpr auto field_key(std::index_sequence<I...>) noexcept {
  return boost::hana::string<field_names<Op>[Index][I]...>{};
}

/// Gives a field: a reference to that of a variable, the value of that of a temporary.
template <std::size_t Index>
struct field_access {
  template <class Op>
  constexpr auto operator()(Op& op) const noexcept -> auto& {
    return std::get<Index>(tie_fields(op));
  }
  template <class Op>
    requires(!std::is_lvalue_reference_v<Op>)
  constexpr auto operator()(Op&& op) const noexcept {
    return std::get<Index>(tie_fields(op));
  }
};

template <class Op, std::size_t... Index>
constexpr auto accessors_of(std::index_sequence<Index...>) noexcept {
  return boost::hana::make_tuple(
      boost::hana::make_pair(field_key<Op, Index>(std::make_index_sequence<field_names<Op>[Index].size()>{}), field_access<Index>{})...);
}

}  // namespace sluice::inline v0::detail

/// \cond
namespace boost::hana {

template <class Op>
struct accessors_impl<Op, when<sluice::detail::described_operation<Op>>> {
  template <class...>
  static constexpr auto apply() noexcept {
    return sluice::detail::accessors_of<Op>(std::make_index_sequence<sluice::detail::count_fields<Op>()>{});
  }
};

}  // namespace boost::hana
/// \endcond
