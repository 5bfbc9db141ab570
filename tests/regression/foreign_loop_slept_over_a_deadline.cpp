// SPDX-License-Identifier: MIT
// A deadline that passes in a turn of a foreign loop asks an operation to end, and that was queued when the turn was over: the descriptor
// of the scheduler was not readable, its next deadline was never, and the loop slept until something else happened, if anything did. It was
// the same with a second `op::timeout` where readiness is all that the system tells: after the first one nobody armed the system's timer.
#include <sluice/sluice.hpp>
#include <support/descriptors.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <tuple>
#include <utility>

#include <poll.h>

namespace {

namespace op = sluice::op;
namespace backend = sluice::backend;
using namespace std::chrono_literals;

template <class Backend>
struct app : sluice::config<Backend> {};
using models = std::tuple<app<backend::io_uring<>>, app<backend::io_uring<{.entries = 2, .completions = 2, .flags = sluice::ring::none}>>,
                          app<backend::epoll<>>>;

/// Sleeps as a foreign loop does; false where nothing would ever end that.
auto sleeps(int handle, sluice::time_point next, sluice::time_point now) -> bool {
  ::pollfd one{.fd = handle, .events = POLLIN, .revents = 0};
  const bool is_bounded = next != sluice::time_point::never();
  const auto left = std::chrono::ceil<std::chrono::milliseconds>((next - now).to_chrono());
  return ::poll(&one, 1, is_bounded ? static_cast<int>(std::max(left, 0ms).count()) : 5000) != 0 || is_bounded;
}

template <class Config, class F>
auto runs_in_a_foreign_loop(F f) -> bool {
  auto home = sluice::coro_of<Config>::scheduler::make();
  const int handle = home->native_handle().value();
  home->spawn(std::move(f));
  while (home->poll(sluice::wait::none).value() != 0) {
    const auto next = home->next_deadline();
    if (!sleeps(handle, next, home->ring().now())) return false;
  }
  return true;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(regression, *needs::ring())

BOOST_AUTO_TEST_CASE_TEMPLATE(foreign_loop_slept_over_a_deadline, config, models) {
  using coro = sluice::coro_of<config>;
  const auto pair = support::socket_pair();
  std::array<std::byte, 8> buffer{};
  const auto receive = [&] { return op::recv{.socket = pair.near.socket(), .buffer = buffer}; };
  BOOST_TEST(runs_in_a_foreign_loop<config>([&] { (void)coro::io(op::timed(receive(), 1ms)); }));
  BOOST_TEST(runs_in_a_foreign_loop<config>([&] { (void)coro::io(op::soft(op::timed(receive(), 1ms)), op::nop{}); }));
  BOOST_TEST(runs_in_a_foreign_loop<config>([&] { (void)coro::io(op::soft(receive()), op::link_timeout{.after = 1ms}); }));
  BOOST_TEST(runs_in_a_foreign_loop<config>([&] { (void)coro::io(op::hard(receive()), op::link_timeout{.after = 1ms}, op::nop{}); }));
  BOOST_TEST(runs_in_a_foreign_loop<config>([&] { (void)coro::io(op::timeout{.after = 1ms}, op::timeout{.after = 2ms}); }));
  BOOST_TEST(runs_in_a_foreign_loop<config>([&] {
    (void)coro::io(op::timeout{.after = 1ms, .clock = sluice::clock_kind::boot},
                   op::timeout{.after = 2ms, .clock = sluice::clock_kind::boot});
  }));
  BOOST_TEST(runs_in_a_foreign_loop<config>([&] { (void)coro::with_timeout(1ms, [&] { return coro::io(receive()); }); }));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(foreign_loop_slept_over_what_was_started, config, models) {
  using aio = sluice::aio_of<config>;
  auto ring = aio::ring::make();
  const int handle = ring->native_handle().value();
  const auto pair = support::socket_pair();
  std::array<std::byte, 8> buffer{};
  typename aio::template operation<op::timed<op::recv>> receive{op::timed{op::recv{.socket = pair.near.socket(), .buffer = buffer}, 1ms}};
  (void)ring->start(receive);
  while (!receive.is_done()) {
    const auto next = ring->next_deadline();
    BOOST_TEST_REQUIRE(sleeps(handle, next, ring->now()));
    BOOST_TEST_REQUIRE(ring->poll([](auto&) {}, sluice::wait::none).has_value());
  }
  BOOST_TEST((receive.result().error() == sluice::errc::timed_out));
  // Nothing is left to do.
  BOOST_TEST((ring->next_deadline() == sluice::time_point::never()));
}

BOOST_AUTO_TEST_SUITE_END()
