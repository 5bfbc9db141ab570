// SPDX-License-Identifier: MIT
#include <sluice/handle.hpp>

#include <boost/test/unit_test.hpp>

#include <concepts>
#include <tuple>
#include <type_traits>

BOOST_AUTO_TEST_SUITE(handle)

using kinds = std::tuple<sluice::file_handle, sluice::socket_handle, sluice::directory_handle, sluice::process_handle>;

BOOST_AUTO_TEST_CASE_TEMPLATE(a_new_handle_stands_for_nothing, kind, kinds) {
  constexpr kind none;
  static_assert(!none);
  BOOST_TEST(none.native() < 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_handle_keeps_its_number, kind, kinds) {
  constexpr kind zero{0};
  static_assert(zero && zero.native() == 0);
  BOOST_TEST(kind{7}.native() == 7);
  BOOST_TEST((kind{7} == kind{7}));
  BOOST_TEST((kind{7} != kind{8}));
  BOOST_TEST(!kind{-1});
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_handle_is_a_number_and_nothing_more, kind, kinds) {
  static_assert(sizeof(kind) == sizeof(typename kind::native_type));
  static_assert(std::is_trivially_copyable_v<kind> && std::is_trivially_destructible_v<kind>);
  BOOST_TEST(std::is_nothrow_default_constructible_v<kind>);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(numbers_do_not_convert_by_themselves, kind, kinds) {
  static_assert(std::is_constructible_v<kind, int> && !std::is_convertible_v<int, kind>);
  static_assert(!std::is_convertible_v<kind, int> && !std::is_convertible_v<kind, bool>);
  BOOST_TEST((std::is_constructible_v<bool, kind>));
}

BOOST_AUTO_TEST_CASE(handles_of_different_kinds_do_not_mix) {
  static_assert(!std::is_constructible_v<sluice::file_handle, sluice::socket_handle>);
  static_assert(!std::is_constructible_v<sluice::socket_handle, sluice::directory_handle>);
  static_assert(!std::equality_comparable_with<sluice::file_handle, sluice::socket_handle>);
  BOOST_TEST((!std::is_assignable_v<sluice::file_handle&, sluice::process_handle>));
}

BOOST_AUTO_TEST_CASE(any_handle_is_made_from_each_kind) {
  static_assert(std::is_convertible_v<sluice::file_handle, sluice::any_handle>);
  static_assert(!std::is_convertible_v<sluice::any_handle, sluice::file_handle>);
  static_assert(!std::is_convertible_v<int, sluice::any_handle>);
  BOOST_TEST(sluice::any_handle{}.native() == -1);
  const sluice::any_handle one = sluice::socket_handle{7};
  BOOST_TEST(one.native() == 7);
  BOOST_TEST((one == sluice::any_handle{sluice::process_handle{7}}));
}

BOOST_AUTO_TEST_SUITE_END()
