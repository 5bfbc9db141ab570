// SPDX-License-Identifier: MIT
// A task had ended, its handle had not fetched the result, and then the scheduler was destroyed: the handle became empty, but the result in
// the task's frame was never destroyed.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <memory>

#include <coro/fixture.hpp>

using coro = sluice::coro_of<fixture::app>;

BOOST_AUTO_TEST_CASE(unfetched_result_of_a_dead_scheduler, *needs::ring()) {
  const auto watched = std::make_shared<int>(1);
  coro::task<std::shared_ptr<int>> returned;
  coro::task<void> thrown;
  coro::task<coro::task<std::shared_ptr<int>>> nested;
  {
    auto home = coro::scheduler::make();
    home->spawn([&] {
      returned = coro::spawn([&] { return watched; });
      thrown = coro::spawn([&] { throw watched; });
      nested = coro::spawn([&] { return coro::spawn([&] { return watched; }); });
    });
    while (home->poll().value() != 0) {}
    BOOST_TEST(watched.use_count() == 4);
  }
  BOOST_TEST(watched.use_count() == 1);
  BOOST_TEST(!returned.joinable());
  BOOST_TEST(!thrown.joinable());
  BOOST_TEST(!nested.joinable());
}
