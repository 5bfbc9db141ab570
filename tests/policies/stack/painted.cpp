// SPDX-License-Identifier: MIT
#include <laws/stack.hpp>
#include <sluice/stack/guarded.hpp>
#include <sluice/stack/heap.hpp>
#include <sluice/stack/painted.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>

using sluice::stack::painted;

template <auto O, class Os>
struct laws::stack_model<painted<sluice::stack::heap<O, Os>>> {
  static constexpr std::size_t most = 100;
  static constexpr bool keeps = false;  // that is the allocator's business
  painted<sluice::stack::heap<O, Os>> policy;
};

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(stack)
BOOST_AUTO_TEST_SUITE(painted_)

BOOST_AUTO_TEST_SUITE(on_guarded)
static const bool guarded_laws_added = laws::add_stack_laws<painted<>>();
BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(on_heap)
static const bool heap_laws_added = laws::add_stack_laws<painted<sluice::stack::heap<>>>();
BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(what_was_written_is_measured_to_the_byte) {
  painted<> policy;
  const auto stack = policy.allocate().value();
  BOOST_TEST(policy.high_water(stack) == 0U);
  for (const std::size_t used : {1U, 17U, 4096U, 5000U}) {
    stack.base[stack.bytes - used] = std::byte{1};
    BOOST_TEST(policy.high_water(stack) == used);
  }
  stack.base[0] = std::byte{};
  BOOST_TEST(policy.high_water(stack) == stack.bytes);
  policy.deallocate(stack);
  // The next one is as new.
  const auto again = policy.allocate().value();
  BOOST_TEST(again.base == stack.base);
  BOOST_TEST(policy.high_water(again) == 0U);
  const auto large = policy.allocate(1'000'000).value();
  BOOST_TEST(policy.high_water(large) == 0U);
  policy.deallocate(large);
  policy.deallocate(again);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
