// SPDX-License-Identifier: MIT
// Built for debugging (-Og), a program that accepted connections had GCC warn that a member might be used without a value, and failed where
// warnings are errors: whether an operation is on a list of its descriptor was asked at run time of one that has none. This is compiled so.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

namespace {

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;

}  // namespace

BOOST_AUTO_TEST_CASE(accept_warned_in_a_build_for_debugging, *needs::ring()) {
  const auto outcome = coro::run([]() -> sluice::result<void> {
    auto listener = coro::tcp_listener::bind({sluice::ip::loopback, 0}).value();
    auto client = coro::tcp_stream::connect(listener.local().value());
    BOOST_TEST(client.has_value());
    BOOST_TEST(listener.accept().has_value());
    return {};
  });
  BOOST_TEST(outcome.has_value());
}
