// SPDX-License-Identifier: MIT
// Code that blocks, beside tasks that go on.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <memory>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include <coro/as_root.hpp>
#include <coro/fixture.hpp>

struct app : sluice::config<fixture::counted_stacks, sluice::blocking::threads<{.threads = 2, .idle = std::chrono::milliseconds{20}}>> {};
using coro = sluice::coro_of<app>;
struct single : sluice::config<fixture::counted_stacks, sluice::blocking::threads<{.threads = 1}>> {};
using alone = sluice::coro_of<single>;
using namespace std::chrono_literals;
using sluice::errc;

namespace {

constexpr auto& as_root = fixture::as_root<coro>;

}  // namespace

BOOST_AUTO_TEST_SUITE(blocking, *needs::ring())

BOOST_AUTO_TEST_CASE(it_runs_elsewhere_and_gives_what_it_gave) {
  as_root([] {
    const auto here = std::this_thread::get_id();
    BOOST_TEST((coro::blocking([&](int a, int b) { return std::this_thread::get_id() == here ? 0 : a + b; }, 40, 2).value() == 42));
    BOOST_TEST(coro::blocking([] {}).has_value());
    const auto failed = coro::blocking([]() -> sluice::result<int> { return std::unexpected{std::make_error_code(std::errc::no_link)}; });
    BOOST_TEST((failed.error() == std::errc::no_link));
    BOOST_CHECK_THROW((void)coro::blocking([]() -> int { throw std::runtime_error{"thrown"}; }), std::runtime_error);
    auto text = std::make_unique<std::string>("moved");
    BOOST_TEST(*coro::blocking([](std::unique_ptr<std::string> one) { return one; }, std::move(text)).value() == "moved");
  });
}

BOOST_AUTO_TEST_CASE(tasks_go_on_meanwhile) {
  as_root([] {
    std::atomic<bool> may_end{false};
    int turns = 0;
    auto job = coro::spawn([&] {
      BOOST_TEST(coro::blocking([&] {
                   while (!may_end) std::this_thread::yield();
                 }).has_value());
    });
    for (; turns < 100; ++turns) coro::yield();
    BOOST_TEST(!job.done());
    may_end = true;
    BOOST_TEST(job.join().has_value());
  });
}

BOOST_AUTO_TEST_CASE(jobs_begin_in_order_on_so_many_threads) {
  std::vector<int> order;
  std::atomic<int> inside{0};
  const auto outcome = alone::run([&] {
    alone::scope all;
    for (int i = 0; i < 20; ++i)
      all.spawn([&, i] {
        BOOST_TEST(alone::blocking([&] {
                     if (++inside == 1) order.push_back(i);
                     --inside;
                   }).has_value());
      });
  });
  BOOST_TEST(outcome.has_value());
  BOOST_REQUIRE(order.size() == 20U);
  for (int i = 0; i < 20; ++i) BOOST_TEST(order[static_cast<std::size_t>(i)] == i);
  BOOST_TEST(fixture::counted_stacks::out == 0);
}

BOOST_AUTO_TEST_CASE(one_that_has_not_begun_is_taken_back) {
  bool ran = false;
  const auto outcome = alone::run([&] {
    std::atomic<bool> may_end{false};
    auto first = alone::spawn([&] {
      (void)alone::blocking([&] {
        while (!may_end) std::this_thread::yield();
      });
    });
    alone::yield();
    auto second = alone::spawn([&] { BOOST_TEST((alone::blocking([&] { ran = true; }).error() == std::errc::operation_canceled)); });
    alone::yield();
    second.request_cancel();
    BOOST_TEST(second.join().has_value());
    may_end = true;
    (void)first.join();
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(!ran);
}

BOOST_AUTO_TEST_CASE(one_that_runs_is_told_and_awaited) {
  as_root([] {
    std::atomic<bool> begun{false};
    int got = 0;
    auto job = coro::spawn([&] {
      got = coro::blocking(
                [&](std::stop_token stop, int with) {
                  begun = true;
                  while (!stop.stop_requested()) std::this_thread::yield();
                  return with;
                },
                7)
                .value_or(-1);
    });
    while (!begun) coro::yield();
    job.request_cancel();
    (void)job.join();
    BOOST_TEST(got == 7);
    const auto bounded = coro::with_timeout(5ms, [] {
      return coro::blocking([](std::stop_token stop) -> sluice::result<void> {
        while (!stop.stop_requested()) std::this_thread::yield();
        return std::unexpected{std::make_error_code(std::errc::operation_canceled)};
      });
    });
    BOOST_TEST(!bounded.has_value());
  });
}

BOOST_AUTO_TEST_CASE(a_task_that_was_asked_to_end_begins_none) {
  as_root([] {
    auto task = coro::spawn([] {
      (void)coro::sleep(10s);
      BOOST_TEST((coro::blocking([] { BOOST_ERROR("it must not run"); }).error() == std::errc::operation_canceled));
      BOOST_TEST(coro::shield([] { return coro::blocking([] { return 1; }); }).value() == 1);
    });
    coro::yield();
    task.request_cancel();
    (void)task.join();
  });
}

BOOST_AUTO_TEST_CASE(outside_a_task_it_is_just_called) {
  const auto here = std::this_thread::get_id();
  BOOST_TEST((coro::blocking([] { return std::this_thread::get_id(); }).value() == here));
  BOOST_TEST(coro::blocking([](std::stop_token stop) { return !stop.stop_possible(); }).value());
}

BOOST_AUTO_TEST_CASE(threads_end_when_there_is_no_work_and_start_again) {
  as_root([] {
    for (int round = 0; round < 3; ++round) {
      coro::scope all;
      std::atomic<int> done{0};
      for (int i = 0; i < 8; ++i) all.spawn([&] { (void)coro::blocking([&] { ++done; }); });
      BOOST_TEST(all.join().has_value());
      BOOST_TEST(done == 8);
      (void)coro::sleep(40ms);
    }
  });
}

BOOST_AUTO_TEST_SUITE_END()
