// SPDX-License-Identifier: MIT
#include <sluice/concept/timers.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace {

using sluice::policy_kind;
using sluice::result;
using sluice::time_point;
using sluice::timer_node;
using sluice::timers_policy;

struct good {
  static constexpr auto kind = policy_kind::timers;
  static constexpr std::string_view name = "good";
  auto arm(timer_node&) noexcept -> result<void> { return {}; }
  void disarm(timer_node&) noexcept {}
  auto next() const noexcept -> time_point { return time_point::never(); }
  void expire(time_point, auto&&) {}
  auto size() const noexcept -> std::size_t { return 0; }
};
static_assert(timers_policy<good>);

struct of_another_kind : good {
  static constexpr auto kind = policy_kind::trace;
};
struct of_no_kind : good {
  static constexpr int kind = 3;
};
struct without_a_name : good {
  static constexpr int name = 0;
};
struct without_a_constructor : good {
  explicit without_a_constructor(int) {}
};
struct without_arm : good {
  void arm() = delete;
};
struct arm_that_throws : good {
  auto arm(timer_node&) -> result<void> { return {}; }
};
struct arm_without_error : good {
  void arm(timer_node&) noexcept {}
};
struct arm_of_a_copy : good {
  auto arm(timer_node&&) noexcept -> result<void> { return {}; }
};
struct without_disarm : good {
  void disarm() = delete;
};
struct disarm_that_throws : good {
  void disarm(timer_node&) {}
};
struct disarm_that_may_fail : good {
  auto disarm(timer_node&) noexcept -> bool { return true; }
};
struct without_next : good {
  void next() = delete;
};
struct next_that_changes : good {
  auto next() noexcept -> time_point { return {}; }
};
struct next_that_throws : good {
  auto next() const -> time_point { return {}; }
};
struct next_by_number : good {
  auto next() const noexcept -> std::int64_t { return 0; }
};
struct without_expire : good {
  void expire() = delete;
};
struct expire_with_a_result : good {
  auto expire(time_point, auto&&) -> int { return 0; }
};
struct expire_by_pointer : good {
  void expire(time_point, void (*)(timer_node*)) {}
};
struct without_size : good {
  void size() = delete;
};
struct size_that_changes : good {
  auto size() noexcept -> std::size_t { return 0; }
};
struct size_that_throws : good {
  auto size() const -> std::size_t { return 0; }
};
struct size_by_text : good {
  auto size() const noexcept -> std::string_view { return "0"; }
};
static_assert(!timers_policy<of_another_kind>);
static_assert(!timers_policy<of_no_kind>);
static_assert(!timers_policy<without_a_name>);
static_assert(!timers_policy<without_a_constructor>);
static_assert(!timers_policy<without_arm>);
static_assert(!timers_policy<arm_that_throws>);
static_assert(!timers_policy<arm_without_error>);
static_assert(!timers_policy<arm_of_a_copy>);
static_assert(!timers_policy<without_disarm>);
static_assert(!timers_policy<disarm_that_throws>);
static_assert(!timers_policy<disarm_that_may_fail>);
static_assert(!timers_policy<without_next>);
static_assert(!timers_policy<next_that_changes>);
static_assert(!timers_policy<next_that_throws>);
static_assert(!timers_policy<next_by_number>);
static_assert(!timers_policy<without_expire>);
static_assert(!timers_policy<expire_with_a_result>);
static_assert(!timers_policy<expire_by_pointer>);
static_assert(!timers_policy<without_size>);
static_assert(!timers_policy<size_that_changes>);
static_assert(!timers_policy<size_that_throws>);
static_assert(!timers_policy<size_by_text>);
static_assert(!timers_policy<int>);

}  // namespace

BOOST_AUTO_TEST_SUITE(concept_)
BOOST_AUTO_TEST_SUITE(timers)

BOOST_AUTO_TEST_CASE(a_node_stays_where_it_is_and_starts_disarmed) {
  static_assert(!std::is_copy_constructible_v<timer_node> && !std::is_move_constructible_v<timer_node>);
  static_assert(!std::is_copy_assignable_v<timer_node> && !std::is_move_assignable_v<timer_node>);
  const timer_node node;
  BOOST_TEST(!node.armed);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
