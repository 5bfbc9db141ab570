// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// How random programs of one scheduler are run, each in its own, and what each must give back.
///
/// `SLUICE_RANDOM_SEED=n` begins with that program, `SLUICE_RANDOM_PROGRAMS=n` runs so many.

#include <sluice/detail/sanitizer.hpp>
#include <sluice/sluice.hpp>
#include <support/dice.hpp>
#include <support/number_of.hpp>
#include <support/watchdog.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>

#include <coro/fixture.hpp>

namespace fixture::random {

/// Looks whether a stack is given that runs.
struct watched_stacks : counted_stacks {
  auto allocate() noexcept -> sluice::result<sluice::stack_span> {
    auto given = counted_stacks::allocate();
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    if (given && here - reinterpret_cast<std::uintptr_t>(given->base) < given->bytes) is_given_while_it_runs = true;
    return given;
  }
  static inline bool is_given_while_it_runs = false;
};
/// The same where a stack may be taken back while it runs.
struct kept_stacks : watched_stacks {
  [[nodiscard]] auto keeps(const sluice::stack_span& stack) const noexcept -> bool { return inner.keeps(stack); }
};
static_assert(sluice::lasting_stack_policy<kept_stacks> && !sluice::lasting_stack_policy<watched_stacks>);

struct by_uring : sluice::config<sluice::backend::io_uring<>, kept_stacks, sluice::trace::counters> {};
struct by_epoll : sluice::config<sluice::backend::epoll<>, watched_stacks, sluice::trace::counters> {};
struct by_poll : sluice::config<sluice::backend::poll<>, watched_stacks, sluice::trace::counters> {};

/// Runs one to its end, turn by turn, or leaves it in the middle to the end of its scheduler.
template <template <class> class Program, class Config>
void play(std::uint64_t seed) {
  support::dice d{seed};
  Program<Config> one{d.split()};
  {
    auto home = sluice::coro_of<Config>::scheduler::make();
    BOOST_TEST_REQUIRE(home.has_value());
    home->spawn({.name = "driver"}, [&] { one.drive(*home); });
    const auto turns = d.below(200);
    if (turns < 100) {
      BOOST_TEST(home->run().has_value());
    } else {
      for (std::size_t i = 100; i != turns && home->live() != 0; ++i) BOOST_TEST(home->poll().has_value());
    }
    if (home->live() == 0) {
      const auto counts = home->template policy<sluice::policy_kind::trace>().snapshot();
      BOOST_TEST(counts.task_spawned == counts.task_finished);
      BOOST_TEST(counts.op_queued == counts.op_completed);
      BOOST_TEST(home->ring().in_flight() == 0U);
      BOOST_TEST(home->ring().timers() == 0U);
    }
  }
  one.look_at_what_is_left();
  BOOST_TEST_REQUIRE(watched_stacks::out == 0);
  BOOST_TEST_REQUIRE(!watched_stacks::is_given_while_it_runs);
}

/// So many, or a tenth of them where a sanitizer looks on.
template <template <class> class Program, class Config>
void play_some(std::uint64_t count) {
  const support::watchdog dog;
  sluice::coro_of<Config>::run([] {});
  const int descriptors = open_descriptors();
  if (sluice::detail::address_sanitizer || sluice::detail::thread_sanitizer) count /= 10;
  const auto first = support::number_of("SLUICE_RANDOM_SEED", 1);
  const auto end = first + support::number_of("SLUICE_RANDOM_PROGRAMS", count);
  for (auto seed = first; seed != end; ++seed) {
    BOOST_TEST_CONTEXT("program " << seed) {
      dog.watch(seed);
      play<Program, Config>(seed);
      BOOST_TEST_REQUIRE(open_descriptors() == descriptors);
    }
  }
}

}  // namespace fixture::random
