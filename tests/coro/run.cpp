// SPDX-License-Identifier: MIT
// `run`: a callable as the root task of a scheduler of its own.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <memory>
#include <stdexcept>
#include <string>
#include <system_error>

#include <coro/fixture.hpp>

using fixture::app;
using coro = sluice::coro_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;

struct other : sluice::config<fixture::roomy, sluice::trace::counters> {};
using other_coro = sluice::coro_of<other>;

BOOST_AUTO_TEST_SUITE(run, *needs::ring())

BOOST_AUTO_TEST_CASE(gives_what_the_callable_returns) {
  auto value = coro::run([](int a) { return a + 1; }, 41);
  static_assert(std::is_same_v<decltype(value), sluice::result<int>>);
  BOOST_TEST(value.value() == 42);
}

BOOST_AUTO_TEST_CASE(a_void_callable_gives_an_empty_result) {
  bool ran = false;
  auto done = coro::run([&] { ran = true; });
  static_assert(std::is_same_v<decltype(done), sluice::result<void>>);
  BOOST_TEST(done.has_value());
  BOOST_TEST(ran);
}

BOOST_AUTO_TEST_CASE(a_result_is_flattened_once) {
  auto value = coro::run([]() -> sluice::result<int> { return 7; });
  static_assert(std::is_same_v<decltype(value), sluice::result<int>>);
  BOOST_TEST(*value == 7);
  auto failed = coro::run([]() -> sluice::result<int> { return std::unexpected{std::make_error_code(std::errc::no_link)}; });
  BOOST_TEST((failed.error() == std::errc::no_link));
  auto nested = coro::run([] { return sluice::result<sluice::result<int>>{sluice::result<int>{3}}; });
  static_assert(std::is_same_v<decltype(nested), sluice::result<sluice::result<int>>>);
  BOOST_TEST(**nested == 3);
}

BOOST_AUTO_TEST_CASE(an_exception_of_the_callable_is_thrown_again) {
  BOOST_CHECK_EXCEPTION((void)coro::run([] { throw std::runtime_error{"from the root"}; }), std::runtime_error,
                        [](const auto& e) { return std::string{e.what()} == "from the root"; });
  BOOST_TEST(coro::run([] { return 1; }).value() == 1);
}

BOOST_AUTO_TEST_CASE(arguments_are_moved_in_and_results_out) {
  auto value = coro::run([](std::unique_ptr<int> p) { return std::make_unique<int>(*p * 2); }, std::make_unique<int>(21));
  BOOST_TEST(**value == 42);
}

BOOST_AUTO_TEST_CASE(waits_for_tasks_that_the_root_left_behind) {
  int ended = 0;
  const auto outcome = coro::run([&] {
    for (int i = 0; i < 3; ++i) {
      coro::spawn([&] {
        (void)coro::sleep(5ms);
        ++ended;
      }).detach();
    }
    return 9;
  });
  BOOST_TEST(*outcome == 9);
  BOOST_TEST(ended == 3);
}

BOOST_AUTO_TEST_CASE(inside_a_task_of_the_same_config_is_refused) {
  const auto outcome = coro::run([] {
    bool ran = false;
    const auto inner = coro::run([&] { ran = true; });
    BOOST_TEST(!ran);
    BOOST_TEST((inner.error() == sluice::errc::already_running));
    auto home = coro::scheduler::make();
    BOOST_TEST((home->run().error() == sluice::errc::already_running));
    BOOST_TEST((home->poll().error() == sluice::errc::already_running));
    (void)coro::sleep(1ms);
    return 1;
  });
  BOOST_TEST(*outcome == 1);
}

BOOST_AUTO_TEST_CASE(inside_a_task_of_another_config_nests) {
  const auto outcome = coro::run([] {
    (void)coro::sleep(1ms);
    const auto inner = other_coro::run([] {
      BOOST_TEST(other_coro::this_task::id() != 0U);
      BOOST_TEST(coro::this_task::id() != 0U);
      auto child = other_coro::spawn([] { return other_coro::sleep(1ms).has_value(); });
      return *child.join();
    });
    BOOST_TEST(other_coro::this_task::id() == 0U);
    (void)coro::sleep(1ms);
    return *inner;
  });
  BOOST_TEST(*outcome);
}

BOOST_AUTO_TEST_CASE(an_exception_crosses_nested_schedulers) {
  BOOST_CHECK_THROW((void)coro::run([] {
                      try {
                        throw 1;
                      } catch (int) {
                        (void)other_coro::run([] { throw std::logic_error{"inner"}; });
                      }
                    }),
                    std::logic_error);
}

BOOST_AUTO_TEST_CASE(one_after_the_other_on_one_thread_leaves_nothing_open) {
  (void)coro::run([] {});
  const int before = fixture::open_descriptors();
  for (int i = 0; i < 100; ++i) BOOST_TEST(coro::run([&] { return i; }).value() == i);
  BOOST_TEST(fixture::open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(a_deadlock_of_what_the_root_left_behind_is_the_result) {
  sluice::result<int> outcome;
  const auto said = fixture::error_output_of([&] {
    outcome = coro::run([] {
      auto a = std::make_shared<coro::task<void>>();
      auto b = std::make_shared<coro::task<void>>();
      *a = coro::spawn([b] { (void)b->join(); });
      *b = coro::spawn([a] { (void)a->join(); });
      coro::spawn([a, b] { (void)coro::sleep(1ms); }).detach();
      return 5;
    });
  });
  BOOST_TEST((outcome.error() == sluice::errc::deadlock));
  BOOST_TEST(said.find("deadlock") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
