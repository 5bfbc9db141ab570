// SPDX-License-Identifier: MIT
// The example echo_server, asked to end at each moment of its talk with clients.
#define main main_of_example
#include "../../examples/echo_server.cpp"
#undef main

#include <support/example.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(ended_echo_server, *needs::ring())

BOOST_AUTO_TEST_CASE(nothing_is_left_whenever_it_is_asked_to_end) {
  example::ask_to_end_at_each_moment<coro>([](std::uint16_t port) { return serve(port); },
                                           [](example::client& peer) {
                                             for (int i = 0; i != 3; ++i)
                                               if (!peer.talk("hello\n", "hello\n")) return false;
                                             return true;
                                           });
}

BOOST_AUTO_TEST_SUITE_END()
