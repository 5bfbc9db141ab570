// SPDX-License-Identifier: MIT
// What each of those that tasks of one scheduler wait for is about; the laws of all of them are in laws/waits.hpp.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <coro/as_root.hpp>
#include <coro/fixture.hpp>

struct app : sluice::config<fixture::counted_stacks> {};
using coro = sluice::coro_of<app>;
using namespace std::chrono_literals;
using sluice::errc;

namespace {

constexpr auto& as_root = fixture::as_root<coro>;

}  // namespace

BOOST_AUTO_TEST_SUITE(synchronisation, *needs::ring())

BOOST_AUTO_TEST_SUITE(mutex)

BOOST_AUTO_TEST_CASE(lock_is_not_cut_short) {
  as_root([] {
    coro::mutex m;
    std::vector<int> order;
    auto held = m.lock();
    auto waiter = coro::spawn([&] {
      const auto mine = m.lock();
      BOOST_TEST(!!mine);
      BOOST_TEST(m.is_locked());
      BOOST_TEST(coro::this_task::cancelled());
      order.push_back(2);
    });
    coro::yield();
    waiter.request_cancel();
    coro::yield();
    order.push_back(1);
    held.unlock();
    (void)waiter.join();
    BOOST_TEST((order == std::vector{1, 2}));
    BOOST_TEST(!m.is_locked());
  });
}

BOOST_AUTO_TEST_CASE(a_guard_moves_and_may_go_to_another_task) {
  as_root([] {
    coro::mutex m;
    auto held = m.lock();
    coro::mutex::guard other{std::move(held)};
    BOOST_TEST(!held);
    BOOST_TEST(other.mutex() == &m);
    (void)coro::spawn([mine = std::move(other)]() mutable {
      coro::yield();
      mine.unlock();
      mine.unlock();
    }).join();
    BOOST_TEST(!m.is_locked());
    coro::mutex second;
    auto a = m.lock();
    auto b = second.lock();
    a = std::move(b);
    BOOST_TEST(!m.is_locked());
    BOOST_TEST(second.is_locked());
  });
}

BOOST_AUTO_TEST_CASE(an_exception_lets_go) {
  as_root([] {
    coro::mutex m;
    try {
      const auto held = m.lock();
      coro::yield();
      throw std::runtime_error{"thrown"};
    } catch (const std::runtime_error&) { BOOST_TEST(!m.is_locked()); }
  });
}

BOOST_AUTO_TEST_CASE(it_may_be_locked_outside_a_task_while_a_polled_scheduler_goes_on) {
  auto home = coro::scheduler::make();
  coro::mutex m;
  int step = 0;
  home->spawn([&] {
    const auto held = m.lock();
    (void)coro::sleep(2ms);
    step = 1;
  });
  (void)home->poll();
  {
    const auto held = m.lock();
    BOOST_TEST(step == 1);
  }
  BOOST_TEST(home->run().has_value());
  BOOST_TEST(!m.is_locked());
}

BOOST_AUTO_TEST_CASE(who_holds_it_is_named_and_so_are_cycles) {
  const auto said = fixture::error_output_of([] {
    const auto outcome = coro::run([] {
      coro::mutex a;
      coro::mutex b;
      coro::scope all;
      all.spawn({.name = "left"}, [&] {
        const auto mine = a.lock();
        coro::yield();
        BOOST_TEST((b.lock_cancellable().error() == std::errc::operation_canceled));
      });
      all.spawn({.name = "right"}, [&] {
        const auto mine = b.lock();
        coro::yield();
        BOOST_TEST((a.lock_cancellable().error() == std::errc::operation_canceled));
      });
    });
    BOOST_TEST((outcome.error() == errc::deadlock));
  });
  BOOST_TEST(said.find("\"left\" waits for a mutex of #3 \"right\"") != std::string::npos, said);
  BOOST_TEST(said.find("cycle: #2 \"left\" -> #3 \"right\" -> #2 \"left\"") != std::string::npos, said);
  BOOST_TEST(fixture::counted_stacks::out == 0);
}

