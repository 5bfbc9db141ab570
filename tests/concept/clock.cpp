// SPDX-License-Identifier: MIT
#include <sluice/concept/clock.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>

namespace {

using sluice::clock_kind;
using sluice::time_point;

struct good {
  static auto now(clock_kind) noexcept -> time_point { return time_point{1}; }
};
struct by_member_function {
  auto now(clock_kind) noexcept -> time_point { return {}; }
};
struct that_throws {
  static auto now(clock_kind) -> time_point { return {}; }
};
struct that_counts {
  static auto now(clock_kind) noexcept -> std::int64_t { return 0; }
};
struct of_one_kind {
  static auto now() noexcept -> time_point { return {}; }
};
struct without_now {};

static_assert(sluice::clock_source<good>);
static_assert(!sluice::clock_source<by_member_function>);
static_assert(!sluice::clock_source<that_throws>);
static_assert(!sluice::clock_source<that_counts>);
static_assert(!sluice::clock_source<of_one_kind>);
static_assert(!sluice::clock_source<without_now>);
static_assert(!sluice::clock_source<int>);

}  // namespace

BOOST_AUTO_TEST_SUITE(concept_)
BOOST_AUTO_TEST_SUITE(clock)

BOOST_AUTO_TEST_CASE(a_clock_tells_the_time_of_each_kind) {
  for (const auto kind : {clock_kind::steady, clock_kind::boot, clock_kind::wall}) BOOST_TEST(good::now(kind).count == 1);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
