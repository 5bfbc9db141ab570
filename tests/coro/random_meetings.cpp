// SPDX-License-Identifier: MIT
// Random programs whose tasks meet at all objects that tasks of one scheduler share, with cancels, deadlines, shields and exceptions among
// them. Locks exclude, whoever came first goes first, what can be had is waited for by nobody, no permit, token or item is lost or doubled,
// nothing is held at last, and what is left alone ends alone.
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <coro/random_meeting.hpp>
#include <coro/random_play.hpp>

BOOST_AUTO_TEST_SUITE(coro)
BOOST_AUTO_TEST_SUITE(random_meetings)

namespace random = fixture::random;

BOOST_AUTO_TEST_CASE(on_io_uring, *needs::ring()) { random::play_some<random::meeting, random::by_uring>(2000); }
BOOST_AUTO_TEST_CASE(on_epoll) { random::play_some<random::meeting, random::by_epoll>(2000); }
BOOST_AUTO_TEST_CASE(on_poll) { random::play_some<random::meeting, random::by_poll>(2000); }

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
