// SPDX-License-Identifier: MIT
// The kernel begins about two members of a chain each time that it is entered. The oracle's close, which ends what runs on a handle until
// there is nothing, took four looks without a find for enough, and missed the last of eight that had not begun by then: that one ran on, on
// a file whose number was gone.
#include <support/needs.hpp>
#include <support/oracle/kernel.hpp>
#include <support/oracle/relation.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

namespace {

using oracle::deed, oracle::moment, oracle::rules, oracle::tie, oracle::verb;

auto plan_of_eight() -> oracle::plan {
  oracle::plan p{.things = {{.what = oracle::sort::full_pipe, .before = {4096, 0}}},
                 .members = {{.what = verb::write, .on = 0, .end = 1, .size = 8192, .link = tie::hard},
                             {.what = verb::read, .on = 0, .end = 0, .size = 4096, .link = tie::soft}},
                 .events = {{.what = deed::close_handle, .when = moment::settled, .on = 0, .end = 1}},
                 .drains = false};
  for (int i = 0; i < 4; ++i) p.members.push_back({.what = verb::nop, .link = tie::soft});
  p.members.push_back({.what = verb::write, .on = 0, .end = 1, .size = 2, .link = tie::soft});
  p.members.push_back({.what = verb::write, .on = 0, .end = 1, .size = 8192});
  return p;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(regression, *needs::ring())

BOOST_AUTO_TEST_CASE(close_looked_too_seldom_at_a_long_chain) {
  const auto p = plan_of_eight();
  const auto ahead = oracle::forecast_of(p, rules::kernel);
  oracle::kernel of;
  for (int i = 0; i < 20; ++i) {
    const auto came = of.run(p, ahead, {});
    std::string why;
    BOOST_TEST_REQUIRE(oracle::explains(p, rules::kernel, false, came, why), why);
  }
}

BOOST_AUTO_TEST_SUITE_END()
