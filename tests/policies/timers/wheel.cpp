// SPDX-License-Identifier: MIT
#include <laws/timers.hpp>
#include <laws/timers_at_scale.hpp>
#include <laws/timers_reference.hpp>
#include <sluice/timers/wheel.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <vector>

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(timers)
BOOST_AUTO_TEST_SUITE(wheel)

using sluice::time_point;
using sluice::timer_node;
using sluice::timers::wheel;

using models = std::tuple<wheel<>, wheel<{.bits = 2, .few = 1}>, wheel<{.bits = 5}>, wheel<{.bits = 8, .few = 64}>>;
LAWS_OF_TIMERS(models)
LAWS_OF_TIMERS_BY_REFERENCE(models)
LAWS_OF_TIMERS_AT_SCALE(models)

BOOST_AUTO_TEST_CASE(it_owns_nothing_and_stays_small) {
  static_assert(std::is_trivially_destructible_v<wheel<>>);  // so it never has memory to give back
  static_assert(sizeof(wheel<>) <= 12 * 1024);
}

BOOST_AUTO_TEST_CASE(the_next_deadline_is_exact_while_few_share_its_slot) {
  wheel<{.few = 3}> timers;
  timers.expire(time_point{laws::timers::uptime}, laws::timers::ignore);
  std::vector<timer_node> nodes(4);
  const std::int64_t hour = 3'600'000'000'000;
  for (std::size_t i = 0; i < 3; ++i) {
    laws::timers::arm_at(timers, nodes[i], laws::timers::uptime + hour - static_cast<std::int64_t>(i));
    BOOST_TEST((timers.next() == nodes[i].deadline));
  }
  timers.disarm(nodes[2]);
  BOOST_TEST((timers.next() == nodes[1].deadline));
  laws::timers::arm_at(timers, nodes[2], laws::timers::uptime + hour + 1);
  laws::timers::arm_at(timers, nodes[3], laws::timers::uptime + hour + 2);
  BOOST_TEST((timers.next() == nodes[1].deadline));  // known from before
  timers.disarm(nodes[1]);
  BOOST_TEST((timers.next() == nodes[0].deadline));
  BOOST_TEST((laws::timers::fired_at(timers, nodes, nodes[3].deadline) == laws::timers::order{0, 2, 3}));
}

BOOST_AUTO_TEST_CASE(a_crowded_slot_is_looked_into_when_time_enters_it) {
  wheel<{.few = 3}> timers;
  std::vector<timer_node> nodes(100);
  laws::timers::arm_at(timers, nodes[0], laws::timers::uptime);
  timers.expire(time_point{laws::timers::uptime}, laws::timers::ignore);
  const time_point all{laws::timers::uptime + 3'600'000'000'000};
  for (auto& node : nodes) laws::timers::arm_at(timers, node, all.count);
  int sleeps = 0;
  time_point now{laws::timers::uptime};
  while (timers.size() != 0) {
    const auto next = timers.next();
    BOOST_TEST((next > now));
    BOOST_TEST((next <= all));
    now = next;
    timers.expire(now, laws::timers::ignore);
    ++sleeps;
  }
  BOOST_TEST((now == all));
  BOOST_TEST(sleeps > 1);
  BOOST_TEST(sleeps <= 11);  // at most one a level
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
