// SPDX-License-Identifier: MIT
// A task of the scheduler's own for which there was no stack was told of by the next `run` only: `poll` was silent and slept for ever, and
// where a program runs once, what was posted to it meanwhile was lost without a word.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <system_error>

#include <coro/scarce_stacks.hpp>

namespace {

using scarce = fixture::scarce_stacks;
struct app : sluice::config<scarce> {};
using coro = sluice::coro_of<app>;

}  // namespace

BOOST_AUTO_TEST_CASE(failed_spawn_was_not_told_by_poll, *needs::ring()) {
  auto home = coro::scheduler::make();
  scarce::has_none = true;
  home->spawn([] {});
  scarce::has_none = false;
  BOOST_TEST((home->poll(sluice::wait::one) == sluice::failure(std::errc::not_enough_memory)));
  BOOST_TEST(home->poll().value() == 0U);
  // From another place meanwhile.
  home->spawn([] {
    scarce::has_none = true;
    BOOST_TEST(coro::here().post([] {}).has_value());
  });
  BOOST_TEST((home->poll() == sluice::failure(std::errc::not_enough_memory)));
  scarce::has_none = false;
  BOOST_TEST(home->poll().value() == 0U);
}

BOOST_AUTO_TEST_CASE(failed_spawn_was_not_told_by_the_run_that_saw_it, *needs::ring()) {
  const auto outcome = coro::run([] {
    scarce::has_none = true;
    BOOST_TEST(coro::here().post([] {}).has_value());
    (void)coro::io(sluice::op::nop{});
    coro::yield();
    scarce::has_none = false;
  });
  BOOST_TEST((outcome == sluice::failure(std::errc::not_enough_memory)));
}
