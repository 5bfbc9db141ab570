// SPDX-License-Identifier: MIT
// When all tasks were asked to end, one that had ended a moment ago was still in the list of them. A stop callback that spawned had its
// room taken back and used again, and the list went on in the middle of the new task.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <stop_token>

#include <coro/fixture.hpp>

struct app : sluice::config<fixture::counted_stacks> {};
using coro = sluice::coro_of<app>;
using namespace std::chrono_literals;

namespace {

struct counts {
  int* ran;
  int turns;
  void operator()() const {
    for (int i = 0; i != turns; ++i) coro::yield();
    ++*ran;
  }
};

}  // namespace

BOOST_AUTO_TEST_CASE(cancel_of_all_met_a_new_task, *needs::ring()) {
  int ran = 0;
  {
    auto home = coro::scheduler::make();
    home->spawn([&] {
      coro::spawn(counts{.ran = &ran, .turns = 1}).detach();
      coro::spawn([&] {
        const std::stop_callback told{coro::this_task::stop_token(), [&]() noexcept {
                                        for (int i = 0; i != 2; ++i) coro::spawn(counts{.ran = &ran, .turns = 0}).detach();
                                      }};
        (void)coro::sleep(60s);
      }).detach();
      while (ran == 0) coro::yield();
      home->cancel_all();
    });
    BOOST_TEST(home->run().has_value());
    BOOST_TEST(home->live() == 0U);
  }
  BOOST_TEST(ran == 3);
  BOOST_TEST(fixture::counted_stacks::out == 0);
}
