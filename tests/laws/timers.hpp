// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What every timers policy must do, checked from the outside. `LAWS_OF_TIMERS(models)` makes a case of each law for each policy of a
/// tuple.

#include <sluice/concept/timers.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <random>
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

/// Does the same things to a policy and to a sorted reference. What the reference does not foresee ends the case.
template <class Policy>
class comparison {
 public:
  comparison(std::uint32_t seed, std::size_t nodes, std::int64_t spread, std::int64_t start)
      : random_{seed}, nodes_(nodes), spread_{spread}, now_{start} {}
  comparison(const comparison&) = delete;
  auto operator=(const comparison&) -> comparison& = delete;
  ~comparison() {
    for (auto& node : nodes_) {
      if (node.armed) policy_.disarm(node);
    }
  }

  void run(std::size_t steps) {
    while (steps-- != 0) {
      if (below(100) < 12) {
        expire();
      } else {
        change();
      }
      compare();
    }
  }

 private:
  struct expected {
    timer_node* node;
    bool later;  // armed during the expire that runs
  };
  using reference = std::multimap<std::int64_t, expected>;  // keeps equal keys in the order in which they came

  auto below(std::int64_t bound) -> std::int64_t { return std::uniform_int_distribution<std::int64_t>{0, bound - 1}(random_); }

  void change() {
    timer_node& node = nodes_[static_cast<std::size_t>(below(static_cast<std::int64_t>(nodes_.size())))];
    const auto place = std::find_if(reference_.begin(), reference_.end(), [&](auto& entry) { return entry.second.node == &node; });
    if (node.armed != (place != reference_.end())) BOOST_FAIL("a node's mark is wrong");
    if (node.armed) {
      policy_.disarm(node);
      reference_.erase(place);
    } else {
      arm_at(policy_, node, now_ - spread_ / 4 + below(spread_));
      reference_.emplace(node.deadline.count, expected{&node, expiring_});
    }
  }

  // Time goes on, mostly; what fires sets others and takes others out, and throws now and then.
  void expire() {
    now_ += below(spread_ / 4 + 1);
    const auto at = below(10) == 0 ? now_ - below(spread_) : now_;
    struct stopped {};
    bool whole = true;
    expiring_ = true;
    try {
      policy_.expire(time_point{at}, [&](timer_node& node) {
        const auto place = first_due(at);
        if (place == reference_.end() || place->second.node != &node) BOOST_FAIL("another node should have fired");
        reference_.erase(place);
        for (auto changes = below(4); changes > 0; --changes) change();
        if (below(40) == 0) throw stopped{};
      });
    } catch (const stopped&) { whole = false; }
    expiring_ = false;
    if (whole && first_due(at) != reference_.end()) BOOST_FAIL("a node that is due did not fire");
    for (auto& entry : reference_) entry.second.later = false;
    if (whole && at == now_ && first_due(now_) == reference_.end() && policy_.next() <= time_point{now_}) BOOST_FAIL("a poll would spin");
  }

  auto first_due(std::int64_t at) -> typename reference::iterator {
    const auto end = reference_.upper_bound(at);
    const auto place = std::find_if(reference_.begin(), end, [](auto& entry) { return !entry.second.later; });
    return place == end ? reference_.end() : place;
  }

  void compare() const {
    if (policy_.size() != reference_.size()) BOOST_FAIL("the number of timers is wrong");
    const auto earliest = reference_.empty() ? time_point::never() : time_point{reference_.begin()->first};
    if (policy_.next() > earliest) BOOST_FAIL("the next deadline is named too late");
    if (reference_.empty() && policy_.next() != earliest) BOOST_FAIL("a next deadline without timers");
  }

  std::mt19937 random_;
  std::vector<timer_node> nodes_;
  std::int64_t spread_;
  Policy policy_;
  reference reference_;
  std::int64_t now_;
  bool expiring_ = false;
};

