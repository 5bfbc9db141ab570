// SPDX-License-Identifier: MIT
// Random programs: trees of scopes, races, deadlines and shields over waits of every kind, cancelled somewhere or given up in the middle.
// Children end before their scope does, what came of a task reaches whoever asked and nobody else, no item, byte or permit is lost or
// doubled, who was asked to end waits no more, and nothing is left.
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <coro/random_play.hpp>
#include <coro/random_program.hpp>

BOOST_AUTO_TEST_SUITE(coro)
BOOST_AUTO_TEST_SUITE(random_programs)

namespace random = fixture::random;

BOOST_AUTO_TEST_CASE(on_io_uring, *needs::ring()) { random::play_some<random::program, random::by_uring>(2000); }
BOOST_AUTO_TEST_CASE(on_epoll) { random::play_some<random::program, random::by_epoll>(2000); }

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
