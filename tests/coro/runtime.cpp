// SPDX-License-Identifier: MIT
// Several schedulers, one a thread: what they send each other, how they end, and when all are stuck.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cstddef>
#include <memory>
#include <mutex>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include <coro/fixture.hpp>
#include <sched.h>

struct app : sluice::config<fixture::roomy> {};
using coro = sluice::coro_of<app>;
using core = coro::runtime::core;
namespace op = sluice::op;
using namespace std::chrono_literals;
using sluice::errc;

namespace {

/// Of all threads together one asks in vain.
struct scarce_stacks {
  static constexpr auto kind = sluice::policy_kind::stack;
  static constexpr std::string_view name = "scarce";

  auto allocate() noexcept -> sluice::result<sluice::stack_span> {
    if (--left == 0) return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
    return inner.allocate();
  }
  void deallocate(sluice::stack_span stack) noexcept { inner.deallocate(stack); }

  static inline std::atomic<int> left{0};
  fixture::roomy inner;
};
struct few_stacks : sluice::config<scarce_stacks> {};
using starved = sluice::coro_of<few_stacks>;

}  // namespace

BOOST_AUTO_TEST_SUITE(runtime, *needs::ring())

BOOST_AUTO_TEST_CASE(each_core_runs_on_a_thread_of_its_own) {
  std::mutex guard;
  std::set<std::thread::id> threads;
  std::set<std::size_t> numbers;
  const auto outcome = coro::runtime::run({.threads = 4}, [&](core& mine) {
    (void)coro::sleep(1ms);
    const std::scoped_lock held{guard};
    threads.insert(std::this_thread::get_id());
    numbers.insert(mine.index());
    if (mine.count() != 4) numbers.insert(100);
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(threads.size() == 4U);
  BOOST_TEST((numbers == std::set<std::size_t>{0, 1, 2, 3}));
}

BOOST_AUTO_TEST_CASE(as_many_as_there_are_processors_each_on_its_own) {
  ::cpu_set_t allowed;
  ::sched_getaffinity(0, sizeof(allowed), &allowed);
  std::atomic<std::size_t> count{0};
  std::atomic<int> pinned{0};
  const auto outcome = coro::runtime::run({.pin = true}, [&](core& mine) {
    count = mine.count();
    ::cpu_set_t set;
    if (::sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) == 1) ++pinned;
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(count == static_cast<std::size_t>(CPU_COUNT(&allowed)));
  BOOST_TEST(pinned == CPU_COUNT(&allowed));
}

BOOST_AUTO_TEST_CASE(tasks_are_sent_from_core_to_core) {
  constexpr int each = 500;
  std::vector<int> got(3);
  std::atomic<int> refused{0};  // checks belong to one thread
  const auto outcome = coro::runtime::run({.threads = 3}, [&](core& mine) {
    for (int i = 0; i < each; ++i) {
      const auto to = (mine.index() + 1) % 3;
      const auto sent = mine.spawn_on(to, [&got, to, home = std::this_thread::get_id()] {
        if (std::this_thread::get_id() != home) ++got[to];
      });
      if (!sent) ++refused;
      if (i % 50 == 0) coro::yield();
    }
    if (mine.spawn_on(3, [] {}).error() == std::errc::invalid_argument) return;
    ++refused;
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(refused == 0);
  BOOST_TEST((got == std::vector<int>{each, each, each}));
}

BOOST_AUTO_TEST_CASE(a_core_that_is_done_still_serves_the_others) {
  std::atomic<int> served{0};
  const auto outcome = coro::runtime::run({.threads = 2}, [&](core& mine) {
    if (mine.index() == 1) return;
    (void)coro::sleep(5ms);
    (void)mine.spawn_on(1, [&] {
      (void)coro::sleep(1ms);
      ++served;
    });
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(served == 1);
}

BOOST_AUTO_TEST_CASE(the_first_failure_ends_all) {
  std::atomic<int> begun{0};
  std::atomic<int> canceled{0};
  const auto outcome = coro::runtime::run({.threads = 3}, [&](core& mine) -> sluice::result<void> {
    if (mine.index() == 1) {
      // A root task that is asked to end before it ran never begins.
      fixture::run_others_until<coro>([&] { return begun == 2; });
      (void)coro::sleep(2ms);
      return std::unexpected{std::make_error_code(std::errc::no_link)};
    }
    ++begun;
    const auto slept = coro::sleep(10s);
    if (!slept) ++canceled;
    return slept;
  });
  BOOST_TEST((outcome.error() == std::errc::no_link));
  BOOST_TEST(canceled == 2);
}

BOOST_AUTO_TEST_CASE(where_one_core_cannot_be_made_none_begins) {
  for (int which = 1; which <= 4; ++which) {
    std::atomic<int> begun{0};
    scarce_stacks::left = which;
    const auto outcome = starved::runtime::run({.threads = 3}, [&](auto&) { ++begun; });
    BOOST_TEST(outcome.has_value() == (which == 4));
    BOOST_TEST(begun == (outcome ? 3 : 0));
    if (!outcome) BOOST_TEST((outcome.error() == std::errc::not_enough_memory), outcome.error().message());
  }
}

BOOST_AUTO_TEST_CASE(what_a_root_task_gives_beside_an_error_is_dropped) {
  BOOST_TEST(coro::runtime::run({.threads = 2}, [](core& mine) { return mine.index(); }).has_value());
}

BOOST_AUTO_TEST_CASE(so_does_an_exception_which_comes_out_of_run) {
  BOOST_CHECK_THROW((void)coro::runtime::run({.threads = 2},
                                             [&](core& mine) {
                                               if (mine.index() == 0) throw std::runtime_error{"thrown"};
                                               (void)coro::sleep(10s);
                                             }),
                    std::runtime_error);
}

BOOST_AUTO_TEST_CASE(any_core_may_end_all) {
  const fixture::stopwatch watch;
  const auto outcome = coro::runtime::run({.threads = 3}, [&](core& mine) {
    if (mine.index() == 2) mine.cancel_all();
    (void)coro::sleep(10s);
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST((watch.passed() < 9s));
}

BOOST_AUTO_TEST_CASE(inside_a_task_there_is_none) {
  const auto outcome = coro::run([] { return coro::runtime::run({.threads = 1}, [](core&) {}); });
  BOOST_TEST((outcome.error() == errc::already_running));
}

BOOST_AUTO_TEST_CASE(stuck_are_all_together_or_none) {
  sluice::result<void> outcome;
  const auto said = fixture::error_output_of([&] {
    outcome = coro::runtime::run({.threads = 2}, [](core& mine) {
      if (mine.index() == 1) {
        // Long after the other one has nothing to do any more, it is sent something.
        (void)coro::sleep(10ms);
        (void)mine.spawn_on(0, [] {});
        (void)coro::sleep(10ms);
      }
      coro::event never;
      (void)never.wait();
    });
  });
  BOOST_TEST((outcome.error() == errc::deadlock));
  std::size_t tables = 0;
  for (auto at = said.find("deadlock: every task waits"); at != std::string::npos; at = said.find("deadlock: every task waits", at + 1))
    ++tables;
  BOOST_TEST(tables == 2U, said);
  BOOST_TEST(said.find("waits for an event") != std::string::npos, said);
}

BOOST_AUTO_TEST_CASE(what_a_stuck_root_task_gives_does_not_hide_that_it_was_stuck) {
  sluice::result<void> outcome;
  const auto said = fixture::error_output_of([&] {
    outcome = coro::runtime::run({.threads = 2}, [](core& here) -> sluice::result<void> {
      coro::event never;
      if (here.index() == 0) return never.wait();
      return coro::sleep(1ms);
    });
  });
  BOOST_TEST((outcome.error() == errc::deadlock), outcome.error().message());
  BOOST_TEST(said.find("waits for an event") != std::string::npos, said);
}

BOOST_AUTO_TEST_CASE(who_waits_for_a_thread_or_for_another_core_is_not_stuck) {
  coro::remote_channel<int> jobs{4};
  std::atomic<int> sum{0};
  std::thread outside{[&] {
    std::this_thread::sleep_for(5ms);
    for (int i = 1; i <= 100; ++i) (void)jobs.send(i);
    jobs.close();
  }};
  const auto outcome = coro::runtime::run({.threads = 3}, [&](core&) {
    while (const auto one = jobs.receive()) sum += *one;
  });
  outside.join();
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(sum == 5050);
}

BOOST_AUTO_TEST_CASE(a_core_without_a_stuck_task_does_not_end_with_the_stuck_one) {
  sluice::result<void> outcome;
  const auto said = fixture::error_output_of([&] {
    outcome = coro::runtime::run({.threads = 3}, [](core& mine) {
      if (mine.index() != 0) return;
      coro::mutex m;
      const auto once = m.lock();
      BOOST_TEST((m.lock_cancellable().error() == std::errc::operation_canceled));
    });
  });
  BOOST_TEST((outcome.error() == errc::deadlock));
  BOOST_TEST(said.find("waits for a mutex") != std::string::npos, said);
  BOOST_TEST(said.find("abandoned") == std::string::npos, said);
}

BOOST_AUTO_TEST_CASE(blocking_code_of_all_cores_shares_the_threads) {
  std::mutex guard;
  std::set<std::thread::id> threads;
  struct few : sluice::config<fixture::roomy, sluice::blocking::threads<{.threads = 2}>> {};
  using there = sluice::coro_of<few>;
  const auto outcome = there::runtime::run({.threads = 3}, [&](auto&) {
    for (int i = 0; i < 10; ++i)
      (void)there::blocking([&] {
        const std::scoped_lock held{guard};
        threads.insert(std::this_thread::get_id());
      });
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(threads.size() <= 2U);
}

BOOST_AUTO_TEST_SUITE_END()
