// SPDX-License-Identifier: MIT
// A task that goes on after it was asked to end was abandoned at the end of its scheduler if it kept waiting, for its waits are refused;
// one that only yielded was refused nothing, so the destructor never returned. A yield of such a task counts as a wait refused.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

#include <coro/fixture.hpp>

using coro = sluice::coro_of<fixture::app>;

namespace {

/// Long enough for every yield that counts, bounded so that a failure is told instead of hanging.
constexpr int too_many = 1'000'000;

}  // namespace

BOOST_AUTO_TEST_SUITE(yielding_task_outlives_its_scheduler, *needs::ring())

BOOST_AUTO_TEST_CASE(one_that_only_yields_is_abandoned_after_a_thousand) {
  int yields = 0;
  const auto said = fixture::error_output_of([&] {
    auto home = coro::scheduler::make();
    home->spawn({.name = "stubborn"}, [&] {
      while (!coro::this_task::cancelled()) coro::yield();
      for (; yields < too_many; ++yields) coro::yield();
    });
    (void)home->poll();
  });
  BOOST_TEST(yields == 1000);
  BOOST_TEST(said.find("abandoned task #1 \"stubborn\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(several_that_only_yield_are_all_abandoned) {
  int done = 0;
  const auto said = fixture::error_output_of([&] {
    auto home = coro::scheduler::make();
    for (int i = 0; i < 3; ++i) {
      home->spawn([&] {
        for (int yields = 0; yields < too_many; ++yields) coro::yield();
        ++done;
      });
    }
    (void)home->poll();
  });
  BOOST_TEST(done == 0);
  for (const char* name : {"#1", "#2", "#3"}) BOOST_TEST(said.find("abandoned task " + std::string{name}) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(one_that_yields_after_a_deadlock_does_not_keep_run_from_returning) {
  int yields = 0;
  sluice::result<void> outcome;
  const auto said = fixture::error_output_of([&] {
    // An abandoned task destroys nothing, so it owns nothing either.
    coro::task<void> a;
    coro::task<void> b;
    auto home = coro::scheduler::make();
    home->spawn([&] {
      a = coro::spawn({.name = "stubborn"}, [&] {
        (void)b.join();
        for (; yields < too_many; ++yields) coro::yield();
      });
      b = coro::spawn([&] { (void)a.join(); });
    });
    outcome = home->run();
  });
  BOOST_TEST((outcome.error() == sluice::errc::deadlock));
  BOOST_TEST(yields < too_many);
  BOOST_TEST(said.find("abandoned task #2 \"stubborn\"") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(yields_under_a_shield_are_not_counted) {
  bool ended = false;
  const auto said = fixture::error_output_of([&] {
    auto home = coro::scheduler::make();
    home->spawn([&] {
      coro::shield([] {
        for (int yields = 0; yields < 5000; ++yields) coro::yield();
      });
      ended = true;
    });
    (void)home->poll();
  });
  BOOST_TEST(ended);
  BOOST_TEST(said.empty());
}

BOOST_AUTO_TEST_CASE(yields_before_the_end_of_the_scheduler_are_not_counted) {
  bool ended = false;
  const auto outcome = coro::run([&] {
    auto task = coro::spawn([&] {
      for (int yields = 0; yields < 5000; ++yields) coro::yield();
      ended = true;
    });
    coro::yield();
    task.request_cancel();
    return task.join();
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(ended);
}

BOOST_AUTO_TEST_SUITE_END()
