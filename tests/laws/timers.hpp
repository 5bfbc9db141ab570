// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What every timers policy must do, checked from the outside. `LAWS_OF_TIMERS(models)` makes a case of each law for each policy of a
/// tuple.

#include <sluice/concept/timers.hpp>
#include <support/coverage.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <stdexcept>
#include <vector>

namespace laws::timers {

using sluice::time_point;
using sluice::timer_node;

constexpr auto lowest = std::numeric_limits<std::int64_t>::min();
constexpr std::int64_t uptime = 1'234'567'890'123'457;  // what a steady clock may show
constexpr auto ignore = [](timer_node&) {};

template <class Policy>
void arm_at(Policy& policy, timer_node& node, std::int64_t deadline) {
  node.deadline = time_point{deadline};
  BOOST_REQUIRE(policy.arm(node).has_value());
}

/// The nodes that fire at `now`, by their place in `nodes`.
template <class Policy, class Nodes>
auto fired_at(Policy& policy, Nodes& nodes, time_point now) -> std::vector<std::size_t> {
  std::vector<std::size_t> order;
  policy.expire(now, [&](timer_node& node) { order.push_back(static_cast<std::size_t>(&node - nodes.data())); });
  return order;
}

using order = std::vector<std::size_t>;

template <class Policy>
void without_timers_the_next_deadline_is_never() {
  Policy policy;
  BOOST_TEST(policy.size() == 0U);
  BOOST_TEST((policy.next() == time_point::never()));
  policy.expire(time_point::never(), [](timer_node&) { BOOST_ERROR("fired"); });
}

template <class Policy>
void arming_and_disarming_are_counted_and_marked() {
  Policy policy;
  std::array<timer_node, 2> nodes;
  arm_at(policy, nodes[0], 5);
  BOOST_TEST(nodes[0].armed);
  arm_at(policy, nodes[1], 3);
  BOOST_TEST(policy.size() == 2U);
  policy.disarm(nodes[1]);
  BOOST_TEST(!nodes[1].armed);
  BOOST_TEST(policy.size() == 1U);
  policy.expire(time_point{5}, [&](timer_node& node) {
    BOOST_TEST(!node.armed);
    BOOST_TEST(policy.size() == 0U);
  });
  BOOST_TEST(!nodes[0].armed);
  BOOST_TEST((policy.next() == time_point::never()));
}

template <class Policy>
void nothing_fires_before_its_deadline() {
  Policy policy;
  std::array<timer_node, 2> nodes;
  arm_at(policy, nodes[0], 100);
  arm_at(policy, nodes[1], 101);
  BOOST_TEST((policy.next() <= time_point{100}));
  BOOST_TEST(fired_at(policy, nodes, time_point{99}).empty());
  BOOST_TEST((fired_at(policy, nodes, time_point{100}) == order{0}));
  BOOST_TEST(nodes[1].armed);
  policy.disarm(nodes[1]);
}

template <class Policy>
void deadlines_fire_in_order() {
  Policy policy;
  std::array<timer_node, 5> nodes;
  const std::array<std::int64_t, 5> deadlines{7, -3, 12, 0, lowest};
  for (std::size_t i = 0; i < nodes.size(); ++i) arm_at(policy, nodes[i], deadlines[i]);
  BOOST_TEST((fired_at(policy, nodes, time_point{12}) == order{4, 1, 3, 0, 2}));
}

template <class Policy>
void equal_deadlines_fire_in_order_of_arming() {
  Policy policy;
  std::vector<timer_node> nodes(500);
  order expected;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const std::size_t at = i * 263 % nodes.size();
    arm_at(policy, nodes[at], 7);
    expected.push_back(at);
  }
  for (std::size_t i = 0; i < 100; ++i) {  // what is armed anew goes to the end
    policy.disarm(nodes[expected[i]]);
    arm_at(policy, nodes[expected[i]], 7);
  }
  std::rotate(expected.begin(), expected.begin() + 100, expected.end());
  BOOST_TEST((fired_at(policy, nodes, time_point{7}) == expected));
}

