// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What every stack policy does, as function templates over the policy.

#include <laws/context.hpp>
#include <sluice/concept/stack.hpp>
#include <sluice/context/native.hpp>
#include <sluice/detail/sanitizer.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <system_error>
#include <vector>

#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

namespace laws {

/// How a law gets a policy that is ready to be used, and how many stacks it may ask for; specialise it for a policy that needs more than a
/// default constructor.
template <sluice::stack_policy Stack>
struct stack_model {
  static constexpr std::size_t most = 100;  ///< stacks that can be out at once
  static constexpr bool keeps = true;       ///< whether a stack taken back is the next one given
  Stack policy;
};

/// The signal that `touch` dies of in a child process; 0 if it returns.
template <class Touch>
auto dies_of(Touch&& touch) -> int {
  std::fflush(nullptr);  // else the child prints what the parent has not yet
  const ::pid_t child = ::fork();
  if (child == 0) {
    const ::rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    ::signal(SIGSEGV, SIG_DFL);
    ::signal(SIGBUS, SIG_DFL);
    touch();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

template <class Stack>
void a_stack_is_writable_from_end_to_end() {
  stack_model<Stack> model;
  const auto stack = model.policy.allocate();
  BOOST_TEST_REQUIRE(stack.has_value());
  BOOST_TEST(reinterpret_cast<std::uintptr_t>(stack->base) % 16 == 0U);
  BOOST_TEST(stack->bytes >= 4096U);
  std::fill_n(stack->base, stack->bytes, std::byte{0x5A});
  BOOST_TEST(std::count(stack->base, stack->base + stack->bytes, std::byte{0x5A}) == static_cast<std::ptrdiff_t>(stack->bytes));
  model.policy.deallocate(*stack);
}

template <class Stack>
void stacks_do_not_overlap() {
  stack_model<Stack> model;
  std::vector<sluice::stack_span> stacks;
  for (std::size_t i = 0; i != model.most; ++i) {
    const auto stack = model.policy.allocate();
    BOOST_TEST_REQUIRE(stack.has_value());
    stacks.push_back(*stack);
  }
  auto sorted = stacks;
  std::ranges::sort(sorted, {}, &sluice::stack_span::base);
  for (std::size_t i = 1; i < sorted.size(); ++i) BOOST_TEST_REQUIRE(sorted[i - 1].base + sorted[i - 1].bytes <= sorted[i].base);
  for (const auto& stack : stacks) model.policy.deallocate(stack);
}

template <class Stack>
void stacks_that_are_out_have_different_numbers() {
  stack_model<Stack> model;
  std::vector<sluice::stack_span> stacks;
  for (std::size_t i = 0; i != model.most; ++i) stacks.push_back(model.policy.allocate().value());
  std::vector<std::uint32_t> numbers;
  for (const auto& stack : stacks) numbers.push_back(stack.index);
  std::ranges::sort(numbers);
  BOOST_TEST((std::ranges::adjacent_find(numbers) == numbers.end()));
  for (const auto& stack : stacks) model.policy.deallocate(stack);
}

template <class Stack>
void the_last_one_taken_back_is_given_first() {
  stack_model<Stack> model;
  if constexpr (!stack_model<Stack>::keeps) return;
  const auto one = model.policy.allocate().value();
  const auto two = model.policy.allocate().value();
  const auto three = model.policy.allocate().value();
  model.policy.deallocate(one);
  model.policy.deallocate(three);
  model.policy.deallocate(two);
  for (const auto& expected : {two, three, one}) {
    const auto given = model.policy.allocate().value();
    BOOST_TEST(given.base == expected.base);
    BOOST_TEST(given.bytes == expected.bytes);
    BOOST_TEST(given.index == expected.index);
  }
  for (const auto& stack : {one, two, three}) model.policy.deallocate(stack);
}

template <class Stack>
void any_order_of_giving_and_taking_is_fine() {
  stack_model<Stack> model;
  std::vector<sluice::stack_span> out;
  std::uint32_t random = 12345;
  for (int step = 0; step != 5000; ++step) {
    random = random * 1664525U + 1013904223U;
    if (out.size() < model.most && (out.empty() || (random >> 16U) % 2 == 0)) {
      const auto stack = model.policy.allocate();
      BOOST_TEST_REQUIRE(stack.has_value());
      for (const auto& other : out) BOOST_TEST_REQUIRE(other.base != stack->base);
      stack->base[stack->bytes - 1] = std::byte{1};
      out.push_back(*stack);
    } else {
      std::swap(out[(random >> 8U) % out.size()], out.back());
      model.policy.deallocate(out.back());
      out.pop_back();
    }
  }
  for (const auto& stack : out) model.policy.deallocate(stack);
}

template <class Stack>
void a_fiber_runs_on_a_stack_again_and_again() {
  stack_model<Stack> model;
  int runs = 0;
  for (int i = 0; i != 50; ++i) {
    const auto stack = model.policy.allocate().value();
    {
      fiber<sluice::context::native> one{[&](auto& self) {
                                           volatile char frame[2000] = {};
                                           frame[1000] = 1;
                                           self.yield();
                                           runs += frame[1000];
                                         },
                                         stack};
      one.resume();
      if (i % 2 == 0) one.resume();  // the others are never resumed, their frames never returned from
    }
    model.policy.deallocate(stack);
    // Nothing of the frames that were left there is held against the next user.
    const auto next = model.policy.allocate().value();
    std::fill_n(next.base + next.bytes - 4096, 4096, std::byte{0});
    model.policy.deallocate(next);
  }
  BOOST_TEST(runs == 25);
}

template <class Stack>
void destroying_the_policy_frees_stacks_that_are_out() {
  const auto used = [] {
    stack_model<Stack> model;
    const auto stack = model.policy.allocate().value();
    stack.base[0] = std::byte{1};
    if constexpr (!stack_model<Stack>::keeps) model.policy.deallocate(stack);
    return stack.bytes;
  };
  BOOST_TEST(used() == used());
}

template <class Stack>
void a_stack_of_another_size_has_at_least_that() {
  stack_model<Stack> model;
  std::vector<sluice::stack_span> out;
  for (const std::size_t bytes :
       {std::size_t{0}, std::size_t{1}, std::size_t{5000}, std::size_t{100'000}, std::size_t{1} << 20U, (std::size_t{3} << 20U) + 1}) {
    const auto stack = model.policy.allocate(bytes);
    BOOST_TEST_REQUIRE(stack.has_value());
    BOOST_TEST(stack->bytes >= bytes);
    BOOST_TEST(reinterpret_cast<std::uintptr_t>(stack->base) % 16 == 0U);
    std::fill_n(stack->base, stack->bytes, std::byte{1});
    for (const auto& other : out) BOOST_TEST(other.index != stack->index);
    out.push_back(*stack);
  }
  for (const auto& stack : out) model.policy.deallocate(stack);
}

template <class Stack>
void a_stack_larger_than_memory_is_an_error() {
  stack_model<Stack> model;
  for (const std::size_t bytes : {SIZE_MAX, SIZE_MAX - 4096, SIZE_MAX / 2 + 1, SIZE_MAX / 2 - 65536, std::size_t{1} << 50U}) {
    const auto stack = model.policy.allocate(bytes);
    BOOST_TEST_REQUIRE(!stack.has_value());
    BOOST_TEST((stack.error() == std::errc::not_enough_memory));
  }
  const auto stack = model.policy.allocate();
  BOOST_TEST_REQUIRE(stack.has_value());
  model.policy.deallocate(*stack);
}

template <class Stack>
void touching_the_guard_faults() {
  stack_model<Stack> model;
  // The second use of a stack is as guarded as the first.
  for (int use = 0; use != 2; ++use) {
    const auto stack = model.policy.allocate().value();
    auto* const base = static_cast<volatile std::byte*>(stack.base);
    BOOST_TEST(dies_of([&] { base[0] = std::byte{1}; }) == 0);
    BOOST_TEST(dies_of([&] { base[-1] = std::byte{1}; }) == SIGSEGV);
    BOOST_TEST(dies_of([&] { base[-static_cast<std::ptrdiff_t>(Stack::guard_bytes)] = std::byte{1}; }) == SIGSEGV);
    BOOST_TEST(dies_of([&] { (void)base[-1]; }) == SIGSEGV);
    model.policy.deallocate(stack);
    if constexpr (sluice::trimmable_stack_policy<Stack>) model.policy.trim();
  }
}

template <class Stack>
void running_over_the_end_faults() {
  stack_model<Stack> model;
  const auto stack = model.policy.allocate().value();
  fiber<sluice::context::native> one{[&](auto& self) { descend<sluice::context::native>(self, 1U << 30U); }, stack};
  BOOST_TEST(dies_of([&] { one.resume(); }) == SIGSEGV);
}

template <class Stack>
void high_water_follows_the_deepest_touch() {
  stack_model<Stack> model;
  const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  const auto stack = model.policy.allocate().value();
  BOOST_TEST(model.policy.high_water(stack) == 0U);
  // At least what was touched, and no more than the pages that it lies in.
  const auto is_within_a_page_of = [&](std::size_t touched) {
    const auto told = model.policy.high_water(stack);
    BOOST_TEST(told >= touched);
    BOOST_TEST(told <= (touched + page - 1) / page * page);
  };
  auto* const top = static_cast<volatile std::byte*>(stack.base + stack.bytes);
  top[-1] = std::byte{1};
  is_within_a_page_of(1);
  top[-static_cast<std::ptrdiff_t>(3 * page)] = std::byte{1};
  is_within_a_page_of(3 * page);
  stack.base[0] = std::byte{1};
  BOOST_TEST(model.policy.high_water(stack) == stack.bytes);
  model.policy.deallocate(stack);
}

template <class Stack>
void the_usual_size_is_as_promised() {
  stack_model<Stack> model;
  for (int use = 0; use != 2; ++use) {
    const auto stack = model.policy.allocate().value();
    if constexpr (requires { Stack::least_bytes; }) BOOST_TEST(stack.bytes >= Stack::least_bytes);
    if constexpr (requires { Stack::usual_bytes; }) BOOST_TEST((Stack::usual_bytes == 0 || stack.bytes == Stack::usual_bytes));
    model.policy.deallocate(stack);
  }
}

/// A fiber may still run on a stack that is kept.
template <class Stack>
void what_is_kept_stays_as_it_is() {
  stack_model<Stack> model;
  std::vector<sluice::stack_span> stacks;
  for (std::size_t i = 0; i != model.most; ++i) {
    stacks.push_back(model.policy.allocate().value());
    std::fill_n(stacks.back().base, stacks.back().bytes, std::byte{0x5A});
  }
  if constexpr (sluice::sized_stack_policy<Stack>) {
    const auto large = model.policy.allocate(stacks.front().bytes + 1).value();
    BOOST_TEST(!model.policy.keeps(large));
    model.policy.deallocate(large);
  }
  for (const auto& stack : stacks) {
    BOOST_TEST_REQUIRE(model.policy.keeps(stack));
    model.policy.deallocate(stack);
  }
  for (const auto& stack : stacks)
    BOOST_TEST(std::count(stack.base, stack.base + stack.bytes, std::byte{0x5A}) == static_cast<std::ptrdiff_t>(stack.bytes));
}

/// Adds all laws that apply to the suite that stands open where this is called from a static initialiser.
template <class Stack>
auto add_stack_laws() -> bool {
  auto& suite = boost::unit_test::framework::current_auto_test_suite();
#define SLUICE_LAW(law) suite.add(BOOST_TEST_CASE_NAME(&law<Stack>, #law))
  SLUICE_LAW(a_stack_is_writable_from_end_to_end);
  SLUICE_LAW(stacks_do_not_overlap);
  SLUICE_LAW(stacks_that_are_out_have_different_numbers);
  SLUICE_LAW(the_last_one_taken_back_is_given_first);
  SLUICE_LAW(any_order_of_giving_and_taking_is_fine);
  SLUICE_LAW(a_fiber_runs_on_a_stack_again_and_again);
  SLUICE_LAW(destroying_the_policy_frees_stacks_that_are_out);
  SLUICE_LAW(the_usual_size_is_as_promised);
  if constexpr (sluice::lasting_stack_policy<Stack>) SLUICE_LAW(what_is_kept_stays_as_it_is);
  if constexpr (sluice::sized_stack_policy<Stack>) {
    SLUICE_LAW(a_stack_of_another_size_has_at_least_that);
    SLUICE_LAW(a_stack_larger_than_memory_is_an_error);
  }
  if constexpr (sluice::guarded_stack_policy<Stack>) {
    SLUICE_LAW(touching_the_guard_faults);
    SLUICE_LAW(running_over_the_end_faults);
  }
  if constexpr (sluice::measured_stack_policy<Stack>) SLUICE_LAW(high_water_follows_the_deepest_touch);
#undef SLUICE_LAW
  return true;
}

}  // namespace laws
