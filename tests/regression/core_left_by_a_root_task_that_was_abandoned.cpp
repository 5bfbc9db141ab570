// SPDX-License-Identifier: MIT
// The root task of each core of a runtime stays until those of all have ended. One that was abandoned never said that it had: the others
// waited for ever. And one that was abandoned while it waited for the others was still in the line of those who do: whoever ended last woke
// a task whose stack had gone with its scheduler.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

#include <coro/fixture.hpp>

using coro = sluice::coro_of<fixture::app>;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(core_left_by_a_root_task_that_was_abandoned, *needs::ring())

BOOST_AUTO_TEST_CASE(the_others_end) {
  sluice::result<void> outcome;
  const auto said = fixture::error_output_of([&] {
    outcome = coro::runtime::run({.threads = 3}, [](coro::runtime::core& mine) {
      coro::event never;
      (void)never.wait();
      if (mine.index() != 1) return;
      for (;;) (void)coro::sleep(10s);
    });
  });
  BOOST_TEST((outcome.error() == sluice::errc::deadlock));
  BOOST_TEST(said.find("abandoned task #1 \"root\"") != std::string::npos, said);
}

BOOST_AUTO_TEST_CASE(nobody_wakes_one_that_waits_for_the_others) {
  sluice::result<void> outcome;
  coro::mutex lock;
  const auto held = lock.try_lock();
  const auto said = fixture::error_output_of([&] {
    outcome = coro::runtime::run({.threads = 2}, [&](coro::runtime::core& mine) {
      if (mine.index() == 0) return coro::spawn({.name = "locker"}, [&] { (void)lock.lock(); }).detach();
      coro::event never;
      (void)never.wait();
      // The other core ends first.
      (void)coro::shield([] { return coro::sleep(200ms); });
    });
  });
  BOOST_TEST((outcome.error() == sluice::errc::deadlock));
  BOOST_TEST(said.find("\"locker\": it never ended") != std::string::npos, said);
}

BOOST_AUTO_TEST_SUITE_END()
