// SPDX-License-Identifier: MIT
// What tasks of different schedulers and plain threads wait for together.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <coro/fixture.hpp>

struct app : sluice::config<fixture::roomy> {};
using coro = sluice::coro_of<app>;
using namespace std::chrono_literals;
using sluice::errc;

namespace {

/// Runs a body as the root task of a scheduler on a thread of its own.
template <class F>
auto on_a_scheduler(F f) -> std::thread {
  return std::thread{[f = std::move(f)]() mutable { (void)coro::run(std::move(f)); }};
}

/// An item's sender and its number there.
struct ticket {
  int from = 0;
  int number = 0;
};

/// Some senders and receivers, each a task or a thread: every item arrives once, those of one sender in order at each receiver.
void pass(std::size_t capacity, int threads, int tasks, int each) {
  coro::remote_channel<ticket> channel{capacity};
  const int both = threads + tasks;
  std::vector<std::vector<ticket>> got(static_cast<std::size_t>(both));
  std::atomic<int> senders{both};
  const auto send = [&](int me) {
    for (int i = 0; i < each; ++i)
      if (!channel.send(ticket{me, i})) return;
    if (senders.fetch_sub(1) == 1) channel.close();
  };
  const auto receive = [&](int me) {
    while (auto one = channel.receive()) got[static_cast<std::size_t>(me)].push_back(*one);
  };
  std::vector<std::thread> all;
  for (int i = 0; i < threads; ++i) {
    all.emplace_back(send, i);
    all.emplace_back(receive, i);
  }
  for (int i = threads; i < both; ++i) {
    all.push_back(on_a_scheduler([&, i] { send(i); }));
    all.push_back(on_a_scheduler([&, i] { receive(i); }));
  }
  for (auto& one : all) one.join();
  std::vector<std::vector<int>> numbers(static_cast<std::size_t>(both));
  for (const auto& mine : got) {
    std::vector<int> last(static_cast<std::size_t>(both), -1);
    for (const auto& one : mine) {
      BOOST_TEST(last[static_cast<std::size_t>(one.from)] < one.number);
      last[static_cast<std::size_t>(one.from)] = one.number;
      numbers[static_cast<std::size_t>(one.from)].push_back(one.number);
    }
  }
  for (auto& one : numbers) {
    std::sort(one.begin(), one.end());
    BOOST_TEST(one.size() == static_cast<std::size_t>(each));
    BOOST_TEST((std::unique(one.begin(), one.end()) == one.end()));
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(remote_objects, *needs::ring())

BOOST_AUTO_TEST_SUITE(channel)

BOOST_AUTO_TEST_CASE(items_cross_once_and_in_order) {
  pass(2, 1, 0, 20'000);
  pass(2, 0, 1, 20'000);
  pass(4, 2, 1, 5'000);
  pass(1024, 1, 1, 20'000);
}

BOOST_AUTO_TEST_CASE(a_full_one_and_an_empty_one_say_so) {
  coro::remote_channel<std::unique_ptr<int>> c{3};
  BOOST_TEST(c.capacity() == 4U);
  BOOST_TEST((c.try_receive().error() == std::errc::resource_unavailable_try_again));
  for (int i = 0; i < 4; ++i) BOOST_TEST(c.try_send(std::make_unique<int>(i)).has_value());
  auto fifth = std::make_unique<int>(5);
  BOOST_TEST((c.try_send(std::move(fifth)).error() == std::errc::resource_unavailable_try_again));
  BOOST_REQUIRE(fifth);
  BOOST_TEST(*c.try_receive().value() == 0);
  c.close();
  BOOST_TEST((c.send(std::move(fifth)).error() == errc::closed));
  BOOST_REQUIRE(fifth);
  for (int i = 1; i < 4; ++i) BOOST_TEST(*c.receive().value() == i);
  BOOST_TEST((c.receive().error() == errc::closed));
  BOOST_TEST((c.try_receive().error() == errc::closed));
}

BOOST_AUTO_TEST_CASE(closing_wakes_those_who_wait) {
  coro::remote_channel<int> c{2};
  std::atomic<int> told{0};
  std::thread thread{[&] {
    if (c.receive().error() == errc::closed) ++told;
  }};
  auto other = on_a_scheduler([&] {
    if (c.receive().error() == errc::closed) ++told;
  });
  std::this_thread::sleep_for(5ms);
  c.close();
  thread.join();
  other.join();
  BOOST_TEST(told == 2);
}

BOOST_AUTO_TEST_CASE(a_cancelled_wait_ends_and_the_item_is_for_the_next_one) {
  const auto outcome = coro::run([] {
    coro::remote_channel<int> c{2};
    auto first = coro::spawn([&] { BOOST_TEST((c.receive().error() == std::errc::operation_canceled)); });
    int got = 0;
    auto second = coro::spawn([&] { got = c.receive().value_or(-1); });
    coro::yield();
    first.request_cancel();
    (void)first.join();
    std::thread sender{[&] { (void)c.send(7); }};
    (void)second.join();
    sender.join();
    BOOST_TEST(got == 7);
    BOOST_TEST((coro::with_timeout(1ms, [&] { return c.receive(); }).error() == errc::timed_out));
  });
  BOOST_TEST(outcome.has_value());
}

BOOST_AUTO_TEST_CASE(no_item_is_lost_when_waits_are_cancelled_while_items_come) {
  coro::remote_channel<int> c{8};
  constexpr int many = 4000;
  std::thread sender{[&] {
    for (int i = 0; i < many; ++i) (void)c.send(i);
    c.close();
  }};
  int got = 0;
  const auto outcome = coro::run([&] {
    for (bool more = true; more;) {
      auto one = coro::spawn([&] {
        for (;;) {
          const auto item = c.receive();
          if (!item) {
            more = item.error() != errc::closed;
            return;
          }
          ++got;
        }
      });
      for (int i = 0; i < 3; ++i) coro::yield();
      one.request_cancel();
      (void)one.join();
    }
  });
  sender.join();
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(got == many);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_CASE(an_event_wakes_tasks_and_threads_everywhere) {
  for (int round = 0; round < 50; ++round) {
    coro::remote_event happened;
    std::atomic<int> passed{0};
    int written = 0;
    std::vector<std::thread> all;
    for (int i = 0; i < 2; ++i) {
      all.emplace_back([&] {
        if (happened.wait() && written == 1) ++passed;
      });
      all.push_back(on_a_scheduler([&] {
        coro::scope tasks;
        for (int k = 0; k < 3; ++k)
          tasks.spawn([&] {
            if (happened.wait() && written == 1) ++passed;
          });
      }));
    }
    if (round % 2 == 0) std::this_thread::sleep_for(1ms);
    written = 1;
    happened.set();
    for (auto& one : all) one.join();
    BOOST_TEST(passed == 8);
    BOOST_TEST(happened.is_set());
    happened.reset();
    BOOST_TEST(!happened.is_set());
  }
}

BOOST_AUTO_TEST_CASE(waits_are_cancelled_while_all_are_woken) {
  for (int round = 0; round < 40; ++round) {
    coro::remote_event happened;
    std::atomic<bool> go{false};
    std::thread other{[&] {
      while (!go) std::this_thread::yield();
      happened.set();
    }};
    int ended = 0;
    const auto outcome = coro::run([&] {
      std::vector<coro::task<void>> tasks;
      for (int i = 0; i < 8; ++i)
        tasks.push_back(coro::spawn([&] {
          (void)happened.wait();
          ++ended;
        }));
      coro::yield();
      go = true;
      for (int n = round % 10; n > 0; --n) std::this_thread::yield();
      for (auto one = tasks.rbegin(); one != tasks.rend(); ++one) one->request_cancel();
      for (auto& one : tasks) (void)one.join();
    });
    other.join();
    BOOST_TEST(outcome.has_value());
    BOOST_TEST(ended == 8);
  }
}

BOOST_AUTO_TEST_CASE(a_mutex_holds_one_of_all_tasks_and_threads) {
  coro::remote_mutex m;
  int inside = 0;
  long sum = 0;
  std::atomic<bool> overlap{false};
  const auto work = [&] {
    for (int i = 0; i < 2000; ++i) {
      const auto held = m.lock();
      if (++inside != 1) overlap = true;
      ++sum;
      --inside;
    }
  };
  std::vector<std::thread> all;
  for (int i = 0; i < 2; ++i) all.emplace_back(work);
  for (int i = 0; i < 2; ++i)
    all.push_back(on_a_scheduler([&] {
      coro::scope tasks;
      tasks.spawn(work);
      tasks.spawn(work);
    }));
  for (auto& one : all) one.join();
  BOOST_TEST(!overlap);
  BOOST_TEST(sum == 12'000);
  BOOST_TEST(!!m.try_lock());
}

BOOST_AUTO_TEST_CASE(a_cancelled_waiter_of_a_mutex_neither_keeps_nor_loses_it) {
  const auto outcome = coro::run([] {
    coro::remote_mutex m;
    auto held = m.lock();
    auto first = coro::spawn([&] { BOOST_TEST((m.lock_cancellable().error() == std::errc::operation_canceled)); });
    bool got = false;
    auto second = coro::spawn([&] {
      const auto mine = m.lock();
      got = true;
    });
    coro::yield();
    BOOST_TEST(!m.try_lock());
    first.request_cancel();
    (void)first.join();
    second.request_cancel();
    held.unlock();
    (void)second.join();
    BOOST_TEST(got);
    BOOST_TEST(!!m.try_lock());
  });
  BOOST_TEST(outcome.has_value());
}

BOOST_AUTO_TEST_CASE(what_is_posted_runs_as_a_task_in_order) {
  std::vector<int> order;
  coro::remote_event ready;
  coro::remote_scheduler there;
  auto thread = on_a_scheduler([&] {
    there = coro::here();
    ready.set();
    coro::event done;
    (void)coro::with_timeout(5s, [&]() -> sluice::result<void> {
      while (order.size() < 100) {
        if (auto slept = coro::sleep(1ms); !slept) return slept;
      }
      return {};
    });
  });
  BOOST_TEST(ready.wait().has_value());
  for (int i = 0; i < 100; ++i)
    BOOST_TEST(there
                   .post(
                       [&, i](std::unique_ptr<int> with) {
                         if (coro::this_task::id() != 0 && *with == i) order.push_back(i);
                       },
                       std::make_unique<int>(i))
                   .has_value());
  thread.join();
  BOOST_TEST(order.size() == 100U);
  BOOST_TEST(std::is_sorted(order.begin(), order.end()));
  BOOST_TEST((there.post([] {}).error() == std::errc::operation_canceled));
  BOOST_TEST((coro::remote_scheduler{}.post([] {}).error() == std::errc::operation_canceled));
}

BOOST_AUTO_TEST_CASE(whoever_waits_for_another_thread_is_not_deadlocked) {
  coro::remote_channel<int> c{2};
  std::thread later{[&] {
    std::this_thread::sleep_for(20ms);
    (void)c.send(1);
  }};
  const auto got = coro::run([&] { return c.receive(); });
  later.join();
  BOOST_TEST(got.value() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
