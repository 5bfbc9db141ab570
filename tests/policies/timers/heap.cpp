// SPDX-License-Identifier: MIT
#include <laws/timers.hpp>
#include <laws/timers_at_scale.hpp>
#include <laws/timers_reference.hpp>
#include <sluice/timers/heap.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <system_error>
#include <tuple>
#include <vector>

namespace {

std::size_t allocations = 0;
bool out_of_memory = false;

}  // namespace

// The heap's only way to memory, counted and made to fail.
auto operator new(std::size_t bytes, std::align_val_t alignment, const std::nothrow_t&) noexcept -> void* {
  ++allocations;
  const auto unit = static_cast<std::size_t>(alignment);
  return out_of_memory ? nullptr : std::aligned_alloc(unit, (bytes + unit - 1) / unit * unit);
}
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(timers)
BOOST_AUTO_TEST_SUITE(heap)

using sluice::time_point;
using sluice::timer_node;
using sluice::timers::heap;

using models = std::tuple<heap<>, heap<{.first = 1}>, heap<{.first = 5, .limit = 1'000'000}>>;
LAWS_OF_TIMERS(models)
LAWS_OF_TIMERS_BY_REFERENCE(models)
LAWS_OF_TIMERS_AT_SCALE(models)

BOOST_AUTO_TEST_CASE(nothing_is_allocated_before_the_first_arm) {
  allocations = 0;
  heap<> timers;
  timers.expire(time_point{1}, laws::timers::ignore);
  BOOST_TEST(allocations == 0U);
  timer_node node;
  laws::timers::arm_at(timers, node, 1);
  BOOST_TEST(allocations == 1U);
  timers.disarm(node);
}

BOOST_AUTO_TEST_CASE(steady_use_allocates_nothing) {
  heap<> timers;
  std::vector<timer_node> nodes(61);
  const auto round = [&] {
    for (auto& node : nodes) laws::timers::arm_at(timers, node, 5);
    timers.expire(time_point{5}, laws::timers::ignore);
  };
  round();
  allocations = 0;
  for (int i = 0; i < 100; ++i) round();
  BOOST_TEST(allocations == 0U);
}

BOOST_AUTO_TEST_CASE(room_doubles) {
  allocations = 0;
  heap<> timers;
  std::vector<timer_node> nodes(100'000);
  for (auto& node : nodes) laws::timers::arm_at(timers, node, 5);
  BOOST_TEST(allocations == 12U);  // 64 entries doubled eleven times
  timers.expire(time_point{5}, laws::timers::ignore);
}

BOOST_AUTO_TEST_CASE(an_arm_without_memory_is_refused_and_holds_nothing) {
  heap<{.first = 2}> timers;
  std::vector<timer_node> nodes(3);
  out_of_memory = true;
  const auto first = timers.arm(nodes[0]);
  out_of_memory = false;
  BOOST_REQUIRE(!first);
  BOOST_TEST((first.error() == std::errc::not_enough_memory));
  BOOST_TEST(!nodes[0].armed);
  BOOST_TEST(timers.size() == 0U);

  laws::timers::arm_at(timers, nodes[0], 1);
  laws::timers::arm_at(timers, nodes[1], 2);
  out_of_memory = true;
  const auto third = timers.arm(nodes[2]);
  out_of_memory = false;
  BOOST_REQUIRE(!third);
  BOOST_TEST(!nodes[2].armed);
  BOOST_TEST((laws::timers::fired_at(timers, nodes, time_point{9}) == laws::timers::order{0, 1}));
}

BOOST_AUTO_TEST_CASE(an_arm_beyond_the_limit_is_refused_until_another_is_gone) {
  heap<{.first = 2, .limit = 3}> timers;
  std::vector<timer_node> nodes(4);
  for (std::size_t i = 0; i < 3; ++i) laws::timers::arm_at(timers, nodes[i], 1);
  const auto refused = timers.arm(nodes[3]);
  BOOST_REQUIRE(!refused);
  BOOST_TEST((refused.error() == std::errc::not_enough_memory));
  timers.disarm(nodes[1]);
  laws::timers::arm_at(timers, nodes[3], 1);
  BOOST_TEST((laws::timers::fired_at(timers, nodes, time_point{1}) == laws::timers::order{0, 2, 3}));
}

BOOST_AUTO_TEST_CASE(what_waits_for_a_later_call_has_its_room) {
  heap<{.first = 2, .limit = 2}> timers;
  std::vector<timer_node> nodes(3);
  laws::timers::arm_at(timers, nodes[0], 1);
  timers.expire(time_point{5}, [&](timer_node&) {
    laws::timers::arm_at(timers, nodes[0], 1);
    laws::timers::arm_at(timers, nodes[1], 9);
    BOOST_TEST(!timers.arm(nodes[2]).has_value());
  });
  BOOST_TEST((laws::timers::fired_at(timers, nodes, time_point{9}) == laws::timers::order{0, 1}));
}

BOOST_AUTO_TEST_CASE(the_next_deadline_is_exact) {
  heap<> timers;
  std::vector<timer_node> nodes(2);
  laws::timers::arm_at(timers, nodes[0], 20);
  laws::timers::arm_at(timers, nodes[1], 10);
  BOOST_TEST((timers.next() == time_point{10}));
  timers.disarm(nodes[1]);
  BOOST_TEST((timers.next() == time_point{20}));
  timers.disarm(nodes[0]);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
