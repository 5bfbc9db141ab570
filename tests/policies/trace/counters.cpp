// SPDX-License-Identifier: MIT
#include <sluice/trace/counters.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <set>
#include <string_view>

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(trace)
BOOST_AUTO_TEST_SUITE(counters)

namespace event = sluice::event;
using sluice::deliver;
using sluice::trace::counts;

BOOST_AUTO_TEST_CASE(each_event_has_its_own_number) {
  sluice::trace::counters policy;
  counts expected;
  const auto check = [&](auto e, std::uint64_t counts::* member) {
    deliver(policy, e);
    expected.*member += 1;
    BOOST_TEST((policy.snapshot() == expected));
  };
  check(event::task_spawned{1, "a"}, &counts::task_spawned);
  check(event::task_parked{1, "recv"}, &counts::task_parked);
  check(event::task_ready{1}, &counts::task_ready);
  check(event::task_resumed{1}, &counts::task_resumed);
  check(event::task_cancelled{1}, &counts::task_cancelled);
  check(event::task_finished{1}, &counts::task_finished);
  check(event::op_queued{nullptr, "recv", 3}, &counts::op_queued);
  check(event::op_inline{"recv", 0}, &counts::op_inline);
  check(event::op_completed{nullptr, 0}, &counts::op_completed);
  check(event::op_cancelled{nullptr}, &counts::op_cancelled);
  check(event::submitted{0}, &counts::submitted);
  check(event::polled{0, false}, &counts::polled);
  check(event::queue_full{}, &counts::queue_full);
  check(event::completion_overflow{}, &counts::completion_overflow);
  check(event::timer_fired{0}, &counts::timer_fired);
}

BOOST_AUTO_TEST_CASE(what_events_carry_is_summed) {
  sluice::trace::counters policy;
  deliver(policy, event::submitted{3});
  deliver(policy, event::submitted{4});
  deliver(policy, event::polled{5, true});
  deliver(policy, event::polled{1, false});
  deliver(policy, event::op_completed{nullptr, -11});
  deliver(policy, event::op_completed{nullptr, 11});
  deliver(policy, event::op_inline{"recv", -1});
  deliver(policy, event::timer_fired{50});
  deliver(policy, event::timer_fired{20});
  const auto now = policy.snapshot();
  BOOST_TEST(now.submissions == 7U);
  BOOST_TEST(now.completions == 6U);
  BOOST_TEST(now.waits == 1U);
  BOOST_TEST(now.failures == 2U);
  BOOST_TEST(now.latest_timer == 50);
}

BOOST_AUTO_TEST_CASE(a_snapshot_is_a_copy_and_reset_begins_anew) {
  sluice::trace::counters policy;
  deliver(policy, event::queue_full{});
  const auto before = policy.snapshot();
  policy.reset();
  BOOST_TEST(before.queue_full == 1U);
  BOOST_TEST((policy.snapshot() == counts{}));
}

BOOST_AUTO_TEST_CASE(the_description_visits_every_number_once) {
  std::set<std::string_view> names;
  counts all;
  std::size_t visited = 0;
  counts::describe([&](std::string_view name, auto member) {
    names.insert(name);
    BOOST_TEST((all.*member == 0));
    all.*member = 1;
    ++visited;
  });
  BOOST_TEST(names.size() == visited);
  BOOST_TEST(sizeof(counts) == visited * sizeof(std::uint64_t));
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
