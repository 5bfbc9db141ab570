// SPDX-License-Identifier: MIT
#include <sluice/trace/none.hpp>

#include <boost/test/unit_test.hpp>

#include <type_traits>

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(trace)
BOOST_AUTO_TEST_SUITE(none)

namespace event = sluice::event;

BOOST_AUTO_TEST_CASE(it_wants_no_event_and_has_no_state) {
  using policy = sluice::trace::none;
  static_assert(std::is_empty_v<policy>);
  static_assert(!sluice::traces<policy, event::task_spawned> && !sluice::traces<policy, event::task_parked> &&
                !sluice::traces<policy, event::task_ready> && !sluice::traces<policy, event::task_resumed> &&
                !sluice::traces<policy, event::task_cancelled> && !sluice::traces<policy, event::task_finished>);
  static_assert(!sluice::traces<policy, event::op_queued> && !sluice::traces<policy, event::op_inline> &&
                !sluice::traces<policy, event::op_completed> && !sluice::traces<policy, event::op_cancelled>);
  static_assert(!sluice::traces<policy, event::submitted> && !sluice::traces<policy, event::polled> &&
                !sluice::traces<policy, event::queue_full> && !sluice::traces<policy, event::completion_overflow> &&
                !sluice::traces<policy, event::timer_fired>);
  policy none;
  sluice::deliver(none, event::task_spawned{1, "a"});
  BOOST_TEST(policy::name == "none");
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
