// SPDX-License-Identifier: MIT
// Random programs: trees of scopes, races, deadlines and shields over waits of every kind, cancelled somewhere or given up in the middle.
// Children end before their scope does, what came of a task reaches whoever asked and nobody else, no item, byte or permit is lost or
// doubled, who was asked to end waits no more, and nothing is left.
#include <sluice/detail/sanitizer.hpp>
#include <sluice/sluice.hpp>
#include <support/dice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>

#include <coro/fixture.hpp>
#include <coro/random_program.hpp>
#include <unistd.h>

namespace {

/// Looks whether a stack is given that runs.
struct watched_stacks : fixture::counted_stacks {
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

/// Names the program that hangs, before the test's own time is over.
class watchdog {
 public:
  watchdog() : before_{std::signal(SIGALRM, &bark)} {}
  watchdog(const watchdog&) = delete;
  auto operator=(const watchdog&) -> watchdog& = delete;
  ~watchdog() {
    ::alarm(0);
    (void)std::signal(SIGALRM, before_);
  }
  static void watch(std::uint64_t seed) {
    (void)std::snprintf(text.data(), text.size(), "program %llu hangs\n", static_cast<unsigned long long>(seed));
    ::alarm(60);
  }

 private:
  static void bark(int) {
    (void)!::write(2, text.data(), std::string_view{text.data()}.size());
    ::_exit(1);
  }
  static inline std::array<char, 64> text{};
  void (*before_)(int);
};

/// Runs one to its end, turn by turn, or leaves it in the middle to the end of its scheduler.
template <class Config>
void play(std::uint64_t seed) {
  using coro = sluice::coro_of<Config>;
  support::dice d{seed};
  fixture::random::program<Config> one{d.split()};
  {
    auto home = coro::scheduler::make();
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

template <class Config>
void play_some() {
  const watchdog dog;
  sluice::coro_of<Config>::run([] {});
  const int descriptors = fixture::open_descriptors();
  constexpr std::uint64_t programs = sluice::detail::address_sanitizer || sluice::detail::thread_sanitizer ? 200 : 2000;
  for (std::uint64_t seed = 1; seed <= programs; ++seed) {
    BOOST_TEST_CONTEXT("program " << seed) {
      dog.watch(seed);
      play<Config>(seed);
      BOOST_TEST_REQUIRE(fixture::open_descriptors() == descriptors);
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(coro)
BOOST_AUTO_TEST_SUITE(random_programs)

BOOST_AUTO_TEST_CASE(on_io_uring, *needs::ring()) { play_some<by_uring>(); }
BOOST_AUTO_TEST_CASE(on_epoll) { play_some<by_epoll>(); }

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
