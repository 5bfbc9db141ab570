// SPDX-License-Identifier: MIT
// A task that held the last reference to its own handle waited, in the handle's destructor, for its own end, and was reported as a deadlock
// with itself. It is asked to end and let go instead.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <memory>

#include <coro/fixture.hpp>

struct app : sluice::config<fixture::counted_stacks> {};
using coro = sluice::coro_of<app>;

BOOST_AUTO_TEST_CASE(handle_destroyed_by_its_own_task, *needs::ring()) {
  bool ended = false;
  const auto outcome = coro::run([&] {
    auto holder = std::make_shared<coro::task<void>>();
    *holder = coro::spawn([&ended, holder]() mutable {
      holder.reset();
      ended = coro::this_task::cancelled();
    });
    holder.reset();
    coro::yield();
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(ended);
  BOOST_TEST(fixture::counted_stacks::out == 0);
}
