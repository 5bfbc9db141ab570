// SPDX-License-Identifier: MIT
// Random programs that write, relay and read by pipes, connections and files, with deadlines and cancels everywhere, and in some of them
// others that close, shut down and move what is in use. Each byte that was said to be written arrives once and in order, unless what it
// was on its way through was closed; no error is one that nobody promised; and nothing is left.
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <coro/random_play.hpp>
#include <io/random_conversation.hpp>

BOOST_AUTO_TEST_SUITE(io)
BOOST_AUTO_TEST_SUITE(random_conversations)

namespace random = fixture::random;

BOOST_AUTO_TEST_CASE(on_io_uring, *needs::ring()) { random::play_some<random::conversation, random::by_uring>(200); }
BOOST_AUTO_TEST_CASE(on_epoll) { random::play_some<random::conversation, random::by_epoll>(200); }
BOOST_AUTO_TEST_CASE(on_poll) { random::play_some<random::conversation, random::by_poll>(200); }

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
