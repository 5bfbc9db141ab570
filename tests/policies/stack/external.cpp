// SPDX-License-Identifier: MIT
#include <laws/stack.hpp>
#include <sluice/os/linux_memory.hpp>
#include <sluice/os/memcheck.hpp>
#include <sluice/stack/external.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <system_error>

using sluice::stack::external;

namespace {
alignas(64) constinit std::array<std::byte, 8 * 128 * 1024> eight_stacks{};
alignas(64) constinit std::byte two_stacks[2 * 8192]{};
}  // namespace

/// The storage lives as long as the model.
template <std::size_t N, class Os>
struct laws::stack_model<external<N, nullptr, Os>> {
  static constexpr std::size_t most = N;
  static constexpr bool keeps = true;
  std::unique_ptr<std::byte[]> storage{new std::byte[N * 128 * 1024 + 64]};
  external<N, nullptr, Os> policy;
  stack_model() { BOOST_TEST_REQUIRE(policy.bind({storage.get(), N * 128 * 1024 + 64}).has_value()); }
};

template <std::size_t N, auto Storage>
  requires(Storage != nullptr)
struct laws::stack_model<external<N, Storage>> {
  static constexpr std::size_t most = N;
  static constexpr bool keeps = true;
  external<N, Storage> policy;
};

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(stack)
BOOST_AUTO_TEST_SUITE(external_)

BOOST_AUTO_TEST_SUITE(bound)
static const bool bound_laws_added = laws::add_stack_laws<external<8>>();
BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(named)
static const bool named_laws_added = laws::add_stack_laws<external<8, &eight_stacks>>();
BOOST_AUTO_TEST_SUITE_END()

#if __has_include(<valgrind/memcheck.h>)
BOOST_AUTO_TEST_SUITE(with_memcheck)
static const bool checked_laws_added = laws::add_stack_laws<external<8, nullptr, sluice::os::memcheck<sluice::os::linux_memory>>>();
BOOST_AUTO_TEST_SUITE_END()
#endif

BOOST_AUTO_TEST_CASE(without_storage_there_is_no_stack) {
  external<4> policy;
  const auto stack = policy.allocate();
  BOOST_TEST_REQUIRE(!stack.has_value());
  BOOST_TEST((stack.error() == std::errc::not_enough_memory));
}

BOOST_AUTO_TEST_CASE(the_stack_after_the_last_is_an_error) {
  external<2, &two_stacks> policy;
  const auto one = policy.allocate();
  const auto two = policy.allocate();
  BOOST_TEST_REQUIRE((one && two));
  const auto three = policy.allocate();
  BOOST_TEST_REQUIRE(!three.has_value());
  BOOST_TEST((three.error() == std::errc::not_enough_memory));
  policy.deallocate(*one);
  BOOST_TEST((policy.allocate().value().base == one->base));
}

BOOST_AUTO_TEST_CASE(stacks_lie_in_the_storage_and_share_it_evenly) {
  external<2, &two_stacks> policy;
  const auto one = policy.allocate().value();
  const auto two = policy.allocate().value();
  BOOST_TEST((one.base == &two_stacks[0]));
  BOOST_TEST((two.base == &two_stacks[8192]));
  BOOST_TEST(one.bytes == 8192U);
  BOOST_TEST(two.bytes == 8192U);
}

BOOST_AUTO_TEST_CASE(storage_named_in_the_type_serves_one_instance_at_a_time) {
  {
    external<2, &two_stacks> first;
    external<2, &two_stacks> second;
    BOOST_TEST(first.allocate().has_value());
    BOOST_TEST(!second.allocate().has_value());
  }
  external<2, &two_stacks> third;
  BOOST_TEST(third.allocate().has_value());
}

BOOST_AUTO_TEST_CASE(storage_that_is_too_small_is_refused) {
  external<4> policy;
  std::array<std::byte, 4 * external<4>::least_bytes - 1> storage;
  const auto bound = policy.bind(storage);
  BOOST_TEST_REQUIRE(!bound.has_value());
  BOOST_TEST((bound.error() == std::errc::invalid_argument));
  BOOST_TEST(!policy.bind({}).has_value());
  BOOST_TEST(!policy.allocate().has_value());
}

BOOST_AUTO_TEST_CASE(storage_is_not_replaced_while_a_stack_is_out) {
  external<2> policy;
  BOOST_TEST_REQUIRE(policy.bind(two_stacks).has_value());
  const auto stack = policy.allocate().value();
  const auto bound = policy.bind(eight_stacks);
  BOOST_TEST_REQUIRE(!bound.has_value());
  BOOST_TEST((bound.error() == std::errc::device_or_resource_busy));
  policy.deallocate(stack);
  BOOST_TEST(policy.bind(eight_stacks).has_value());
  BOOST_TEST(policy.allocate().value().bytes == eight_stacks.size() / 2);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
