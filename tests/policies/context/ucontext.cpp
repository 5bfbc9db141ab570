// SPDX-License-Identifier: MIT
#include <laws/context.hpp>
#include <sluice/context/ucontext.hpp>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(context)
BOOST_AUTO_TEST_SUITE(ucontext)

static const bool laws_added = laws::add_context_laws<sluice::context::ucontext>();

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