template <class Policy>
void a_node_can_be_armed_again_for_another_time() {
  Policy policy;
  std::array<timer_node, 1> nodes;
  arm_at(policy, nodes[0], 10);
  policy.disarm(nodes[0]);
  arm_at(policy, nodes[0], 20);
  BOOST_TEST(fired_at(policy, nodes, time_point{19}).empty());
  BOOST_TEST((fired_at(policy, nodes, time_point{20}) == order{0}));
  arm_at(policy, nodes[0], 5);
  BOOST_TEST((fired_at(policy, nodes, time_point{20}) == order{0}));
}

template <class Policy>
void a_deadline_of_never_is_never_due() {
  Policy policy;
  std::array<timer_node, 2> nodes;
  arm_at(policy, nodes[0], time_point::never().count);
  arm_at(policy, nodes[1], time_point::never().count - 1);
  BOOST_TEST((fired_at(policy, nodes, time_point::never()) == order{1}));
  BOOST_TEST(nodes[0].armed);
  BOOST_TEST((policy.next() == time_point::never()));
  policy.disarm(nodes[0]);
}

template <class Policy>
void what_is_armed_while_others_fire_waits_for_a_later_call() {
  Policy policy;
  std::array<timer_node, 4> nodes;
  arm_at(policy, nodes[0], 1);
  arm_at(policy, nodes[1], 9);
  order fired;
  policy.expire(time_point{10}, [&](timer_node& node) {
    fired.push_back(static_cast<std::size_t>(&node - nodes.data()));
    if (&node != nodes.data()) return;
    arm_at(policy, nodes[0], 5);  // itself, due already
    arm_at(policy, nodes[2], 0);  // another, due already
    arm_at(policy, nodes[3], 50);
    BOOST_TEST(policy.size() == 4U);
    BOOST_TEST((policy.next() <= time_point{0}));
  });
  BOOST_TEST((fired == order{0, 1}));
  BOOST_TEST(policy.size() == 3U);
  BOOST_TEST((policy.next() <= time_point{0}));
  BOOST_TEST((fired_at(policy, nodes, time_point{10}) == order{2, 0}));
  BOOST_TEST((fired_at(policy, nodes, time_point{50}) == order{3}));
}

template <class Policy>
void what_is_armed_at_the_lowest_time_is_due_at_once() {
  Policy policy;
  std::array<timer_node, 1> nodes;
  arm_at(policy, nodes[0], lowest);
  BOOST_TEST((policy.next() == time_point{lowest}));
  BOOST_TEST((fired_at(policy, nodes, time_point{lowest}) == order{0}));
}

template <class Policy>
void firing_may_disarm_others_that_are_due() {
  Policy policy;
  std::array<timer_node, 6> nodes;
  for (std::size_t i = 0; i < nodes.size(); ++i) arm_at(policy, nodes[i], static_cast<std::int64_t>(i));
  order fired;
  policy.expire(time_point{5}, [&](timer_node& node) {
    const auto at = static_cast<std::size_t>(&node - nodes.data());
    fired.push_back(at);
    if (at + 1 < nodes.size()) policy.disarm(nodes[at + 1]);
  });
  BOOST_TEST((fired == order{0, 2, 4}));
  BOOST_TEST(policy.size() == 0U);
}

template <class Policy>
void what_firing_arms_it_may_disarm_again() {
  Policy policy;
  std::array<timer_node, 5> nodes;
  arm_at(policy, nodes[0], 1);
  policy.expire(time_point{10}, [&](timer_node&) {
    for (const std::size_t i : {1U, 2U, 3U, 4U}) arm_at(policy, nodes[i], 10 - static_cast<std::int64_t>(i));
    for (const std::size_t i : {2U, 4U, 1U}) policy.disarm(nodes[i]);  // from the middle, the end and the front
    BOOST_TEST(policy.size() == 1U);
    BOOST_TEST((policy.next() <= time_point{7}));
  });
  BOOST_TEST((fired_at(policy, nodes, time_point{10}) == order{3}));
}

