// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What every timers policy must do, with many timers, and with deadlines that lie far apart.

#include <laws/timers.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include <time.h>

namespace laws::timers {

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

/// Processor time of this thread for setting and removing one more timer, and for firing one, with so many there. \units nanoseconds
template <class Policy>
auto cost_among(std::size_t count) -> double {
  constexpr std::int64_t spread = 1'000'000'000;
  constexpr std::size_t rounds = 2000;
  const auto now = [] {
    ::timespec at{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &at);
    return static_cast<double>(at.tv_sec) * 1e9 + static_cast<double>(at.tv_nsec);
  };
  std::vector<timer_node> nodes(count);
  timer_node one;
  Policy policy;
  std::mt19937 random{11};
  for (auto& node : nodes) arm_at(policy, node, uptime + spread + static_cast<std::int64_t>(random() % spread));
  double least = 1e18;
  for (int series = 0; series < 5; ++series) {
    const double begin = now();
    for (std::size_t i = 0; i < rounds; ++i) {
      one.deadline = time_point{uptime + spread + static_cast<std::int64_t>(random() % spread)};
      (void)policy.arm(one);
      policy.disarm(one);
      one.deadline = time_point{uptime};
      (void)policy.arm(one);
      policy.expire(time_point{uptime}, ignore);
    }
    least = std::min(least, (now() - begin) / rounds);
  }
  for (auto& node : nodes) policy.disarm(node);
  return least;
}

template <class Policy>
void the_cost_of_a_timer_hardly_grows_with_their_number() {
  laws::covers("7.4");
  const double few = cost_among<Policy>(500);
  const double many = cost_among<Policy>(250'000);
  // A cost in proportion would be 500 times as high; the logarithm is twice as high, and memory that is far away some times that.
  BOOST_TEST(many < 60 * few, "one among few: " << few << " ns, among many: " << many << " ns");
}

}  // namespace laws::timers

// clang-format off
#define LAWS_OF_TIMERS_AT_SCALE(models)                                       \
  LAW_OF_TIMERS(deadlines_at_every_distance_fire_exactly, models)             \
  LAW_OF_TIMERS(equal_deadlines_fire_in_order_of_arming_however_long_before, models) \
  LAW_OF_TIMERS(overdue_timers_fire_in_order, models)                         \
  LAW_OF_TIMERS(waiting_for_the_next_deadline_neither_spins_nor_sleeps_too_long, models) \
  LAW_OF_TIMERS(the_cost_of_a_timer_hardly_grows_with_their_number, models)   \
  LAW_OF_TIMERS(a_million_timers_fire_in_order, models)
// clang-format on
