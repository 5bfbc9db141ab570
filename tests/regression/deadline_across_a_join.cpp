// SPDX-License-Identifier: MIT
// A deadline that cut short a wait of a child, by way of a join or a scope, was told as `operation_canceled`, or not at all for a callable
// without a result: only waits of the bounded task itself counted as cut short.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <coro/fixture.hpp>

using coro = sluice::coro_of<fixture::app>;
using namespace std::chrono_literals;
using sluice::errc;

BOOST_AUTO_TEST_CASE(deadline_across_a_join, *needs::ring()) {
  const auto outcome = coro::run([] {
    const auto joined = coro::with_timeout(1ms, [] { return coro::spawn([] { return coro::sleep(10s); }).join(); });
    BOOST_TEST((joined.error() == errc::timed_out));
    const auto nothing_to_show = coro::with_timeout(1ms, [] {
      coro::scope children;
      children.spawn([] { (void)coro::sleep(10s); });
    });
    BOOST_TEST((nothing_to_show.error() == errc::timed_out));
    const auto never_ran = coro::with_timeout(-1s, [] { return coro::spawn([] {}).join(); });
    BOOST_TEST((never_ran.has_value() || never_ran.error() == errc::timed_out));
  });
  BOOST_TEST(outcome.has_value());
}
