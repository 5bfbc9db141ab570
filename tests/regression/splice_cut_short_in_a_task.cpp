// SPDX-License-Identifier: MIT
// A splice that a cancel had broken off on a thread of the kernel's own gave 512, a number that the kernel keeps for itself: its task saw
// an unknown error, and the deadline that had cut it short was not told.
#include <sluice/sluice.hpp>
#include <support/descriptors.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <coro/fixture.hpp>

namespace op = sluice::op;
using coro = sluice::coro_of<fixture::app>;
using namespace std::chrono_literals;
using sluice::errc;

BOOST_AUTO_TEST_CASE(splice_cut_short_in_a_task, *needs::ring()) {
  const auto from = support::pipe_pair();
  const auto to = support::pipe_pair();
  const op::splice move{.handle = from.near.file(), .to = to.far.file(), .length = 6};
  const auto outcome = coro::run([&] {
    coro::scope both;
    both.spawn([&] {
      const auto alone = coro::io(move);
      BOOST_TEST((alone.error() == std::errc::operation_canceled));
    });
    both.spawn([&] {
      const auto [first, second] = coro::io(move, op::nop{});
      BOOST_TEST((first.error() == std::errc::operation_canceled));
      BOOST_TEST(second.has_value());
    });
    BOOST_TEST(coro::sleep(10ms).has_value());
    both.cancel();
    BOOST_TEST(both.join().has_value());
    const auto late = coro::with_timeout(10ms, [&] { return coro::io(move); });
    BOOST_TEST((late.error() == errc::timed_out));
    const auto bounded = coro::io(op::timed(move, 10ms));
    BOOST_TEST((bounded.error() == errc::timed_out));
  });
  BOOST_TEST(outcome.has_value());
}
