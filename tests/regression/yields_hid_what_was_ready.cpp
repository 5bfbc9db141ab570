// SPDX-License-Identifier: MIT
// Whether a descriptor is ready only the system knows, so a task that yields all the time has it asked now and then: at each eighth look.
// The scheduler looks twice before it polls, so the second look never was the eighth, and what another task waited for never came.
#include <sluice/sluice.hpp>
#include <support/descriptors.hpp>

#include <boost/test/unit_test.hpp>

#include <tuple>

namespace {

namespace op = sluice::op;

struct by_epoll : sluice::config<sluice::backend::epoll<>> {};
struct by_poll : sluice::config<sluice::backend::poll<>> {};
using configs = std::tuple<by_epoll, by_poll>;

}  // namespace

BOOST_AUTO_TEST_SUITE(regression)

BOOST_AUTO_TEST_CASE_TEMPLATE(yields_hid_what_was_ready, Config, configs) {
  using coro = sluice::coro_of<Config>;
  const auto pair = support::socket_pair();
  bool over = false;
  int turns = 0;
  coro::run([&] {
    auto waits = coro::spawn([&] {
      support::buffer buffer;
      const auto got = coro::io(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()});
      over = true;
      return got;
    });
    coro::yield();
    support::put(pair.far, "x");
    while (!over && ++turns < 10'000) coro::yield();
    if (!over) waits.request_cancel();
    const auto got = waits.join();
    BOOST_TEST_REQUIRE(got.has_value());
    BOOST_TEST(*got == 1U);
  });
  BOOST_TEST(turns < 100);
}

BOOST_AUTO_TEST_SUITE_END()
