// SPDX-License-Identifier: MIT
// Random programs whose peers are other threads: everything arrives at times that no task chose. Each byte comes once and in order, and
// nobody waits for what is there.
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>

#include <coro/random_play.hpp>
#include <io/random_peer.hpp>
#include <io/random_visitor.hpp>

BOOST_AUTO_TEST_SUITE(io)
BOOST_AUTO_TEST_SUITE(random_peers)

namespace random = fixture::random;

namespace {

/// Nothing is asked for anew that was missed.
struct by_epoll
    : sluice::config<sluice::backend::epoll<{.recheck = std::chrono::hours{1}}>, random::watched_stacks, sluice::trace::counters> {};

}  // namespace

BOOST_AUTO_TEST_CASE(on_io_uring, *needs::ring()) { random::play_some<random::peers, random::by_uring>(200); }
BOOST_AUTO_TEST_CASE(on_epoll) { random::play_some<random::peers, by_epoll>(200); }
BOOST_AUTO_TEST_CASE(on_poll) { random::play_some<random::peers, random::by_poll>(200); }

BOOST_AUTO_TEST_CASE(visits_on_io_uring, *needs::ring()) { random::play_some<random::visits, random::by_uring>(200); }
BOOST_AUTO_TEST_CASE(visits_on_epoll) { random::play_some<random::visits, by_epoll>(200); }
BOOST_AUTO_TEST_CASE(visits_on_poll) { random::play_some<random::visits, random::by_poll>(200); }

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
