// SPDX-License-Identifier: MIT
#include "laws/timers.hpp"
#include <sluice/timers/wheel.hpp>

#include <boost/test/unit_test.hpp>

#include <tuple>

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(timers)
BOOST_AUTO_TEST_SUITE(wheel)

using sluice::time_point;
using sluice::timer_node;
using sluice::timers::wheel;

using models = std::tuple<wheel<>, wheel<{.bits = 2, .few = 1}>, wheel<{.bits = 5}>, wheel<{.bits = 8, .few = 64}>>;
LAWS_OF_TIMERS(models)

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
