// SPDX-License-Identifier: MIT
// A task had ended, its handle had not fetched the result, and then the scheduler was destroyed: the stack was not given back to its
// policy, and one that keeps no account of its own, as that of the heap, never saw it again.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <coro/fixture.hpp>

struct app : sluice::config<fixture::counted_stacks> {};
using coro = sluice::coro_of<app>;

BOOST_AUTO_TEST_CASE(stack_of_an_unfetched_result, *needs::ring()) {
  coro::task<int> returned;
  coro::task<void> thrown;
  const auto outcome = coro::run([&] {
    returned = coro::spawn([] { return 1; });
    thrown = coro::spawn([] { throw 2; });
    coro::yield();
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(!returned.joinable());
  BOOST_TEST(!thrown.joinable());
  BOOST_TEST(fixture::counted_stacks::out == 0);
}
