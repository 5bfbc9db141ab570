// SPDX-License-Identifier: MIT
// A scheduler that a program embeds: made, filled, run, or polled inside a foreign loop.
#include <sluice/sluice.hpp>
#include <support/child.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <string>
#include <thread>
#include <vector>

#include <coro/fixture.hpp>
#include <sys/epoll.h>

using coro = sluice::coro_of<fixture::app>;
namespace op = sluice::op;
using namespace std::chrono_literals;

namespace {

/// Polls a scheduler from an epoll loop of the test's own until it has no task left; gives how often the loop slept.
auto drive_by_epoll(coro::scheduler& home) -> int {
  const int loop = ::epoll_create1(EPOLL_CLOEXEC);
  ::epoll_event interest{.events = EPOLLIN, .data = {}};
  ::epoll_ctl(loop, EPOLL_CTL_ADD, home.native_handle().value(), &interest);
  int sleeps = 0;
  while (home.poll(sluice::wait::none).value() != 0) {
    const auto next = home.next_deadline();
    int limit = -1;
    if (next != sluice::time_point::never()) {
      const auto left = (next - coro::scheduler::ring_type::now()).to_chrono();
      limit = left <= 0ns ? 0 : static_cast<int>(std::chrono::ceil<std::chrono::milliseconds>(left).count());
    }
    ::epoll_event happened{};
    const int count = ::epoll_wait(loop, &happened, 1, limit < 0 ? 5000 : limit);
    // The kernel takes rings down after their owner has gone on, and may interrupt its thread for that: no doing of this scheduler.
    if (count < 0 && errno == EINTR) continue;
    BOOST_REQUIRE((count == 1 || (count == 0 && limit >= 0)));
    ++sleeps;
  }
  ::close(loop);
  return sleeps;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(scheduler, *needs::ring())

BOOST_AUTO_TEST_CASE(another_thread_may_neither_spawn_nor_run_nor_cancel) {
#ifndef NDEBUG
  using misuse = void (*)(coro::scheduler&, coro::task<void>&);
  constexpr misuse all[] = {
      [](coro::scheduler& home, coro::task<void>&) { home.spawn([] {}); },
      [](coro::scheduler& home, coro::task<void>&) { (void)home.run(); },
      [](coro::scheduler& home, coro::task<void>&) { (void)home.poll(); },
      [](coro::scheduler& home, coro::task<void>&) { home.cancel_all(); },
      [](coro::scheduler&, coro::task<void>& task) { task.request_cancel(); },
  };
  for (const misuse what : all) {
    const auto end = support::in_child([what] {
      auto home = coro::scheduler::make();
      coro::task<void> sleeper;
      home->spawn([&] { sleeper = coro::spawn([] { return coro::sleep(100s); }); });
      (void)home->poll();
      std::thread{[&] { what(*home, sleeper); }}.join();
      return 0;
    });
    BOOST_TEST(end.signal == SIGABRT);
    BOOST_TEST(end.said.find("[sluice.coro.foreign]") != std::string::npos, end.said);
  }
#endif
}

BOOST_AUTO_TEST_CASE(runs_what_was_spawned_in_order) {
  auto home = coro::scheduler::make();
  BOOST_REQUIRE(home.has_value());
  std::string order;
  home->spawn([&] { order += 'a'; });
  home->spawn({.name = "second"}, [&](char c) { order += c; }, 'b');
  BOOST_TEST(home->live() == 2U);
  BOOST_TEST(order.empty());
  BOOST_TEST(home->run().has_value());
  BOOST_TEST(order == "ab");
  BOOST_TEST(home->live() == 0U);
}

// More of them than a processor keeps at hand, so that it is told who comes next.
BOOST_AUTO_TEST_CASE(a_crowd_takes_turns_in_order) {
  auto home = coro::scheduler::make();
  BOOST_REQUIRE(home.has_value());
  constexpr int crowd = 5000;
  std::vector<int> order;
  for (int i = 0; i != crowd; ++i)
    home->spawn([&order, i] {
      for (int turn = 0; turn != 3; ++turn) {
        order.push_back(turn * crowd + i);
        coro::yield();
      }
    });
  BOOST_TEST_REQUIRE(home->run().has_value());
  BOOST_TEST(order.size() == 3U * crowd);
  BOOST_TEST(std::is_sorted(order.begin(), order.end()));
}

BOOST_AUTO_TEST_CASE(runs_again_and_again) {
  auto home = coro::scheduler::make();
  BOOST_TEST(home->run().has_value());
  int ran = 0;
  for (int round = 0; round < 3; ++round) {
    home->spawn([&] {
      (void)coro::sleep(1ms);
      ++ran;
    });
    BOOST_TEST(home->run().has_value());
  }
  BOOST_TEST(ran == 3);
}

BOOST_AUTO_TEST_CASE(run_time_options_are_taken) {
  auto home = coro::scheduler::make({.entries = 8, .completions = 16});
  BOOST_REQUIRE(home.has_value());
  int done = 0;
  for (int i = 0; i < 100; ++i)
    home->spawn([&] {
      if (coro::io(op::nop{})) ++done;
    });
  BOOST_TEST(home->run().has_value());
  BOOST_TEST(done == 100);
}

BOOST_AUTO_TEST_CASE(a_task_without_a_stack_is_an_error_of_run) {
  auto home = coro::scheduler::make();
  bool ran = false;
  home->spawn({.stack_bytes = std::size_t{1} << 60U}, [&] { ran = true; });
  home->spawn([] {});
  BOOST_TEST(!home->run().has_value());
  BOOST_TEST(!ran);
  BOOST_TEST(home->run().has_value());
}

BOOST_AUTO_TEST_CASE(poll_makes_one_turn) {
  auto home = coro::scheduler::make();
  int turns = 0;
  home->spawn([&] {
    for (int i = 0; i < 3; ++i) {
      ++turns;
      coro::yield();
    }
  });
  BOOST_TEST(home->poll().value() == 1U);
  BOOST_TEST(turns == 1);
  BOOST_TEST(home->poll().value() == 1U);
  BOOST_TEST(turns == 2);
  while (home->poll().value() != 0) {}
  BOOST_TEST(turns == 3);
  BOOST_TEST(home->poll().value() == 0U);
}

BOOST_AUTO_TEST_CASE(poll_sleeps_only_as_long_as_it_may) {
  auto home = coro::scheduler::make();
  home->spawn([] { (void)coro::sleep(10s); });
  BOOST_TEST(home->poll(sluice::wait::one).value() == 1U);
  const fixture::stopwatch watch;
  BOOST_TEST(home->poll(sluice::wait::at_most(10ms)).value() == 1U);
  BOOST_TEST((watch.passed() >= 10ms));
  BOOST_TEST((watch.passed() < 5s));
}

BOOST_AUTO_TEST_CASE(lives_in_a_foreign_loop) {
  fixture::socket_pair pair;
  auto home = coro::scheduler::make();
  std::string got;
  home->spawn([&] {
    std::array<std::byte, 16> buffer{};
    while (const auto n = coro::io(op::recv{.socket = pair.left, .buffer = buffer})) {
      if (*n == 0) break;
      got.append(reinterpret_cast<const char*>(buffer.data()), *n);
    }
  });
  home->spawn([&] {
    for (const auto* word : {"one", "two", "three"}) {
      (void)coro::sleep(5ms);
      (void)coro::io(op::send{.socket = pair.right, .buffer = fixture::bytes_of(word)});
    }
    (void)coro::io(op::shutdown{.socket = pair.right, .how = sluice::shutdown_how::send});
  });
  BOOST_TEST(drive_by_epoll(*home) < 100);
  BOOST_TEST(got == "onetwothree");
}

BOOST_AUTO_TEST_CASE(tells_a_foreign_loop_when_to_come_back) {
  auto home = coro::scheduler::make();
  BOOST_TEST((home->next_deadline() == sluice::time_point::never()));
  const auto end = coro::scheduler::ring_type::now() + 50ms;
  home->spawn([&] { (void)coro::sleep_until(end); });
  const auto at_once = home->next_deadline();
  BOOST_TEST((at_once <= coro::scheduler::ring_type::now()));
  (void)home->poll();
  // A busy machine may have used the time up.
  BOOST_TEST((home->next_deadline() == end || coro::scheduler::ring_type::now() >= end));
  BOOST_TEST(drive_by_epoll(*home) <= 4);
  BOOST_TEST((coro::scheduler::ring_type::now() >= end));
}

BOOST_AUTO_TEST_CASE(a_task_cannot_tell_poll_from_run) {
  auto home = coro::scheduler::make();
  std::vector<int> order;
  home->spawn([&] {
    auto child = coro::spawn([&] {
      order.push_back(1);
      (void)coro::io(op::nop{});
      order.push_back(2);
      return 3;
    });
    order.push_back(child.join().value());
    coro::scope scope;
    for (int i = 4; i < 7; ++i) scope.spawn([&order, i] { order.push_back(i); });
    (void)scope.join();
  });
  while (home->poll(sluice::wait::one).value() != 0) {}
  BOOST_TEST((order == std::vector{1, 2, 3, 4, 5, 6}));
}

BOOST_AUTO_TEST_CASE(destroying_one_cancels_its_tasks_newest_first) {
  std::string order;
  {
    auto home = coro::scheduler::make();
    for (const char c : {'a', 'b', 'c'}) {
      home->spawn([&order, c] {
        if (coro::sleep(10s).error() == std::errc::operation_canceled) order += c;
      });
    }
    (void)home->poll();
  }
  BOOST_TEST(order == "cba");
}

BOOST_AUTO_TEST_CASE(destroying_one_that_never_ran_calls_nothing) {
  bool called = false;
  auto captured = std::make_shared<int>(1);
  {
    auto home = coro::scheduler::make();
    home->spawn([&called, captured] { called = true; });
    BOOST_TEST(captured.use_count() == 2);
  }
  BOOST_TEST(!called);
  BOOST_TEST(captured.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(a_shielded_task_that_waits_for_an_older_one_ends) {
  bool older_ended = false;
  bool newer_ended = false;
  {
    auto home = coro::scheduler::make();
    home->spawn([&] {
      coro::task<void> idle = coro::spawn([&] {
        (void)coro::sleep(10s);
        older_ended = true;
      });
      auto newer = coro::spawn([&] {
        (void)coro::shield([&] { return idle.join(); });
        newer_ended = true;
      });
      (void)newer.join();
    });
    (void)home->poll();
    (void)home->poll();
  }
  BOOST_TEST(older_ended);
  BOOST_TEST(newer_ended);
}

BOOST_AUTO_TEST_CASE(a_handle_that_outlives_its_scheduler_is_empty) {
  coro::task<std::string> finished;
  coro::task<void> sleeping;
  {
    auto home = coro::scheduler::make();
    home->spawn([&] {
      finished = coro::spawn([] { return std::string(100, 'x'); });
      sleeping = coro::spawn([] { (void)coro::sleep(10s); });
    });
    (void)home->poll();
    (void)home->poll();
    BOOST_TEST(finished.done());
    BOOST_TEST(!sleeping.done());
  }
  BOOST_TEST(!finished.joinable());
  BOOST_TEST(!sleeping.joinable());
  BOOST_TEST((sleeping.join().error() == std::errc::invalid_argument));
}

BOOST_AUTO_TEST_CASE(a_handle_outside_any_task_is_joined_by_polling) {
  auto home = coro::scheduler::make();
  coro::task<int> child;
  home->spawn([&] {
    child = coro::spawn([] {
      (void)coro::sleep(5ms);
      return 11;
    });
  });
  (void)home->poll();
  BOOST_TEST(child.join().value() == 11);
}

BOOST_AUTO_TEST_CASE(a_handle_outside_any_task_cancels_and_waits_when_destroyed) {
  auto home = coro::scheduler::make();
  bool ended = false;
  {
    coro::task<void> child;
    home->spawn([&] {
      child = coro::spawn([&] {
        (void)coro::sleep(10s);
        ended = true;
      });
    });
    (void)home->poll();
    (void)home->poll();
  }
  BOOST_TEST(ended);
}

BOOST_AUTO_TEST_CASE(two_of_one_config_take_turns_on_a_thread) {
  auto first = coro::scheduler::make();
  auto second = coro::scheduler::make();
  std::string order;
  const auto work = [&order](char c) {
    for (int i = 0; i < 3; ++i) {
      order += c;
      coro::yield();
    }
  };
  first->spawn(work, 'a');
  second->spawn(work, 'b');
  while (first->poll().value() + second->poll().value() != 0) {}
  BOOST_TEST(order == "ababab");
}

BOOST_AUTO_TEST_CASE(one_on_each_of_many_threads) {
  std::array<int, 4> sums{};
  std::vector<std::thread> threads;
  for (auto& sum : sums) {
    threads.emplace_back([&sum] {
      sum = coro::run([] {
              int total = 0;
              coro::scope scope;
              for (int i = 0; i < 100; ++i)
                scope.spawn([&total, i] {
                  (void)coro::io(op::nop{});
                  total += i;
                });
              (void)scope.join();
              return total;
            }).value();
    });
  }
  for (auto& one : threads) one.join();
  for (const int sum : sums) BOOST_TEST(sum == 4950);
}

BOOST_AUTO_TEST_SUITE_END()
