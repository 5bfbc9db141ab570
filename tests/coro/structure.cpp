// SPDX-License-Identifier: MIT
// Several callables as one: `all` and `race`.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <variant>

#include <coro/as_root.hpp>
#include <coro/fixture.hpp>

struct app : sluice::config<fixture::counted_stacks> {};
using coro = sluice::coro_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;

namespace {

constexpr auto& as_root = fixture::as_root<coro>;

auto broken() -> sluice::result<int> { return std::unexpected{std::make_error_code(std::errc::no_link)}; }

}  // namespace

BOOST_AUTO_TEST_SUITE(structure, *needs::ring())

BOOST_AUTO_TEST_CASE(all_gives_every_value) {
  as_root([] {
    auto both = coro::all([] { return 1; }, [] { return std::make_unique<int>(2); }, [] {},
                          []() -> sluice::result<std::string> {
                            (void)coro::sleep(2ms);
                            return "three";
                          });
    BOOST_REQUIRE(both.has_value());
    auto& [one, two, nothing, three] = *both;
    static_assert(std::is_same_v<std::remove_cvref_t<decltype(nothing)>, std::monostate>);
    BOOST_TEST(one == 1);
    BOOST_TEST(*two == 2);
    BOOST_TEST(three == "three");
  });
}

BOOST_AUTO_TEST_CASE(all_run_at_once) {
  as_root([] {
    const fixture::stopwatch watch;
    int waiting = 0;
    int ended = 0;
    const auto wait = [&]() -> sluice::result<void> {
      ++waiting;
      auto slept = coro::sleep(50ms);
      // Whoever wakes first finds all four there.
      if (++ended == 1) BOOST_TEST(waiting == 4);
      return slept;
    };
    BOOST_TEST(coro::all(wait, wait, wait, wait).has_value());
    BOOST_TEST(ended == 4);
    BOOST_TEST((watch.passed() >= 50ms));
  });
}

BOOST_AUTO_TEST_CASE(all_of_which_one_fails_cancels_the_others) {
  as_root([] {
    bool cancelled = false;
    const auto outcome = coro::all([&] { cancelled = !coro::sleep(10s).has_value(); },
                                   [] {
                                     (void)coro::sleep(1ms);
                                     return broken();
                                   });
    BOOST_TEST((outcome.error() == std::errc::no_link));
    BOOST_TEST(cancelled);
  });
}

BOOST_AUTO_TEST_CASE(all_throws_the_first_exception_again) {
  as_root([] {
    bool cancelled = false;
    BOOST_CHECK_THROW(
        (void)coro::all([&] { cancelled = !coro::sleep(10s).has_value(); }, []() -> int { throw std::runtime_error{"one of all"}; }),
        std::runtime_error);
    BOOST_TEST(cancelled);
  });
}

BOOST_AUTO_TEST_CASE(race_gives_the_first_success_and_awaits_the_losers) {
  as_root([] {
    bool loser_ended = false;
    const auto winner = coro::race(
        [&]() -> sluice::result<int> {
          if (auto slept = coro::sleep(10s); !slept) {
            (void)coro::shield([] { return coro::sleep(3ms); });
            loser_ended = true;
            return std::unexpected{slept.error()};
          }
          return 1;
        },
        [] {
          (void)coro::sleep(1ms);
          return std::string{"won"};
        });
    BOOST_REQUIRE(winner.has_value());
    BOOST_TEST(winner->index() == 1U);
    BOOST_TEST(std::get<1>(*winner) == "won");
    BOOST_TEST(loser_ended);
  });
}

BOOST_AUTO_TEST_CASE(race_passes_over_failures) {
  as_root([] {
    const auto winner = coro::race([] { return broken(); }, []() -> int { throw 1; },
                                   [] {
                                     (void)coro::sleep(1ms);
                                     return 3;
                                   });
    BOOST_REQUIRE(winner.has_value());
    BOOST_TEST(winner->index() == 2U);
  });
}

BOOST_AUTO_TEST_CASE(race_of_void_callables_has_a_winner_too) {
  as_root([] {
    const auto winner = coro::race([] { return coro::sleep(10s); }, [] { (void)coro::sleep(1ms); });
    BOOST_REQUIRE(winner.has_value());
    BOOST_TEST(winner->index() == 1U);
  });
}

BOOST_AUTO_TEST_CASE(race_without_a_success_gives_the_last_failure) {
  as_root([] {
    const auto outcome = coro::race(
        []() -> sluice::result<int> {
          (void)coro::sleep(3ms);
          return std::unexpected{std::make_error_code(std::errc::io_error)};
        },
        [] { return broken(); });
    BOOST_TEST((outcome.error() == std::errc::io_error));
    BOOST_CHECK_THROW((void)coro::race([] { return broken(); },
                                       []() -> int {
                                         (void)coro::sleep(1ms);
                                         throw std::runtime_error{"the last"};
                                       }),
                      std::runtime_error);
    const auto error_last = coro::race([]() -> int { throw 1; },
                                       [] {
                                         (void)coro::sleep(1ms);
                                         return broken();
                                       });
    BOOST_TEST((error_last.error() == std::errc::no_link));
  });
}

BOOST_AUTO_TEST_CASE(two_successes_in_one_tick_have_one_winner) {
  as_root([] {
    const auto winner = coro::race([] { return 1; }, [] { return 2; }, [] { return 3; });
    BOOST_TEST(winner->index() == 0U);
    BOOST_TEST(std::get<0>(*winner) == 1);
  });
}

BOOST_AUTO_TEST_CASE(a_cancelled_caller_cancels_all_of_them) {
  as_root([] {
    int begun = 0;
    int cancelled = 0;
    const auto sleeper = [&] {
      ++begun;
      const auto slept = coro::sleep(10s);
      if (!slept) ++cancelled;
      return slept;
    };
    auto a = coro::spawn([&] { return coro::all(sleeper, sleeper).has_value(); });
    auto r = coro::spawn([&] { return coro::race(sleeper, sleeper); });
    // One that is cancelled before it ran never begins.
    fixture::run_others_until<coro>([&] { return begun == 4; });
    a.request_cancel();
    r.request_cancel();
    BOOST_TEST(!a.join().value());
    BOOST_TEST((r.join().error() == std::errc::operation_canceled));
    BOOST_TEST(cancelled == 4);
  });
}

BOOST_AUTO_TEST_CASE(they_nest) {
  as_root([] {
    const auto pair = [] { return coro::all([] { return 1; }, [] { return 2; }); };
    const auto winner = coro::race(pair, [] { return coro::sleep(10s); });
    BOOST_TEST(std::get<1>(std::get<0>(*winner)) == 2);
  });
}

BOOST_AUTO_TEST_CASE(outside_a_task_they_are_refused) {
  BOOST_TEST((coro::all([] { return 1; }).error() == std::errc::operation_not_permitted));
  BOOST_TEST((coro::race([] { return 1; }).error() == std::errc::operation_not_permitted));
}

BOOST_AUTO_TEST_SUITE_END()
