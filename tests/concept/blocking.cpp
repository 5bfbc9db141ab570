// SPDX-License-Identifier: MIT
#include <sluice/blocking/threads.hpp>
#include <sluice/concept/blocking.hpp>

#include <boost/test/unit_test.hpp>

#include <string_view>

namespace {

using sluice::blocking_job;
using sluice::blocking_policy;
using sluice::policy_kind;
using sluice::result;

struct good {
  static constexpr auto kind = policy_kind::blocking;
  static constexpr std::string_view name = "good";
  auto submit(blocking_job&) noexcept -> result<void> { return {}; }
  auto withdraw(blocking_job&) noexcept -> bool { return true; }
};
static_assert(blocking_policy<good>);
static_assert(blocking_policy<sluice::blocking::threads<{.threads = 2}>>);

struct of_another_kind : good {
  static constexpr auto kind = policy_kind::trace;
};
struct without_a_name : good {
  static constexpr int name = 0;
};
struct without_a_constructor : good {
  explicit without_a_constructor(int) {}
};
struct without_submit : good {
  void submit() = delete;
};
struct submit_that_throws : good {
  auto submit(blocking_job&) -> result<void> { return {}; }
};
struct submit_without_error : good {
  void submit(blocking_job&) noexcept {}
};
struct without_withdraw : good {
  void withdraw() = delete;
};
struct withdraw_that_throws : good {
  auto withdraw(blocking_job&) -> bool { return true; }
};
struct withdraw_without_answer : good {
  void withdraw(blocking_job&) noexcept {}
};

static_assert(!blocking_policy<of_another_kind>);
static_assert(!blocking_policy<without_a_name>);
static_assert(!blocking_policy<without_a_constructor>);
static_assert(!blocking_policy<without_submit>);
static_assert(!blocking_policy<submit_that_throws>);
static_assert(!blocking_policy<submit_without_error>);
static_assert(!blocking_policy<without_withdraw>);
static_assert(!blocking_policy<withdraw_that_throws>);
static_assert(!blocking_policy<withdraw_without_answer>);
static_assert(!blocking_policy<int>);

}  // namespace

BOOST_AUTO_TEST_SUITE(concepts)

BOOST_AUTO_TEST_CASE(blocking) { BOOST_TEST(blocking_policy<good>); }

BOOST_AUTO_TEST_SUITE_END()
