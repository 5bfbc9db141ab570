// SPDX-License-Identifier: MIT
#include <sluice/op/hana.hpp>

#include <boost/hana/at_key.hpp>
#include <boost/hana/for_each.hpp>
#include <boost/hana/keys.hpp>
#include <boost/hana/length.hpp>
#include <boost/hana/members.hpp>
#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <string_view>
#include <vector>

namespace hana = boost::hana;
namespace op = sluice::op;

BOOST_AUTO_TEST_SUITE(op_)
BOOST_AUTO_TEST_SUITE(hana_)

BOOST_AUTO_TEST_CASE(every_operation_has_the_fields_that_it_describes_in_order) {
  hana::for_each(op::all, [](auto type) {
    using operation = typename decltype(type)::type;
    static_assert(hana::Struct<operation>::value);
    const operation one{};
    std::vector<std::string_view> names;
    std::vector<const void*> places;
    operation::describe([&](std::string_view name, auto field) {
      names.push_back(name);
      places.push_back(&(one.*field));
    });
    std::size_t at = 0;
    hana::for_each(hana::accessors<operation>(), [&](const auto& field) {
      BOOST_TEST_CONTEXT(operation::name << ", field " << at) {
        BOOST_TEST_REQUIRE(at < names.size());
        BOOST_TEST(hana::first(field).c_str() == names[at]);
        const void* const place = &hana::second(field)(one);
        BOOST_TEST(place == places[at]);
        ++at;
      }
    });
    BOOST_TEST(at == names.size());
  });
}

BOOST_AUTO_TEST_CASE(a_field_is_found_by_its_name_and_can_be_changed) {
  op::mkdir_at one{.path = "name", .mode = 0700};
  BOOST_TEST(hana::at_key(one, BOOST_HANA_STRING("mode")) == 0700U);
  hana::at_key(one, BOOST_HANA_STRING("mode")) = 0711;
  BOOST_TEST(one.mode == 0711U);
  const op::read other{.offset = 7};
  BOOST_TEST(hana::at_key(other, BOOST_HANA_STRING("offset")) == 7U);
  static_assert(decltype(hana::length(hana::keys(op::timeout{})))::value == 3);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
