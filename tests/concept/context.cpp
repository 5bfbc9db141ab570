// SPDX-License-Identifier: MIT
#include <sluice/concept/context.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <string_view>

namespace {

using sluice::context_entry;
using sluice::context_policy;
using sluice::policy_kind;
using sluice::stack_span;

struct good {
  static constexpr auto kind = policy_kind::context;
  static constexpr std::string_view name = "good";
  static constexpr std::size_t storage_bytes = 0;
  struct state {
    void* pointers[3];
  };
  static void attach(state&, void*) noexcept {}
  static void prepare(state&, stack_span, context_entry, void*) noexcept {}
  static void switch_to(state&, state&) noexcept {}
  static auto supported() noexcept -> bool { return true; }
};
static_assert(context_policy<good>);

struct of_another_kind : good {
  static constexpr auto kind = policy_kind::stack;
};
struct of_no_kind : good {
  static constexpr int kind = 2;
};
struct without_a_name : good {
  static constexpr int name = 0;
};
struct without_a_constructor : good {
  explicit without_a_constructor(int) {}
};
struct without_storage_bytes : good {
  static constexpr std::string_view storage_bytes = "none";
};
static_assert(!context_policy<of_another_kind>);
static_assert(!context_policy<of_no_kind>);
static_assert(!context_policy<without_a_name>);
static_assert(!context_policy<without_a_constructor>);
static_assert(!context_policy<without_storage_bytes>);

// Models over a state of their own.
template <class State>
struct over : good {
  using state = State;
  static void attach(state&, void*) noexcept {}
  static void prepare(state&, stack_span, context_entry, void*) noexcept {}
  static void switch_to(state&, state&) noexcept {}
};
struct small_state {
  void* pointer;
};
struct wide_state {
  void* pointers[4];
};
struct state_with_a_destructor {
  state_with_a_destructor() = default;
  state_with_a_destructor(const state_with_a_destructor&) {}
};
static_assert(context_policy<over<small_state>>);
static_assert(!context_policy<over<wide_state>>);
static_assert(!context_policy<over<state_with_a_destructor>>);

struct without_attach : good {
  void attach() = delete;
};
struct attach_that_throws : good {
  static void attach(state&, void*) {}
};
struct attach_with_a_result : good {
  static auto attach(state&, void*) noexcept -> bool { return true; }
};
struct without_prepare : good {
  void prepare() = delete;
};
struct prepare_that_throws : good {
  static void prepare(state&, stack_span, context_entry, void*) {}
};
struct prepare_for_another_entry : good {
  static void prepare(state&, stack_span, int (*)(int), void*) noexcept {}
};
struct prepare_with_a_result : good {
  static auto prepare(state&, stack_span, context_entry, void*) noexcept -> bool { return true; }
};
struct without_a_switch : good {
  void switch_to() = delete;
};
struct switch_that_throws : good {
  static void switch_to(state&, state&) {}
};
struct switch_by_member_function : good {
  void switch_to(state&, state&) noexcept {}
};
struct switch_with_a_result : good {
  static auto switch_to(state&, state&) noexcept -> void* { return nullptr; }
};
struct without_supported : good {
  void supported() = delete;
};
struct supported_that_throws : good {
  static auto supported() -> bool { return true; }
};
struct supported_by_number : good {
  static auto supported() noexcept -> int { return 1; }
};
static_assert(!context_policy<without_attach>);
static_assert(!context_policy<attach_that_throws>);
static_assert(!context_policy<attach_with_a_result>);
static_assert(!context_policy<without_prepare>);
static_assert(!context_policy<prepare_that_throws>);
static_assert(!context_policy<prepare_for_another_entry>);
static_assert(!context_policy<prepare_with_a_result>);
static_assert(!context_policy<without_a_switch>);
static_assert(!context_policy<switch_with_a_result>);
static_assert(!context_policy<switch_that_throws>);
static_assert(!context_policy<switch_by_member_function>);
static_assert(!context_policy<without_supported>);
static_assert(!context_policy<supported_that_throws>);
static_assert(!context_policy<supported_by_number>);
static_assert(!context_policy<int>);

}  // namespace

BOOST_AUTO_TEST_SUITE(concept_)
BOOST_AUTO_TEST_SUITE(context)

BOOST_AUTO_TEST_CASE(an_entry_is_a_plain_function_that_takes_the_argument) {
  static bool called;
  const context_entry entry = [](void* argument) noexcept { *static_cast<bool*>(argument) = true; };
  entry(&called);
  BOOST_TEST(called);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
