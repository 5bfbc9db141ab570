// SPDX-License-Identifier: MIT
#include <sluice/aio/descriptors.hpp>
#include <support/scripted_os.hpp>

#include <boost/test/unit_test.hpp>

#include <cerrno>

namespace {

using support::script;
using table = sluice::aio::descriptor_table<support::scripted_os>;

}  // namespace

BOOST_AUTO_TEST_SUITE(aio)
BOOST_FIXTURE_TEST_SUITE(descriptors, support::script_fixture)

BOOST_AUTO_TEST_CASE(small_numbers_need_no_memory) {
  table all;
  for (int number = 0; number < 64; ++number) {
    BOOST_TEST_REQUIRE(all.find(number) != nullptr);
    BOOST_TEST((all.find(number)->newest == nullptr && all.find(number)->closing == nullptr));
  }
  BOOST_TEST(script::calls("map") == 0U);
}

BOOST_AUTO_TEST_CASE(growing_keeps_what_is_known) {
  table all;
  sluice::aio::record one;
  all.find(7)->newest = &one;
  BOOST_TEST_REQUIRE(all.find(64) != nullptr);
  BOOST_TEST(script::calls("map") == 1U);
  BOOST_TEST((all.find(7)->newest == &one));
  all.find(65'535)->closing = &one;
  BOOST_TEST(script::calls("map") == 1U);
  BOOST_TEST_REQUIRE(all.find(1'000'000) != nullptr);
  BOOST_TEST(script::calls("map") == 2U);
  BOOST_TEST((all.find(65'535)->closing == &one));
  BOOST_TEST((all[7].newest == &one));
}

BOOST_AUTO_TEST_CASE(without_memory_nothing_is_lost) {
  table all;
  sluice::aio::record one;
  all.find(7)->newest = &one;
  script::next("map", {-ENOMEM});
  BOOST_TEST(all.find(64) == nullptr);
  BOOST_TEST((all.find(7)->newest == &one));
  BOOST_TEST(all.find(64) != nullptr);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
