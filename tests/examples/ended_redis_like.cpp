// SPDX-License-Identifier: MIT
// The example redis_like, asked to end at each moment of its talk with clients.
#define main main_of_example
#include "../../examples/redis_like.cpp"
#undef main

#include <support/example.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(ended_redis_like, *needs::ring())

BOOST_AUTO_TEST_CASE(nothing_is_left_whenever_it_is_asked_to_end) {
  example::ask_to_end_at_each_moment<coro>([](std::uint16_t port) { return serve(port); },
                                           [](example::client& peer) {
                                             return peer.talk("SET key value\r\n", "+OK\r\n") && peer.talk("GET key\r\n", "value\r\n") &&
                                                    peer.talk("*1\r\n$4\r\nPING\r\n", "+PONG\r\n");
                                           });
}

BOOST_AUTO_TEST_SUITE_END()