BOOST_AUTO_TEST_CASE(whoever_locks_twice_waits_for_itself_and_is_told) {
  const auto said = fixture::error_output_of([] {
    const auto outcome = coro::run([] {
      coro::mutex m;
      const auto first = m.lock();
      BOOST_TEST((m.lock_cancellable().error() == std::errc::operation_canceled));
    });
    BOOST_TEST((outcome.error() == errc::deadlock));
  });
  BOOST_TEST(said.find("cycle: #1 \"root\" -> #1 \"root\"") != std::string::npos, said);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(shared_mutex)

BOOST_AUTO_TEST_CASE(readers_are_inside_together_and_a_writer_alone) {
  as_root([] {
    coro::shared_mutex m;
    int readers = 0;
    int most = 0;
    bool writes = false;
    coro::scope all;
    for (int i = 0; i < 12; ++i)
      all.spawn([&, i] {
        if (i % 4 == 3) {
          const auto mine = m.lock();
          BOOST_TEST(readers == 0);
          BOOST_TEST(!std::exchange(writes, true));
          coro::yield();
          writes = false;
        } else {
          const auto mine = m.lock_shared();
          BOOST_TEST(!writes);
          most = std::max(most, ++readers);
          coro::yield();
          --readers;
        }
      });
    BOOST_TEST(all.join().has_value());
    BOOST_TEST(most == 3);
    BOOST_TEST(!!m.try_lock());
  });
}

BOOST_AUTO_TEST_CASE(a_writer_that_waits_is_not_passed_by_readers) {
  as_root([] {
    coro::shared_mutex m;
    std::vector<int> order;
    auto first = m.lock_shared();
    coro::scope all;
    all.spawn([&] {
      const auto mine = m.lock();
      order.push_back(1);
    });
    all.spawn([&] {
      const auto mine = m.lock_shared();
      order.push_back(2);
    });
    coro::yield();
    BOOST_TEST(!m.try_lock_shared());
    BOOST_TEST(order.empty());
    first.unlock();
    (void)all.join();
    BOOST_TEST((order == std::vector{1, 2}));
  });
}

BOOST_AUTO_TEST_CASE(a_writer_that_goes_away_lets_readers_pass) {
  as_root([] {
    coro::shared_mutex m;
    const auto first = m.lock_shared();
    auto writer = coro::spawn([&] { BOOST_TEST((m.lock_cancellable().error() == std::errc::operation_canceled)); });
    bool read = false;
    auto reader = coro::spawn([&] { read = m.lock_shared_cancellable().has_value(); });
    coro::yield();
    BOOST_TEST(!read);
    writer.request_cancel();
    (void)writer.join();
    (void)reader.join();
    BOOST_TEST(read);
  });
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(semaphore)

BOOST_AUTO_TEST_CASE(who_asks_for_many_is_not_passed_by_who_asks_for_few) {
  as_root([] {
    coro::semaphore s{2};
    std::vector<int> order;
    BOOST_TEST(s.acquire().has_value());
    coro::scope all;
    all.spawn([&] {
      BOOST_TEST(s.acquire(2).has_value());
      order.push_back(2);
    });
    all.spawn([&] {
      BOOST_TEST(s.acquire(1).has_value());
      order.push_back(1);
    });
    coro::yield();
    BOOST_TEST(order.empty());
    BOOST_TEST(s.available() == 0U);
    BOOST_TEST(!s.try_acquire());
    s.release();
    coro::yield();
    BOOST_TEST((order == std::vector{2}));
    s.release(2);
    (void)all.join();
    BOOST_TEST((order == std::vector{2, 1}));
    BOOST_TEST(s.available() == 1U);
  });
}

BOOST_AUTO_TEST_CASE(one_that_goes_away_lets_those_behind_it_pass) {
  as_root([] {
    coro::semaphore s{1};
    auto large = coro::spawn([&] { BOOST_TEST((s.acquire(5).error() == std::errc::operation_canceled)); });
    auto small = coro::spawn([&] { BOOST_TEST(s.acquire(1).has_value()); });
    coro::yield();
    BOOST_TEST(!small.done());
    large.request_cancel();
    (void)small.join();
    (void)large.join();
    BOOST_TEST(s.available() == 0U);
  });
}

BOOST_AUTO_TEST_CASE(a_permit_moves_and_comes_back_once) {
  as_root([] {
    coro::semaphore s{3};
    {
      auto two = s.hold(2);
      BOOST_REQUIRE(two.has_value());
      coro::semaphore::permit other{std::move(*two)};
      BOOST_TEST(!*two);
      BOOST_TEST(s.available() == 1U);
      other.give_back();
      other.give_back();
      BOOST_TEST(s.available() == 3U);
      other = std::move(s.hold(3).value());
      BOOST_TEST(s.available() == 0U);
    }
    BOOST_TEST(s.available() == 3U);
  });
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(condition_variable)

BOOST_AUTO_TEST_CASE(whoever_is_told_has_the_mutex_again) {
  as_root([] {
    coro::mutex m;
    coro::condition_variable changed;
    std::vector<int> order;
    int value = 0;
    coro::scope all;
    for (int i = 1; i <= 3; ++i)
      all.spawn([&, i] {
        auto held = m.lock();
        BOOST_TEST(changed.wait(held, [&] { return value >= i; }).has_value());
        BOOST_TEST(!!held);
        BOOST_TEST(m.is_locked());
        order.push_back(i);
        coro::yield();
      });
    coro::yield();
    for (int i = 0; i < 3; ++i) {
      const auto held = m.lock();
      ++value;
      changed.notify_all();
    }
    (void)all.join();
    BOOST_TEST((order == std::vector{1, 2, 3}));
  });
}

BOOST_AUTO_TEST_CASE(a_cancelled_one_has_the_mutex_again_too) {
  as_root([] {
    coro::mutex m;
    coro::condition_variable changed;
    auto waiter = coro::spawn([&] {
      auto held = m.lock();
      BOOST_TEST((changed.wait(held).error() == std::errc::operation_canceled));
      BOOST_TEST(!!held);
      BOOST_TEST(m.is_locked());
    });
    coro::yield();
    auto mine = m.lock();
    waiter.request_cancel();
    coro::yield();
    BOOST_TEST(!waiter.done());
    mine.unlock();
    (void)waiter.join();
    BOOST_TEST(!m.is_locked());
  });
}

BOOST_AUTO_TEST_CASE(word_that_came_before_the_cancel_is_not_lost) {
  as_root([] {
    coro::mutex m;
    coro::condition_variable changed;
    int told = 0;
    std::vector<coro::task<void>> tasks;
    for (int i = 0; i < 2; ++i)
      tasks.push_back(coro::spawn([&] {
        auto held = m.lock();
        if (changed.wait(held)) ++told;
      }));
    coro::yield();
    changed.notify_one();
    tasks[0].request_cancel();
    (void)tasks[0].join();
    BOOST_TEST(told == 1);
    changed.notify_one();
    (void)tasks[1].join();
    BOOST_TEST(told == 2);
    changed.notify_one();
  });
}

BOOST_AUTO_TEST_CASE(a_deadline_cuts_the_wait_and_misuse_is_told) {
  as_root([] {
    coro::mutex m;
    coro::condition_variable changed;
    auto held = m.lock();
    const auto outcome = coro::with_timeout(1ms, [&] { return changed.wait(held, [] { return false; }); });
    BOOST_TEST((outcome.error() == errc::timed_out));
    BOOST_TEST(m.is_locked());
    coro::mutex::guard nothing;
    BOOST_TEST((changed.wait(nothing).error() == std::errc::invalid_argument));
  });
  coro::mutex m;
  coro::condition_variable changed;
  auto held = m.lock();
  BOOST_TEST((changed.wait(held).error() == std::errc::operation_not_permitted));
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(others)

BOOST_AUTO_TEST_CASE(an_event_lets_all_pass_until_it_is_reset) {
  as_root([] {
    coro::event happened;
    int passed = 0;
    coro::scope all;
    for (int i = 0; i < 3; ++i)
      all.spawn([&] {
        BOOST_TEST(happened.wait().has_value());
        ++passed;
      });
    coro::yield();
    BOOST_TEST(passed == 0);
    happened.set();
    (void)all.join();
    BOOST_TEST(passed == 3);
    BOOST_TEST(happened.wait().has_value());
    happened.reset();
    BOOST_TEST(!happened.is_set());
    BOOST_TEST((coro::with_timeout(1ms, [&] { return happened.wait(); }).error() == errc::timed_out));
    all.spawn([&] { BOOST_TEST(happened.wait().has_value()); });
    coro::yield();
    happened.pulse();
    (void)all.join();
    BOOST_TEST(!happened.is_set());
  });
}

BOOST_AUTO_TEST_CASE(a_latch_opens_once_for_all) {
  as_root([] {
    coro::latch start{3};
    int passed = 0;
    coro::scope all;
    for (int i = 0; i < 2; ++i)
      all.spawn([&] {
        BOOST_TEST(start.arrive_and_wait().has_value());
        ++passed;
      });
    coro::yield();
    BOOST_TEST(!start.try_wait());
    BOOST_TEST(passed == 0);
    start.count_down();
    BOOST_TEST(start.wait().has_value());
    (void)all.join();
    BOOST_TEST(passed == 2);
    BOOST_TEST(coro::latch{0}.try_wait());
  });
}

BOOST_AUTO_TEST_CASE(a_barrier_holds_each_phase_together) {
  as_root([] {
    coro::barrier together{4};
    std::vector<int> phase(4);
    int last = 0;
    coro::scope all;
    for (std::size_t i = 0; i < 4; ++i)
      all.spawn([&, i] {
        for (int k = 0; k < 5; ++k) {
          for (std::size_t n = 0; n < i; ++n) coro::yield();
          ++phase[i];
          const auto mine = together.arrive_and_wait();
          BOOST_TEST(mine.has_value());
          if (*mine) ++last;
          for (const int other : phase) BOOST_TEST(other >= k + 1);
        }
      });
    (void)all.join();
    BOOST_TEST(last == 5);
    BOOST_TEST(together.missing() == 4U);
  });
}

BOOST_AUTO_TEST_CASE(who_leaves_a_barrier_cancelled_was_never_there) {
  as_root([] {
    coro::barrier together{2};
    auto one = coro::spawn([&] { BOOST_TEST((together.arrive_and_wait().error() == std::errc::operation_canceled)); });
    coro::yield();
    BOOST_TEST(together.missing() == 1U);
    one.request_cancel();
    (void)one.join();
    BOOST_TEST(together.missing() == 2U);
    auto other = coro::spawn([&] { BOOST_TEST(together.arrive_and_wait().has_value()); });
    coro::yield();
    together.arrive_and_drop();
    (void)other.join();
    BOOST_TEST(together.missing() == 1U);
    BOOST_TEST(together.arrive_and_wait().value());
  });
}

BOOST_AUTO_TEST_CASE(once_is_once_and_a_failure_is_none) {
  as_root([] {
    coro::once setup;
    int tries = 0;
    std::vector<std::string> said;
    coro::scope all{{.on_failure = sluice::on_failure::keep}};
    const auto attempt = [&]() -> sluice::result<void> {
      const int mine = ++tries;
      (void)coro::sleep(1ms);
      if (mine == 1) return std::unexpected{std::make_error_code(std::errc::no_link)};
      if (mine == 2) throw std::runtime_error{"thrown"};
      return {};
    };
    for (int i = 0; i < 5; ++i)
      all.spawn([&] {
        try {
          const auto outcome = setup.call(attempt);
          said.push_back(outcome ? "done" : outcome.error().message());
        } catch (const std::runtime_error& thrown) { said.emplace_back(thrown.what()); }
      });
    (void)all.join();
    BOOST_TEST(tries == 3);
    BOOST_TEST(setup.is_done());
    BOOST_TEST((said == std::vector<std::string>{std::make_error_code(std::errc::no_link).message(), "thrown", "done", "done", "done"}));
    BOOST_TEST(setup.call([] { BOOST_ERROR("it was done"); }).has_value());
  });
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
