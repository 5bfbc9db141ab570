// SPDX-License-Identifier: MIT
#include <sluice/trace/base.hpp>

#include <boost/test/unit_test.hpp>

#include <string>
#include <string_view>

namespace {

struct parks : sluice::trace::base {
  std::string seen;
  void on(sluice::event::task_parked e) { seen.append(e.what).append(";"); }
};

struct named : sluice::trace::base {
  static constexpr std::string_view name = "mine";
};

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(trace)
BOOST_AUTO_TEST_SUITE(base)

BOOST_AUTO_TEST_CASE(a_derived_type_with_one_hook_is_a_policy_and_gets_that_event_only) {
  static_assert(sluice::trace_policy<parks>);
  static_assert(sluice::traces<parks, sluice::event::task_parked>);
  static_assert(!sluice::traces<parks, sluice::event::task_ready>);
  parks policy;
  sluice::deliver(policy, sluice::event::task_parked{1, "recv"});
  sluice::deliver(policy, sluice::event::task_ready{1});
  sluice::deliver(policy, sluice::event::task_parked{2, "join"});
  BOOST_TEST(policy.seen == "recv;join;");
}

BOOST_AUTO_TEST_CASE(a_derived_type_may_have_its_own_name) {
  static_assert(sluice::trace_policy<named>);
  BOOST_TEST(named::name == "mine");
  BOOST_TEST(parks::name == "custom");
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
