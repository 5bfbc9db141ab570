// SPDX-License-Identifier: MIT
// Who waits for data is told of them and of the end behind them at once. A receive that took less than it had room for counted as one that
// had emptied the socket, so the next one was not tried, and nothing is told of an end twice: it slept until its descriptor was asked for
// anew. It was the same with what is behind urgent data.
#include <sluice/backend/epoll.hpp>
#include <sluice/backend/poll.hpp>
#include <sluice/sluice.hpp>
#include <support/descriptors.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <tuple>

#include <sys/socket.h>

namespace {

namespace op = sluice::op;
namespace backend = sluice::backend;
using namespace std::chrono_literals;

template <class Backend>
struct app : sluice::config<Backend> {};
// Nothing is asked for anew while the test runs.
using models = std::tuple<app<backend::epoll<{.recheck = 1h}>>, app<backend::poll<{.recheck = 1h}>>>;

/// Receives what `tell` brings while the first of it waits. How much each gave until the end, or how many before one slept.
template <class Config, class Tell>
auto received(const support::ends& pair, Tell tell) -> std::array<std::size_t, 3> {
  using coro = sluice::coro_of<Config>;
  std::array<std::size_t, 3> all{};
  const auto outcome = coro::run([&] {
    typename coro::scope peer;
    peer.spawn([&] {
      coro::sleep(1ms);
      tell(pair.far);
    });
    std::array<std::byte, 64> buffer{};
    for (auto& one : all) {
      const auto got = coro::io(op::timed(op::recv{.socket = pair.near.socket(), .buffer = buffer}, 5s));
      BOOST_TEST_REQUIRE(got.has_value(), "it slept");
      one = *got;
      if (one == 0) break;
    }
    return peer.join();
  });
  BOOST_TEST(outcome.has_value());
  return all;
}

void say_and_end(const support::descriptor& end) {
  support::put(end, "hello");
  ::shutdown(end.get(), SHUT_WR);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(regression)

BOOST_AUTO_TEST_CASE_TEMPLATE(end_that_came_with_data_was_told_late, config, models) {
  const std::array<std::size_t, 3> all{5, 0, 0};
  BOOST_TEST((received<config>(support::tcp_pair(), say_and_end) == all));
  BOOST_TEST((received<config>(support::socket_pair(), say_and_end) == all));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(end_that_came_with_data_was_told_late_to_a_stream, config, models) {
  using coro = sluice::coro_of<config>;
  const auto pair = support::tcp_pair();
  const auto outcome = coro::run([&] {
    auto group = coro::buffer_group::make({.count = 4, .bytes = 64}).value();
    auto data = coro::stream(op::recv_many{.socket = pair.near.socket(), .buffers = group});
    typename coro::scope peer;
    peer.spawn([&] {
      coro::sleep(1ms);
      say_and_end(pair.far);
    });
    const auto done = coro::with_timeout(5s, [&] {
      while (auto lease = data.next()) BOOST_TEST(lease->bytes().size() == 5U);
    });
    BOOST_TEST(done.has_value(), "it slept");
    return peer.join();
  });
  BOOST_TEST(outcome.has_value());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_came_behind_urgent_data_was_told_late, config, models) {
  const auto all = received<config>(support::tcp_pair(), [](const support::descriptor& end) {
    support::put(end, "before");
    BOOST_TEST(::send(end.get(), "!", 1, MSG_OOB) == 1);
    support::put(end, "behind");
    ::shutdown(end.get(), SHUT_WR);
  });
  BOOST_TEST((all == std::array<std::size_t, 3>{6, 6, 0}));
}

BOOST_AUTO_TEST_SUITE_END()
