// SPDX-License-Identifier: MIT
#include <sluice/concept/trace.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <string_view>

namespace {

namespace event = sluice::event;
using sluice::policy_kind;
using sluice::trace_policy;

struct good {
  static constexpr auto kind = policy_kind::trace;
  static constexpr std::string_view name = "good";
};
static_assert(trace_policy<good>);

struct of_another_kind : good {
  static constexpr auto kind = policy_kind::context;
};
struct of_no_kind : good {
  static constexpr int kind = 4;
};
struct without_a_name : good {
  static constexpr int name = 0;
};
struct without_a_constructor : good {
  explicit without_a_constructor(int) {}
};
static_assert(!trace_policy<of_another_kind>);
static_assert(!trace_policy<of_no_kind>);
static_assert(!trace_policy<without_a_name>);
static_assert(!trace_policy<without_a_constructor>);
static_assert(!trace_policy<int>);

struct listening : good {
  std::uint64_t last = 0;
  void on(event::task_spawned e) noexcept { last = e.task; }
};
static_assert(trace_policy<listening>);
static_assert(sluice::traces<listening, event::task_spawned>);
static_assert(!sluice::traces<listening, event::task_finished>);  // no event passes for another
static_assert(!sluice::traces<good, event::task_spawned>);

struct listening_to_all : good {
  int events = 0;
  void on(auto) noexcept { ++events; }
};
static_assert(sluice::traces<listening_to_all, event::queue_full>);

}  // namespace

BOOST_AUTO_TEST_SUITE(concept_)
BOOST_AUTO_TEST_SUITE(trace)

BOOST_AUTO_TEST_CASE(an_event_reaches_a_policy_that_wants_it_and_no_other) {
  listening policy;
  sluice::deliver(policy, event::task_spawned{5, "five"});
  sluice::deliver(policy, event::task_finished{6});
  BOOST_TEST(policy.last == 5U);
  good deaf;
  sluice::deliver(deaf, event::task_spawned{5, "five"});
  listening_to_all curious;
  sluice::deliver(curious, event::queue_full{});
  sluice::deliver(curious, event::polled{1, true});
  BOOST_TEST(curious.events == 2);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
