// SPDX-License-Identifier: MIT
#include <laws/stack.hpp>
#include <sluice/os/linux_memory.hpp>
#include <sluice/os/memcheck.hpp>
#include <sluice/stack/guarded.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <string>
#include <system_error>
#include <vector>

using sluice::result;
using sluice::stack_span;
using sluice::system_error;
using sluice::os::linux_memory;
using sluice::stack::guarded;

namespace {

/// Counts calls and answers as the test says; one script at a time.
struct scripted : linux_memory {
  static inline int maps = 0, unmaps = 0, protects = 0, guards_asked = 0, no_huge_page = 0, given_back = 0;
  static inline int map_error = 0, guard_error = 0, protect_error = 0, no_huge_page_error = 0;
  static inline std::size_t map_limit = SIZE_MAX, largest_map = 0;
  static inline std::size_t mapped_bytes = 0;
  static inline std::atomic<guard_support> known{guard_support::unknown};

  static void reset() {
    maps = unmaps = protects = guards_asked = no_huge_page = given_back = 0;
    map_error = guard_error = protect_error = no_huge_page_error = 0;
    map_limit = SIZE_MAX;
    largest_map = mapped_bytes = 0;
    known = guard_support::unknown;
  }

  static auto map(std::size_t bytes) noexcept -> result<std::byte*> {
    ++maps;
    if (map_error != 0) return system_error(map_error);
    if (bytes > map_limit) return system_error(ENOMEM);
    largest_map = std::max(largest_map, bytes);
    mapped_bytes += bytes;
    return linux_memory::map(bytes);
  }
  static auto unmap(std::byte* memory, std::size_t bytes) noexcept -> result<void> {
    ++unmaps;
    mapped_bytes -= bytes;
    return linux_memory::unmap(memory, bytes);
  }
  static auto protect_none(std::byte* memory, std::size_t bytes) noexcept -> result<void> {
    ++protects;
    if (protect_error != 0) return system_error(protect_error);
    return linux_memory::protect_none(memory, bytes);
  }
  static auto advise(std::byte* memory, std::size_t bytes, int advice) noexcept -> result<void> {
    if (advice == advice_guard_install) {
      ++guards_asked;
      return guard_error != 0 ? result<void>{system_error(guard_error)} : linux_memory::advise(memory, bytes, advice);
    }
    if (advice == advice_no_huge_page) {
      ++no_huge_page;
      if (no_huge_page_error != 0) return system_error(no_huge_page_error);
    }
    if (advice == advice_give_back) ++given_back;
    return linux_memory::advise(memory, bytes, advice);
  }
  static auto guard_install(std::byte* memory, std::size_t bytes) noexcept -> result<void> {
    return linux_memory::guard_install<scripted>(memory, bytes, known);
  }
};

struct fresh_script {
  fresh_script() { scripted::reset(); }
  ~fresh_script() { BOOST_TEST(scripted::mapped_bytes == 0U); }
};

/// Guards as kernels before 6.13 have them.
struct old_kernel : linux_memory {
  static inline std::atomic<guard_support> known{guard_support::unknown};
  static auto advise(std::byte* memory, std::size_t bytes, int advice) noexcept -> result<void> {
    return advice == advice_guard_install ? result<void>{system_error(EINVAL)} : linux_memory::advise(memory, bytes, advice);
  }
  static auto guard_install(std::byte* memory, std::size_t bytes) noexcept -> result<void> {
    return linux_memory::guard_install<old_kernel>(memory, bytes, known);
  }
};

auto mappings_of_process() -> std::size_t {
  std::ifstream maps{"/proc/self/maps"};
  std::size_t lines = 0;
  for (std::string line; std::getline(maps, line);) ++lines;
  return lines;
}

auto mappings_allowed() -> std::size_t {
  std::size_t count = 0;
  std::ifstream{"/proc/sys/vm/max_map_count"} >> count;
  return count;
}

/// Whether the kernel keeps guards without mappings; found out by installing one.
auto kernel_has_guards() -> bool {
  guarded<> policy;
  return policy.allocate() && linux_memory::guards() == linux_memory::guard_support::advice;
}

/// Valgrind ends a program that has some 30,000 mappings.
auto under_valgrind() -> bool {
#if defined(RUNNING_ON_VALGRIND)
  return RUNNING_ON_VALGRIND != 0;
#else
  return false;
#endif
}

constexpr bool sanitized = sluice::detail::address_sanitizer || sluice::detail::thread_sanitizer;

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(stack)
BOOST_AUTO_TEST_SUITE(guarded_)

BOOST_AUTO_TEST_SUITE(plain)
static const bool plain_laws_added = laws::add_stack_laws<guarded<>>();
BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(small_with_wide_guard)
static const bool small_laws_added = laws::add_stack_laws<guarded<{.bytes = 20'000, .guard = 10'000, .pool = 0}>>();
BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(guards_by_mappings)
static const bool old_laws_added = laws::add_stack_laws<guarded<{}, old_kernel>>();
BOOST_AUTO_TEST_SUITE_END()

#if __has_include(<valgrind/memcheck.h>)
BOOST_AUTO_TEST_SUITE(with_memcheck)
static const bool checked_laws_added = laws::add_stack_laws<guarded<{}, sluice::os::memcheck<linux_memory>>>();
BOOST_AUTO_TEST_SUITE_END()
#endif

BOOST_AUTO_TEST_CASE(bytes_are_rounded_up_to_pages) {
  guarded<{.bytes = 9000}> policy;
  BOOST_TEST(policy.allocate().value().bytes ==
             (9000 + linux_memory::page_bytes() - 1) / linux_memory::page_bytes() * linux_memory::page_bytes());
}

BOOST_FIXTURE_TEST_CASE(nothing_is_asked_of_the_system_before_the_first_stack, fresh_script) {
  const guarded<{}, scripted> policy;
  BOOST_TEST(scripted::maps == 0);
}

BOOST_FIXTURE_TEST_CASE(two_stacks_cost_one_mapping_and_two_guards, fresh_script) {
  guarded<{}, scripted> policy;
  const auto one = policy.allocate().value();
  const auto two = policy.allocate().value();
  policy.deallocate(one);
  policy.deallocate(two);
  BOOST_TEST(policy.allocate().has_value());
  BOOST_TEST(policy.allocate().has_value());
  policy.trim();
  BOOST_TEST(scripted::maps == 1);
  BOOST_TEST(scripted::no_huge_page == 0);
  BOOST_TEST(scripted::guards_asked + scripted::protects >= 2);
  BOOST_TEST(scripted::guards_asked <= 2);
  BOOST_TEST(scripted::given_back == 0);
  BOOST_TEST(scripted::unmaps == 0);
}

BOOST_FIXTURE_TEST_CASE(mappings_double_up_to_one_gibibyte, fresh_script) {
  guarded<{.bytes = std::size_t{8} << 20U}, scripted> policy;
  for (int i = 0; i != 1000; ++i) BOOST_TEST_REQUIRE(policy.allocate().has_value());
  // 16, 16, 32, 64 and then 127 or so at a time.
  BOOST_TEST(scripted::maps <= 12);
  BOOST_TEST(scripted::largest_map > std::size_t{900} << 20U);
  BOOST_TEST(scripted::largest_map <= (std::size_t{1} << 30U) + (std::size_t{2} << 20U));
}

BOOST_FIXTURE_TEST_CASE(no_memory_for_a_large_mapping_leads_to_a_smaller_one, fresh_script) {
  scripted::map_limit = 200 * 1024;
  guarded<{}, scripted> policy;
  for (int i = 0; i != 10; ++i) BOOST_TEST_REQUIRE(policy.allocate().has_value());
  BOOST_TEST(scripted::largest_map <= 200U * 1024);
}

BOOST_FIXTURE_TEST_CASE(no_memory_at_all_is_an_error_and_the_next_call_tries_again, fresh_script) {
  guarded<{}, scripted> policy;
  scripted::map_error = ENOMEM;
  const auto failed = policy.allocate();
  BOOST_TEST_REQUIRE(!failed.has_value());
  BOOST_TEST((failed.error() == std::errc::not_enough_memory));
  const auto large = policy.allocate(1'000'000);
  BOOST_TEST_REQUIRE(!large.has_value());
  BOOST_TEST((large.error() == std::errc::not_enough_memory));
  scripted::map_error = 0;
  BOOST_TEST(policy.allocate().has_value());
  BOOST_TEST(policy.allocate(1'000'000).has_value());
}

BOOST_FIXTURE_TEST_CASE(a_guard_that_is_refused_leaves_nothing_half_done, fresh_script) {
  guarded<{}, scripted> policy;
  const auto first = policy.allocate().value();
  scripted::guard_error = ENOMEM;
  scripted::protect_error = ENOMEM;
  for (int i = 0; i != 3; ++i) {
    const auto failed = policy.allocate();
    BOOST_TEST_REQUIRE(!failed.has_value());
    BOOST_TEST((failed.error() == std::errc::not_enough_memory));
  }
  const int unmaps = scripted::unmaps;
  BOOST_TEST(!policy.allocate(1'000'000).has_value());
  BOOST_TEST(scripted::unmaps == unmaps + 1);
  scripted::guard_error = scripted::protect_error = 0;
  const auto second = policy.allocate().value();
  BOOST_TEST(second.index == first.index + 1);
  BOOST_TEST((second.base > first.base));
  BOOST_TEST(scripted::maps == 2);
}

BOOST_FIXTURE_TEST_CASE(a_kernel_without_guards_is_asked_once, fresh_script) {
  scripted::guard_error = EINVAL;
  guarded<{}, scripted> policy;
  for (int i = 0; i != 20; ++i) BOOST_TEST_REQUIRE(policy.allocate().has_value());
  guarded<{}, scripted> another;
  BOOST_TEST_REQUIRE(another.allocate().has_value());
  BOOST_TEST(scripted::guards_asked == 1);
  BOOST_TEST(scripted::protects == 21);
}

BOOST_FIXTURE_TEST_CASE(a_mapping_that_could_hold_a_huge_page_is_kept_from_it, fresh_script) {
  guarded<{.bytes = 1024 * 1024}, scripted> policy;
  BOOST_TEST(policy.allocate().has_value());
  BOOST_TEST(scripted::maps == 1);
  BOOST_TEST(scripted::no_huge_page == 1);
}

BOOST_FIXTURE_TEST_CASE(a_kernel_without_huge_pages_is_as_good, fresh_script) {
  scripted::no_huge_page_error = EINVAL;
  guarded<{.bytes = 1024 * 1024}, scripted> policy;
  BOOST_TEST(policy.allocate().has_value());
  BOOST_TEST(scripted::no_huge_page == 1);
}

BOOST_FIXTURE_TEST_CASE(trim_gives_back_all_but_the_pool_and_only_once, fresh_script) {
  guarded<{.pool = 3}, scripted> policy;
  std::vector<stack_span> stacks;
  for (int i = 0; i != 10; ++i) {
    stacks.push_back(policy.allocate().value());
    stacks.back().base[stacks.back().bytes - 1] = std::byte{7};
  }
  for (const auto& stack : stacks) policy.deallocate(stack);
  BOOST_TEST(scripted::given_back == 0);
  policy.trim();
  BOOST_TEST(scripted::given_back == 7);
  policy.trim();
  BOOST_TEST(scripted::given_back == 7);
  // The most recently used ones are as they were.
  for (std::size_t at = 10; at-- != 0;) {
    const auto stack = policy.allocate().value();
    BOOST_TEST((stack.base == stacks[at].base));
    BOOST_TEST(policy.high_water(stack) == (at >= 7 ? linux_memory::page_bytes() : 0));
  }
  for (const auto& stack : stacks) policy.deallocate(stack);
  policy.trim();
  BOOST_TEST(scripted::given_back == 14);
}

BOOST_FIXTURE_TEST_CASE(a_few_large_stacks_are_kept_until_trim, fresh_script) {
  guarded<{}, scripted> policy;
  const auto one = policy.allocate(1'000'000).value();
  policy.deallocate(one);
  BOOST_TEST(scripted::unmaps == 0);
  BOOST_TEST((policy.allocate(900'000).value().base == one.base));
  BOOST_TEST(scripted::maps == 1);
  policy.deallocate(one);
  const auto small = policy.allocate(100'000).value();
  BOOST_TEST((small.base != one.base));
  policy.deallocate(small);
  policy.trim();
  BOOST_TEST(scripted::unmaps == 2);
  std::vector<stack_span> many;
  for (int i = 0; i != 100; ++i) many.push_back(policy.allocate(100'000).value());
  for (const auto& stack : many) policy.deallocate(stack);
  BOOST_TEST(scripted::unmaps == 2 + 92);
}

BOOST_AUTO_TEST_CASE(large_stacks_are_guarded) {
  guarded<> policy;
  const auto stack = policy.allocate(1'000'000).value();
  auto* const base = static_cast<volatile std::byte*>(stack.base);
  BOOST_TEST(laws::dies_of([&] { base[0] = std::byte{1}; }) == 0);
  BOOST_TEST(laws::dies_of([&] { base[-1] = std::byte{1}; }) == SIGSEGV);
  BOOST_TEST(policy.high_water(stack) == 0U);
  static_cast<volatile std::byte*>(stack.base + stack.bytes)[-600'000] = std::byte{1};
  BOOST_TEST(policy.high_water(stack) >= 600'000U);
  BOOST_TEST(policy.high_water(stack) < 600'000U + linux_memory::page_bytes());
}

BOOST_AUTO_TEST_CASE(a_touched_stack_takes_a_page_not_a_huge_one) {
  guarded<> policy;
  std::vector<stack_span> stacks;
  for (int i = 0; i != 200; ++i) stacks.push_back(policy.allocate().value());
  for (const auto& stack : stacks) stack.base[stack.bytes - 1] = std::byte{1};
  for (const auto& stack : stacks) BOOST_TEST_REQUIRE(policy.high_water(stack) == linux_memory::page_bytes());
}

BOOST_AUTO_TEST_CASE(stacks_stay_guarded_after_their_memory_was_given_back) {
  guarded<{.pool = 0}> policy;
  const auto stack = policy.allocate().value();
  stack.base[0] = std::byte{1};
  policy.deallocate(stack);
  policy.trim();
  const auto again = policy.allocate().value();
  BOOST_TEST((again.base == stack.base));
  BOOST_TEST((again.base[0] == std::byte{0}));
  auto* const base = static_cast<volatile std::byte*>(again.base);
  BOOST_TEST(laws::dies_of([&] { base[-1] = std::byte{1}; }) == SIGSEGV);
}

BOOST_AUTO_TEST_CASE(a_hundred_thousand_stacks_take_few_mappings) {
  if (!kernel_has_guards()) {
    BOOST_TEST_MESSAGE("skipped: this kernel has no guards without mappings (Linux 6.13)");
    return;
  }
  const auto before = mappings_of_process();
  {
    guarded<> policy;
    stack_span last;
    for (int i = 0; i != 100'000; ++i) {
      const auto stack = policy.allocate();
      BOOST_TEST_REQUIRE(stack.has_value());
      last = *stack;
    }
    BOOST_TEST(last.index == 99'999U);
    BOOST_TEST(mappings_of_process() < before + 50);
    auto* const base = static_cast<volatile std::byte*>(last.base);
    BOOST_TEST(laws::dies_of([&] { base[-1] = std::byte{1}; }) == SIGSEGV);
  }
  BOOST_TEST(mappings_of_process() < before + 10);
}

BOOST_AUTO_TEST_CASE(without_such_guards_the_limit_of_mappings_is_an_error) {
  if (sanitized || under_valgrind() || mappings_allowed() > 100'000 || mappings_allowed() < 2000) {
    BOOST_TEST_MESSAGE("skipped: a sanitizer or valgrind needs mappings itself, or the limit is not the usual one");
    return;
  }
  guarded<{}, old_kernel> policy;
  std::size_t count = 0;
  std::error_code end;
  while (count != mappings_allowed()) {
    const auto stack = policy.allocate();
    if (!stack) {
      end = stack.error();
      break;
    }
    ++count;
  }
  BOOST_TEST((end == std::errc::not_enough_memory));
  BOOST_TEST(count > mappings_allowed() / 2 - 1000);
  BOOST_TEST(count < mappings_allowed());
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
