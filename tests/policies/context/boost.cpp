// SPDX-License-Identifier: MIT
#include <laws/context.hpp>
#include <sluice/context/boost.hpp>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(context)
BOOST_AUTO_TEST_SUITE(boost_)

static const bool laws_added = laws::add_context_laws<sluice::context::boost>();

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
