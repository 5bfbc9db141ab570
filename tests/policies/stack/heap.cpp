// SPDX-License-Identifier: MIT
#include <laws/stack.hpp>
#include <sluice/os/linux_memory.hpp>
#include <sluice/os/memcheck.hpp>
#include <sluice/stack/heap.hpp>

#include <boost/test/unit_test.hpp>

template <auto O, class Os>
struct laws::stack_model<sluice::stack::heap<O, Os>> {
  static constexpr std::size_t most = 100;
  static constexpr bool keeps = false;  // that is the allocator's business
  sluice::stack::heap<O, Os> policy;
};

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(stack)
BOOST_AUTO_TEST_SUITE(heap)

static const bool laws_added = laws::add_stack_laws<sluice::stack::heap<>>();

BOOST_AUTO_TEST_CASE(bytes_are_rounded_up_to_a_multiple_of_64) {
  sluice::stack::heap<{.bytes = 5000}> policy;
  const auto stack = policy.allocate().value();
  BOOST_TEST(stack.bytes == 5056U);
  policy.deallocate(stack);
}

#if __has_include(<valgrind/memcheck.h>)
BOOST_AUTO_TEST_SUITE(with_memcheck)
static const bool checked_laws_added = laws::add_stack_laws<sluice::stack::heap<{}, sluice::os::memcheck<sluice::os::linux_memory>>>();
BOOST_AUTO_TEST_SUITE_END()
#endif

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