template <class Policy>
void an_exception_of_firing_loses_no_timer() {
  Policy policy;
  std::array<timer_node, 4> nodes;
  for (std::size_t i = 0; i < 3; ++i) arm_at(policy, nodes[i], static_cast<std::int64_t>(i));
  const auto fail = [&](timer_node&) {
    arm_at(policy, nodes[3], 0);
    throw std::runtime_error{"of firing"};
  };
  BOOST_CHECK_THROW(policy.expire(time_point{5}, fail), std::runtime_error);
  BOOST_TEST(policy.size() == 3U);
  BOOST_TEST((fired_at(policy, nodes, time_point{5}) == order{3, 1, 2}));
}

template <class Policy>
void deadlines_a_nanosecond_apart_fire_one_by_one() {
  Policy policy;
  std::vector<timer_node> nodes(300);
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const std::size_t at = i * 71 % nodes.size();
    arm_at(policy, nodes[at], uptime + static_cast<std::int64_t>(at));
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    BOOST_TEST((fired_at(policy, nodes, time_point{uptime + static_cast<std::int64_t>(i)}) == order{i}));
  }
}

template <class Policy>
void time_that_goes_back_fires_nothing_early() {
  Policy policy;
  std::array<timer_node, 3> nodes;
  arm_at(policy, nodes[0], 100);
  BOOST_TEST((fired_at(policy, nodes, time_point{100}) == order{0}));
  arm_at(policy, nodes[0], 60);
  arm_at(policy, nodes[1], 50);
  arm_at(policy, nodes[2], 70);
  BOOST_TEST((policy.next() <= time_point{50}));
  BOOST_TEST(fired_at(policy, nodes, time_point{49}).empty());
  BOOST_TEST((fired_at(policy, nodes, time_point{50}) == order{1}));
  BOOST_TEST((policy.next() <= time_point{60}));
  BOOST_TEST((fired_at(policy, nodes, time_point{200}) == order{0, 2}));
}

}  // namespace laws::timers

/// A case of a law for each policy of a tuple.
#define LAW_OF_TIMERS(law, models) \
  BOOST_AUTO_TEST_CASE_TEMPLATE(law, policy, models) { laws::timers::law<policy>(); }

// clang-format off
#define LAWS_OF_TIMERS(models)                                                \
  LAW_OF_TIMERS(without_timers_the_next_deadline_is_never, models)            \
  LAW_OF_TIMERS(arming_and_disarming_are_counted_and_marked, models)          \
  LAW_OF_TIMERS(nothing_fires_before_its_deadline, models)                    \
  LAW_OF_TIMERS(deadlines_fire_in_order, models)                              \
  LAW_OF_TIMERS(equal_deadlines_fire_in_order_of_arming, models)              \
  LAW_OF_TIMERS(a_node_can_be_armed_again_for_another_time, models)           \
  LAW_OF_TIMERS(a_deadline_of_never_is_never_due, models)                     \
  LAW_OF_TIMERS(what_is_armed_while_others_fire_waits_for_a_later_call, models) \
  LAW_OF_TIMERS(what_is_armed_at_the_lowest_time_is_due_at_once, models)      \
  LAW_OF_TIMERS(firing_may_disarm_others_that_are_due, models)                \
  LAW_OF_TIMERS(what_firing_arms_it_may_disarm_again, models)                 \
  LAW_OF_TIMERS(an_exception_of_firing_loses_no_timer, models)                \
  LAW_OF_TIMERS(deadlines_a_nanosecond_apart_fire_one_by_one, models)         \
  LAW_OF_TIMERS(time_that_goes_back_fires_nothing_early, models)
// clang-format on
