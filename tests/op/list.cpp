// SPDX-License-Identifier: MIT
#include <sluice/concept/operation.hpp>
#include <sluice/op/list.hpp>

#include <boost/hana/for_each.hpp>
#include <boost/hana/length.hpp>
#include <boost/test/unit_test.hpp>

#include <set>
#include <string_view>

namespace hana = boost::hana;
namespace op = sluice::op;

namespace {

auto names_in(auto list) -> std::set<std::string_view> {
  std::set<std::string_view> names;
  hana::for_each(list, [&](auto type) {
    using operation = typename decltype(type)::type;
    static_assert(sluice::operation_struct<operation>);
    BOOST_TEST(names.insert(operation::name).second, operation::name << " is in the list twice");
  });
  return names;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(op_)
BOOST_AUTO_TEST_SUITE(list)

BOOST_AUTO_TEST_CASE(all_is_what_is_portable_and_what_is_not) {
  auto sum = names_in(op::portable);
  for (const auto name : names_in(op::linux_only)) BOOST_TEST(sum.insert(name).second, name << " is in both lists");
  BOOST_TEST((names_in(op::all) == sum));
  BOOST_TEST(sum.contains("nop"));
  BOOST_TEST(sum.contains("splice"));
}

BOOST_AUTO_TEST_CASE(closes_say_so_by_their_name_and_by_a_fact) {
  hana::for_each(op::all, [](auto type) {
    using operation = typename decltype(type)::type;
    BOOST_TEST(sluice::detail::closes_handle<operation> == operation::name.starts_with("close_"), operation::name);
    BOOST_TEST(sluice::detail::sends<operation> == operation::name.starts_with("send"), operation::name);
    if (sluice::detail::closes_handle<operation>) BOOST_TEST(sluice::detail::has_handle<operation>, operation::name);
  });
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
