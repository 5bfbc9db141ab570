// SPDX-License-Identifier: MIT
#include <sluice/concept/stack.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <string_view>

namespace {

using sluice::policy_kind;
using sluice::result;
using sluice::stack_policy;
using sluice::stack_span;

struct good {
  static constexpr auto kind = policy_kind::stack;
  static constexpr std::string_view name = "good";
  auto allocate() noexcept -> result<stack_span> { return stack_span{}; }
  void deallocate(stack_span) noexcept {}
};
static_assert(stack_policy<good>);

struct of_another_kind : good {
  static constexpr auto kind = policy_kind::timers;
};
struct of_no_kind : good {
  static constexpr int kind = 1;
};
struct without_a_name : good {
  static constexpr int name = 0;
};
struct without_a_constructor : good {
  explicit without_a_constructor(int) {}
};
struct without_allocate : good {
  void allocate() = delete;
};
struct allocate_that_throws : good {
  auto allocate() -> result<stack_span> { return stack_span{}; }
};
struct allocate_without_error : good {
  auto allocate() noexcept -> stack_span { return {}; }
};
struct without_deallocate : good {
  void deallocate() = delete;
};
struct deallocate_that_throws : good {
  void deallocate(stack_span) {}
};
struct deallocate_with_a_result : good {
  auto deallocate(stack_span) noexcept -> bool { return true; }
};
struct deallocate_by_pointer : good {
  void deallocate(std::byte*) noexcept {}
};
static_assert(!stack_policy<of_another_kind>);
static_assert(!stack_policy<of_no_kind>);
static_assert(!stack_policy<without_a_name>);
static_assert(!stack_policy<without_a_constructor>);
static_assert(!stack_policy<without_allocate>);
static_assert(!stack_policy<allocate_that_throws>);
static_assert(!stack_policy<allocate_without_error>);
static_assert(!stack_policy<without_deallocate>);
static_assert(!stack_policy<deallocate_that_throws>);
static_assert(!stack_policy<deallocate_with_a_result>);
static_assert(!stack_policy<deallocate_by_pointer>);
static_assert(!stack_policy<int>);

struct sized : good {
  using good::allocate;
  auto allocate(std::size_t) noexcept -> result<stack_span> { return stack_span{}; }
};
struct sized_that_throws : good {
  using good::allocate;
  auto allocate(std::size_t) -> result<stack_span> { return stack_span{}; }
};
struct sized_without_error : good {
  using good::allocate;
  auto allocate(std::size_t) noexcept -> stack_span { return {}; }
};
struct sized_only : good {
  auto allocate(std::size_t) noexcept -> result<stack_span> { return stack_span{}; }
};
static_assert(sluice::sized_stack_policy<sized>);
static_assert(!sluice::sized_stack_policy<good>);
static_assert(!sluice::sized_stack_policy<sized_that_throws>);
static_assert(!sluice::sized_stack_policy<sized_without_error>);
static_assert(!sluice::sized_stack_policy<sized_only>);

struct guarded : good {
  static constexpr std::size_t guard_bytes = 4096;
};
struct guarded_by_nothing : good {
  static constexpr std::size_t guard_bytes = 0;
};
struct guarded_by_a_text : good {
  static constexpr std::string_view guard_bytes = "a page";
};
static_assert(sluice::guarded_stack_policy<guarded>);
static_assert(!sluice::guarded_stack_policy<good>);
static_assert(!sluice::guarded_stack_policy<guarded_by_nothing>);
static_assert(!sluice::guarded_stack_policy<guarded_by_a_text>);

struct trimmable : good {
  void trim() noexcept {}
};
struct trim_that_throws : good {
  void trim() {}
};
struct trim_with_a_result : good {
  auto trim() noexcept -> std::size_t { return 0; }
};
static_assert(sluice::trimmable_stack_policy<trimmable>);
static_assert(!sluice::trimmable_stack_policy<good>);
static_assert(!sluice::trimmable_stack_policy<trim_that_throws>);
static_assert(!sluice::trimmable_stack_policy<trim_with_a_result>);

struct measured : good {
  auto high_water(stack_span) noexcept -> std::size_t { return 0; }
};
struct measure_that_throws : good {
  auto high_water(stack_span) -> std::size_t { return 0; }
};
struct measure_in_pages : good {
  auto high_water(stack_span) noexcept -> int { return 0; }
};
static_assert(sluice::measured_stack_policy<measured>);
static_assert(!sluice::measured_stack_policy<good>);
static_assert(!sluice::measured_stack_policy<measure_that_throws>);
static_assert(!sluice::measured_stack_policy<measure_in_pages>);

struct lasting : good {
  auto keeps(const stack_span&) const noexcept -> bool { return true; }
};
struct lasting_that_throws : good {
  auto keeps(const stack_span&) const -> bool { return true; }
};
struct lasting_that_counts : good {
  auto keeps(const stack_span&) const noexcept -> int { return 1; }
};
struct lasting_that_changes : good {
  auto keeps(const stack_span&) noexcept -> bool { return true; }
};
static_assert(sluice::lasting_stack_policy<lasting>);
static_assert(!sluice::lasting_stack_policy<good>);
static_assert(!sluice::lasting_stack_policy<lasting_that_throws>);
static_assert(!sluice::lasting_stack_policy<lasting_that_counts>);
static_assert(!sluice::lasting_stack_policy<lasting_that_changes>);

// None of the refinements stands without the policy itself.
struct all_but_a_policy {
  static constexpr std::size_t guard_bytes = 4096;
  auto allocate(std::size_t) noexcept -> result<stack_span> { return stack_span{}; }
  void trim() noexcept {}
  auto high_water(stack_span) noexcept -> std::size_t { return 0; }
  auto keeps(const stack_span&) const noexcept -> bool { return true; }
};
static_assert(!sluice::lasting_stack_policy<all_but_a_policy>);
static_assert(!sluice::sized_stack_policy<all_but_a_policy> && !sluice::guarded_stack_policy<all_but_a_policy>);
static_assert(all_but_a_policy::guard_bytes > 0 && !sluice::trimmable_stack_policy<all_but_a_policy> &&
              !sluice::measured_stack_policy<all_but_a_policy>);

}  // namespace

BOOST_AUTO_TEST_SUITE(concept_)
BOOST_AUTO_TEST_SUITE(stack)

BOOST_AUTO_TEST_CASE(a_new_span_is_no_stack) {
  constexpr stack_span none;
  BOOST_TEST(none.base == nullptr);
  BOOST_TEST(none.bytes == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
