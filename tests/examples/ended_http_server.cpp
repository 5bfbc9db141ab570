// SPDX-License-Identifier: MIT
// The example http_server, asked to end at each moment of its talk with clients.
#define main main_of_example
#include "../../examples/http_server.cpp"
#undef main

#include <support/example.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

BOOST_AUTO_TEST_SUITE(ended_http_server, *needs::ring())

BOOST_AUTO_TEST_CASE(nothing_is_left_whenever_it_is_asked_to_end) {
  support::site site;
  example::ask_to_end_at_each_moment<coro>([&](std::uint16_t port) { return serve(site, "/", port); },
                                           [](example::client& peer) {
                                             const std::string_view ask = "GET /etc/passwd HTTP/1.1\r\nHost: here\r\n\r\n";
                                             return peer.talk(ask, "\n") &&
                                                    peer.talk("GET /none HTTP/1.1\r\nHost: here\r\n\r\n", "Not Found\n");
                                           });
}

BOOST_AUTO_TEST_SUITE_END()
