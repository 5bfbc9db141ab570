// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What every timers policy must do, in random order, beside a sorted reference.

#include <laws/timers.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <random>
#include <vector>

namespace laws::timers {

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

}  // namespace laws::timers

// clang-format off
#define LAWS_OF_TIMERS_BY_REFERENCE(models)                                   \
  LAW_OF_TIMERS(random_use_agrees_with_a_sorted_reference, models)
// clang-format on
