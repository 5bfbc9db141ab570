// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Runs a program again and again, each time cancelled at another of its suspensions, and looks for what is left behind.

#include <sluice/sluice.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>

#include <coro/fixture.hpp>

namespace fixture {

/// Counts waits where the driver can see them while the program runs.
struct waits : sluice::trace::counters {
  static constexpr std::string_view name = "waits";
  using counters::on;
  void on(sluice::event::task_parked e) noexcept {
    ++parked;
    counters::on(e);
  }
  static inline std::uint64_t parked = 0;
};

/// The config of the programs.
struct injected_app : sluice::config<counted_stacks, waits> {};

/// Runs the program with its root task cancelled at the n-th wait, for n from 1 until it is over before that.
template <class Program>
void cancel_everywhere(Program program) {
  using injected = sluice::coro_of<injected_app>;
  (void)injected::run([] {});
  const int descriptors = open_descriptors();
  int rounds = 0;
  for (std::uint64_t n = 1;; ++n, ++rounds) {
    BOOST_REQUIRE(n < 2000U);
    bool reached = false;
    {
      auto home = injected::scheduler::make();
      BOOST_REQUIRE(home.has_value());
      waits::parked = 0;
      home->spawn({.name = "driver"}, [&] {
        auto root = injected::spawn({.name = "program"}, program);
        while (!root.done() && waits::parked < n) injected::yield();
        reached = !root.done();
        root.request_cancel();
        // Whatever is left waits for something that a cancel ends; if not, this would never come back.
        (void)root.join();
      });
      const auto outcome = home->run();
      BOOST_TEST(outcome.has_value());
      BOOST_TEST(home->live() == 0U);
      const auto counts = home->policy<sluice::policy_kind::trace>().snapshot();
      BOOST_TEST(counts.task_spawned == counts.task_finished);
      BOOST_TEST(counts.op_queued == counts.op_completed);
      BOOST_TEST(home->ring().in_flight() == 0U);
      BOOST_TEST(home->ring().timers() == 0U);
    }
    BOOST_REQUIRE(counted_stacks::out == 0);
    BOOST_REQUIRE(open_descriptors() == descriptors);
    if (!reached) break;
  }
  BOOST_TEST(rounds > 1);
}

}  // namespace fixture