template <class Policy>
void random_use_agrees_with_a_sorted_reference() {
  struct shape {
    std::size_t nodes;
    std::int64_t spread;
  };
  for (const auto [nodes, spread] : {shape{3, 4}, shape{20, 8}, shape{200, 1000}, shape{700, 1'000'000'000}, shape{60, uptime}}) {
    std::uint32_t seed = 0;
    for (const auto start : {std::int64_t{0}, uptime, lowest / 2, lowest + uptime}) {
      BOOST_TEST_CONTEXT("seed " << ++seed << ", " << nodes << " nodes, deadlines within " << spread << " from " << start) {
        comparison<Policy>{seed, nodes, spread, start}.run(6000);
      }
    }
  }
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
void deadlines_at_every_distance_fire_exactly() {
  for (const auto start : {uptime, std::int64_t{0}, std::int64_t{-1}, lowest}) {
    Policy policy;
    policy.expire(time_point{start}, ignore);
    std::vector<timer_node> nodes(62);
    std::vector<timer_node> crowd(2 * nodes.size());  // so that no deadline is alone in its surroundings
    for (std::size_t k = 0; k < nodes.size(); ++k) {
      const std::int64_t deadline = start + (std::int64_t{1} << k);
      arm_at(policy, crowd[2 * k], deadline + 1);
      arm_at(policy, nodes[k], deadline);
      arm_at(policy, crowd[2 * k + 1], deadline + 1);
    }
    for (std::size_t k = 0; k < nodes.size(); ++k) {
      const timer_node* first = nullptr;
      const auto note = [&](timer_node& node) { first = first == nullptr ? &node : first; };
      policy.expire(nodes[k].deadline + sluice::interval::nanoseconds(-1), ignore);
      BOOST_TEST(nodes[k].armed);
      policy.expire(nodes[k].deadline, note);
      BOOST_TEST((k < 2 || first == &nodes[k]));  // the first ones share their deadlines with the crowd
      BOOST_TEST(crowd[2 * k].armed);
    }
    policy.expire(time_point::never(), ignore);
    BOOST_TEST(policy.size() == 0U);
  }
}

template <class Policy>
void equal_deadlines_fire_in_order_of_arming_however_long_before() {
  Policy policy;
  policy.expire(time_point{uptime}, ignore);
  std::vector<timer_node> nodes(240);
  std::vector<timer_node> others(nodes.size());
  constexpr std::int64_t distance = 10'000'000'000;
  order expected;
  std::int64_t now = uptime;
  for (std::size_t i = 0; i < nodes.size(); ++i) {  // each armed when a fifth of the time that was left has passed, others ahead of it
    arm_at(policy, others[i], uptime + distance - 1);
    arm_at(policy, nodes[i], uptime + distance);
    expected.push_back(i);
    now += (uptime + distance - 1 - now) / 5;
    BOOST_TEST(fired_at(policy, nodes, time_point{now}).empty());
  }
  policy.expire(time_point{uptime + distance - 1}, ignore);
  BOOST_TEST(policy.size() == nodes.size());
  BOOST_TEST((fired_at(policy, nodes, time_point{uptime + distance}) == expected));
}

template <class Policy>
void overdue_timers_fire_in_order() {
  Policy policy;
  std::vector<timer_node> nodes(20'000);
  std::mt19937 random{11};
  policy.expire(time_point{uptime}, ignore);
  arm_at(policy, nodes[0], uptime);
  policy.expire(time_point{uptime}, ignore);
  for (auto& node : nodes) arm_at(policy, node, uptime - static_cast<std::int64_t>(random() % 5'000));
  for (std::size_t i = 0; i < nodes.size(); i += 7) policy.disarm(nodes[i]);
  const timer_node* previous = nullptr;
  std::size_t fired = 0;
  policy.expire(time_point{uptime}, [&](timer_node& node) {
    if (previous != nullptr && (previous->deadline > node.deadline || (previous->deadline == node.deadline && previous > &node))) {
      BOOST_FAIL("out of order");
    }
    previous = &node;
    ++fired;
  });
  BOOST_TEST(fired == nodes.size() - (nodes.size() + 6) / 7);
  BOOST_TEST(policy.size() == 0U);
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

/// What a ring does that has nothing but timers: it sleeps until `next()`, then looks what is due.
template <class Policy>
void waiting_for_the_next_deadline_neither_spins_nor_sleeps_too_long() {
  {
    Policy policy;
    timer_node alone;
    policy.expire(time_point{uptime}, ignore);
    arm_at(policy, alone, uptime + 98'765'432'109);
    BOOST_TEST((policy.next() == alone.deadline));  // one sleep for one timer
    policy.disarm(alone);
    BOOST_TEST((policy.next() == time_point::never()));
  }
  for (const std::int64_t spread : {std::int64_t{500}, std::int64_t{1'000'000}, std::int64_t{3'600'000'000'000}}) {
    Policy policy;
    std::vector<timer_node> nodes(500);
    std::mt19937_64 random{3};
    for (auto& node : nodes) { arm_at(policy, node, uptime + static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(spread))); }
    time_point now{uptime - 1};
    policy.expire(now, ignore);
    std::size_t sleeps = 0;
    while (policy.size() != 0) {
      const time_point next = policy.next();
      if (next <= now) BOOST_FAIL("it spins");
      now = next;
      policy.expire(now, [&](timer_node& node) {
        if (node.deadline != now) BOOST_FAIL("it slept too long");
      });
      ++sleeps;
    }
    BOOST_TEST(sleeps <= 64 * nodes.size());
  }
}

template <class Policy>
void a_million_timers_fire_in_order() {
  constexpr std::size_t count = 1'000'000;
  constexpr std::int64_t spread = 1'000'000'000;
  std::vector<timer_node> nodes(count);
  Policy policy;
  std::mt19937 random{7};
  for (auto& node : nodes) arm_at(policy, node, uptime + static_cast<std::int64_t>(random() % spread));
  BOOST_TEST(policy.size() == count);
  for (std::size_t i = 0; i < count; i += 3) policy.disarm(nodes[i * 7 % count]);
  std::size_t fired = 0;
  const timer_node* previous = nullptr;
  std::int64_t now = uptime;
  while (now < uptime + spread) {
    now += spread / 512 + static_cast<std::int64_t>(random() % (spread / 512));
    policy.expire(time_point{now}, [&](timer_node& node) {
      if (node.deadline.count > now) BOOST_FAIL("early");
      if (previous != nullptr && (previous->deadline > node.deadline || (previous->deadline == node.deadline && previous > &node))) {
        BOOST_FAIL("out of order");
      }
      previous = &node;
      ++fired;
    });
    if (policy.next() <= time_point{now}) BOOST_FAIL("something was left");
  }
  BOOST_TEST(fired == count - (count + 2) / 3);
  BOOST_TEST(policy.size() == 0U);
}

}  // namespace laws::timers

// clang-format off
#define LAW_OF_TIMERS(law, models) BOOST_AUTO_TEST_CASE_TEMPLATE(law, policy, models) { laws::timers::law<policy>(); }
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
  LAW_OF_TIMERS(random_use_agrees_with_a_sorted_reference, models)            \
  LAW_OF_TIMERS(deadlines_a_nanosecond_apart_fire_one_by_one, models)         \
  LAW_OF_TIMERS(deadlines_at_every_distance_fire_exactly, models)             \
  LAW_OF_TIMERS(equal_deadlines_fire_in_order_of_arming_however_long_before, models) \
  LAW_OF_TIMERS(overdue_timers_fire_in_order, models)                         \
  LAW_OF_TIMERS(time_that_goes_back_fires_nothing_early, models)              \
  LAW_OF_TIMERS(waiting_for_the_next_deadline_neither_spins_nor_sleeps_too_long, models) \
  LAW_OF_TIMERS(a_million_timers_fire_in_order, models)
// clang-format on
