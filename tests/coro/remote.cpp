// SPDX-License-Identifier: MIT
// Other threads reach a task: they may ask it to end, at any time, also when it is long gone.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <coro/fixture.hpp>

using coro = sluice::coro_of<fixture::app>;
namespace op = sluice::op;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(remote, *needs::ring())

BOOST_AUTO_TEST_CASE(a_sleeping_task_is_cancelled_from_another_thread) {
  const fixture::stopwatch watch;
  const auto outcome = coro::run([] {
    auto t = coro::spawn([] { return coro::sleep(20s); });
    std::thread other{[name = t.remote()] {
      std::this_thread::sleep_for(5ms);
      BOOST_TEST(name.request_cancel().has_value());
    }};
    const auto joined = t.join();
    other.join();
    return joined;
  });
  BOOST_TEST((outcome.error() == std::errc::operation_canceled));
  BOOST_TEST((watch.passed() < 10s));
}

BOOST_AUTO_TEST_CASE(tasks_that_only_yield_hear_it_too) {
  const auto outcome = coro::run([] {
    auto t = coro::spawn([] {
      while (!coro::this_task::cancelled()) coro::yield();
    });
    coro::yield();  // cancelled before it runs, it would never run
    std::thread other{[name = t.remote()] {
      std::this_thread::sleep_for(2ms);
      (void)name.request_cancel();
    }};
    const auto joined = t.join();
    other.join();
    return joined;
  });
  BOOST_TEST(outcome.has_value());
}

BOOST_AUTO_TEST_CASE(a_stale_name_is_harmless) {
  decltype(coro::task<int>{}.remote()) nothing;
  BOOST_TEST((nothing.request_cancel().error() == std::errc::operation_canceled));
  auto gone = nothing;
  const auto outcome = coro::run([&] {
    auto first = coro::spawn([] { return 1; });
    const auto stale = first.remote();
    gone = stale;
    BOOST_TEST(first.join().value() == 1);
    auto second = coro::spawn([] {
      coro::yield();
      (void)coro::sleep(1ms);
      return coro::this_task::cancelled() ? 1 : 2;
    });
    BOOST_TEST(stale.request_cancel().has_value());
    return second.join();
  });
  BOOST_TEST(outcome.value() == 2);
  BOOST_TEST((gone.request_cancel().error() == std::errc::operation_canceled));
}

BOOST_AUTO_TEST_CASE(many_threads_at_once) {
  int cancelled = 0;
  const auto outcome = coro::run([&] {
    std::vector<coro::task<void>> tasks;
    std::vector<std::thread> threads;
    for (int i = 0; i < 200; ++i)
      tasks.push_back(coro::spawn([&] {
        if (!coro::sleep(20s)) ++cancelled;
      }));
    coro::yield();
    for (int k = 0; k < 4; ++k) {
      std::vector<decltype(tasks[0].remote())> names;
      for (auto& t : tasks) names.push_back(t.remote());
      threads.emplace_back([names = std::move(names)] {
        for (const auto& name : names) (void)name.request_cancel();
      });
    }
    for (auto& t : tasks) (void)t.join();
    for (auto& one : threads) one.join();
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(cancelled == 200);
}

BOOST_AUTO_TEST_CASE(no_deadlock_is_told_as_long_as_somebody_may_ask) {
  std::atomic<bool> begun{false};
  std::atomic<bool> asked{false};
  const auto said = fixture::error_output_of([&] {
    const auto outcome = coro::run([&] {
      // Each joins the other: only somebody outside could end that, and somebody may as long as there is a name.
      auto a = std::make_shared<coro::task<void>>();
      auto b = std::make_shared<coro::task<void>>();
      *a = coro::spawn([b] { BOOST_TEST((b->join().error() == sluice::errc::deadlock)); });
      *b = coro::spawn([a, &begun] {
        begun = true;
        BOOST_TEST((a->join().error() == sluice::errc::deadlock));
      });
      std::thread{[name = std::optional{b->remote()}, &begun, &asked]() mutable {
        while (!begun) std::this_thread::yield();  // cancelled before it runs, it would never run
        std::this_thread::sleep_for(5ms);
        (void)name->request_cancel();
        asked = true;
        name.reset();
      }}.detach();
    });
    BOOST_TEST((outcome.error() == sluice::errc::deadlock));
  });
  BOOST_TEST(asked);
  BOOST_TEST(said.find("asked to end") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_last_name_that_goes_wakes_a_scheduler_without_hope) {
  (void)fixture::error_output_of([] {
    const auto outcome = coro::run([] {
      auto a = std::make_shared<coro::task<void>>();
      auto b = std::make_shared<coro::task<void>>();
      *a = coro::spawn([b] { (void)b->join(); });
      *b = coro::spawn([a] { (void)a->join(); });
      std::thread{[one = std::optional{a->remote()}, two = std::optional{b->remote()}]() mutable {
        std::this_thread::sleep_for(20ms);
        one.reset();
        std::this_thread::sleep_for(20ms);
        two.reset();
      }}.detach();
    });
    BOOST_TEST((outcome.error() == sluice::errc::deadlock));
  });
}

BOOST_AUTO_TEST_CASE(the_scheduler_may_go_while_others_ask) {
  for (int round = 0; round < 50; ++round) {
    std::optional<std::thread> other;
    std::atomic<bool> stop{false};
    (void)coro::run([&] {
      auto t = coro::spawn([] { (void)coro::sleep(1ms); });
      other.emplace([name = t.remote(), &stop] {
        while (!stop) (void)name.request_cancel();
      });
      (void)t.join();
    });
    stop = true;
    other->join();
  }
  BOOST_TEST(true);
}

BOOST_AUTO_TEST_SUITE_END()
