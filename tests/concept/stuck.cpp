// SPDX-License-Identifier: MIT
#include <sluice/concept/stuck.hpp>
#include <sluice/stuck/abandon.hpp>
#include <sluice/stuck/terminate.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <string_view>

namespace {

using sluice::interval;
using sluice::policy_kind;
using sluice::stuck_policy;
using namespace std::chrono_literals;

struct good {
  static constexpr auto kind = policy_kind::stuck;
  static constexpr std::string_view name = "good";
  static constexpr std::uint32_t refusals = 1;
  static constexpr interval grace = 1s;
  static void give_up() noexcept {}
};
static_assert(stuck_policy<good>);
static_assert(stuck_policy<sluice::stuck::abandon<{.refusals = 10}>>);
static_assert(stuck_policy<sluice::stuck::terminate<{.refusals = 10, .grace = 1s}>>);

struct by_other_types : good {
  static constexpr int refusals = 1;
  static constexpr auto grace = 1s;
};
static_assert(stuck_policy<by_other_types>);

struct of_another_kind : good {
  static constexpr auto kind = policy_kind::trace;
};
struct without_a_name : good {
  static constexpr int name = 0;
};
struct without_refusals : good {
  static constexpr const char* refusals = "many";
};
struct with_no_refusals : good {
  static constexpr std::uint32_t refusals = 0;
};
struct without_grace : good {
  static constexpr int grace = 1;
};
struct with_no_grace : good {
  static constexpr interval grace = 0s;
};
struct with_grace_in_the_past : good {
  static constexpr interval grace = -1s;
};
struct without_give_up : good {
  void give_up() = delete;
};
struct give_up_of_an_instance : good {
  void give_up() noexcept {}
};
struct give_up_that_throws : good {
  static void give_up() {}
};
struct give_up_with_an_answer : good {
  static auto give_up() noexcept -> bool { return true; }
};

static_assert(!stuck_policy<of_another_kind>);
static_assert(!stuck_policy<without_a_name>);
static_assert(!stuck_policy<without_refusals>);
static_assert(!stuck_policy<with_no_refusals>);
static_assert(!stuck_policy<without_grace>);
static_assert(!stuck_policy<with_no_grace>);
static_assert(!stuck_policy<with_grace_in_the_past>);
static_assert(!stuck_policy<without_give_up>);
static_assert(!stuck_policy<give_up_of_an_instance>);
static_assert(!stuck_policy<give_up_that_throws>);
static_assert(!stuck_policy<give_up_with_an_answer>);
static_assert(!stuck_policy<int>);

static_assert(!sluice::has_grace<sluice::stuck::abandon<>>);
static_assert(sluice::has_grace<good>);
static_assert(sluice::has_grace<by_other_types>);

}  // namespace

BOOST_AUTO_TEST_SUITE(concepts)

BOOST_AUTO_TEST_CASE(stuck) { BOOST_TEST(stuck_policy<good>); }

BOOST_AUTO_TEST_SUITE_END()
