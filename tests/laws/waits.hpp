// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Laws of whatever tasks wait for: first come, first served; what is given is given to one who waits; who gives up has never been there.

#include <sluice/sluice.hpp>
#include <support/child.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <coro/as_root.hpp>
#include <coro/fixture.hpp>
#include <unistd.h>

namespace laws::waits {

using namespace std::chrono_literals;
using sluice::errc;

/// What a model says about itself.
struct traits {
  std::string_view name;
  bool one_at_a_time = false;  ///< there is one turn, kept from the end of a wait until it is passed on
  bool hands_on = false;       ///< what is given belongs to the one who waits, before that has run
  bool remote = false;         ///< threads may wait as well
  bool remote_arm = false;     ///< but through a select: only tasks do, and what is there is theirs when they have looked
  bool needs_tasks = false;    ///< a task keeps it shut
};

/// Something that tasks wait for. One that was just made is shut: whoever waits does so until `let`.
struct model {
  explicit model(const traits& what) : says{what} {}
  model(const model&) = delete;
  auto operator=(const model&) -> model& = delete;
  virtual ~model() = default;

  virtual void start() {}  ///< shuts it, where that takes tasks; called by one
  virtual auto wait() -> sluice::result<void> = 0;
  virtual void pass_on() {}                         ///< ends the turn of whoever has waited
  virtual void let() = 0;                           ///< lets those go on who wait: all, or the first one, who passes it on
  virtual void forget_one() {}                      ///< a task that waits never comes back
  virtual auto try_now() -> bool { return false; }  ///< whether a turn can be had at once; it is given back at once
  virtual auto is_shut() -> bool { return true; }   ///< as at the beginning
  virtual auto is_clear() -> bool = 0;              ///< was let, and nobody has a turn or waits

  const traits& says;
};

/// A kind of model.
struct kind {
  const traits* says;
  std::unique_ptr<model> (*make)();
};

/// Counted by the program's `operator new`.
inline std::atomic<std::size_t> allocations{0};
/// Whether its `operator new` that does not throw has nothing to give.
inline std::atomic<bool> is_out_of_memory{false};

/// Starts a task; the same code for all of them, which spares the compiler much.
template <class Coro>
[[gnu::noinline]] auto go(std::function<void()> body) {
  return Coro::spawn([body = std::move(body)] { body(); });
}
template <class Coro>
[[gnu::noinline]] void run(const std::function<void()>& body) {
  (void)Coro::run([&body] { body(); });
}

/// Waits, and passes on what it got. Whether it got anything.
inline auto pass_through(model& m) -> sluice::result<void> {
  auto got = m.wait();
  if (got) m.pass_on();
  return got;
}

inline auto is_cancelled(const sluice::result<void>& outcome) -> bool {
  return !outcome && outcome.error() == std::errc::operation_canceled;
}

template <class Coro>
void those_who_wait_go_on_in_their_order(model& m) {
  std::vector<int> order;
  std::vector<typename Coro::template task<void>> all;
  for (int i = 0; i < 5; ++i)
    all.push_back(go<Coro>([&, i] {
      BOOST_TEST(m.wait().has_value());
      order.push_back(i);
      Coro::yield();
      m.pass_on();
    }));
  Coro::yield();
  BOOST_TEST(order.empty());
  BOOST_TEST(m.is_shut());
  m.let();
  for (auto& one : all) (void)one.join();
  BOOST_TEST((order == std::vector{0, 1, 2, 3, 4}));
  BOOST_TEST(m.is_clear());
}

template <class Coro>
void nobody_gets_in_before_those_who_wait(model& m) {
  if (!m.says.hands_on) return;
  auto waiter = go<Coro>([&] { BOOST_TEST(pass_through(m).has_value()); });
  Coro::yield();
  m.let();
  // It is the waiter's by now, although that has not run.
  BOOST_TEST(!m.try_now());
  BOOST_TEST(!m.is_clear());
  (void)waiter.join();
  BOOST_TEST(m.is_clear());
}

template <class Coro>
void a_cancelled_waiter_goes_at_once_and_the_others_keep_their_order(model& m) {
  std::vector<int> order;
  std::array<typename Coro::template task<void>, 4> tasks;
  for (int i = 0; i < 4; ++i)
    tasks[static_cast<std::size_t>(i)] = go<Coro>([&, i] {
      const auto mine = pass_through(m);
      order.push_back(mine ? i : is_cancelled(mine) ? -1 - i : 100);
    });
  Coro::yield();
  tasks[0].request_cancel();
  tasks[2].request_cancel();
  (void)tasks[0].join();
  (void)tasks[2].join();
  BOOST_TEST((order == std::vector{-1, -3}));
  BOOST_TEST(m.is_shut());
  m.let();
  for (auto& task : tasks)
    if (task.joinable()) (void)task.join();
  BOOST_TEST((order == std::vector{-1, -3, 1, 3}));
  BOOST_TEST(m.is_clear());
}

template <class Coro>
void whoever_gave_up_is_passed_over_before_it_has_run(model& m) {
  std::vector<int> order;
  std::array<typename Coro::template task<void>, 3> tasks;
  for (int i = 0; i < 3; ++i)
    tasks[static_cast<std::size_t>(i)] = go<Coro>([&, i] {
      const auto mine = pass_through(m);
      order.push_back(mine ? i : is_cancelled(mine) ? -1 - i : 100);
    });
  Coro::yield();
  tasks[0].request_cancel();
  tasks[1].request_cancel();
  m.let();
  for (auto& task : tasks) (void)task.join();
  BOOST_TEST((order == std::vector{-1, -2, 2}));
  BOOST_TEST(m.is_clear());
}

template <class Coro>
void what_came_before_the_cancel_stands(model& m) {
  bool got = false;
  auto waiter = go<Coro>([&] { got = pass_through(m).has_value(); });
  Coro::yield();
  m.let();
  waiter.request_cancel();
  (void)waiter.join();
  BOOST_TEST(got != m.says.remote_arm);
  BOOST_TEST(m.is_clear());
}

template <class Coro>
void one_that_was_asked_to_end_is_refused_but_under_a_shield(model& m) {
  auto task = go<Coro>([&] {
    (void)Coro::sleep(10s);
    BOOST_TEST(is_cancelled(m.wait()));
    BOOST_TEST(m.is_shut());
    (void)Coro::shield([&]() -> sluice::result<void> {
      BOOST_TEST(pass_through(m).has_value());
      return {};
    });
  });
  Coro::yield();
  task.request_cancel();
  Coro::yield();
  Coro::yield();
  BOOST_TEST(!task.done());
  m.let();
  (void)task.join();
  BOOST_TEST(m.is_clear());
}

template <class Coro>
void a_deadline_cuts_the_wait_and_leaves_no_trace(model& m) {
  BOOST_TEST((Coro::with_timeout(2ms, [&] { return m.wait(); }).error() == errc::timed_out));
  BOOST_TEST(!m.try_now());
  BOOST_TEST(m.is_shut());
  auto waiter = go<Coro>([&] { BOOST_TEST(pass_through(m).has_value()); });
  Coro::yield();
  m.let();
  (void)waiter.join();
  BOOST_TEST(m.is_clear());
}

/// Tasks at random: they wait, stay for a while, are cancelled at any moment.
template <class Coro>
void waits_and_cancels_at_random_lose_nothing(model& m, std::uint32_t seed) {
  std::mt19937 random{seed};
  int inside = 0;
  int most = 0;
  int gone = 0;
  std::vector<typename Coro::template task<void>> tasks;
  const auto pause = [&](std::uint32_t longest) {
    for (auto n = random() % (longest + 1); n > 0; --n) Coro::yield();
  };
  for (int i = 0; i < 10; ++i)
    tasks.push_back(go<Coro>([&] {
      for (int k = 0; k < 6; ++k) {
        pause(3);
        if (!m.wait()) break;
        most = std::max(most, ++inside);
        pause(2);
        --inside;
        m.pass_on();
      }
      ++gone;
    }));
  Coro::yield();  // whoever is cancelled before it runs never does
  m.let();
  int rounds = 0;
  while (gone != 10) {
    pause(9);
    if (++rounds < 6) tasks[random() % tasks.size()].request_cancel();
    if (!m.says.one_at_a_time) m.let();
    BOOST_REQUIRE(rounds < 100'000);
  }
  for (auto& task : tasks) (void)task.join();
  if (m.says.one_at_a_time) BOOST_TEST(most == 1);
  BOOST_TEST(inside == 0);
  BOOST_TEST(m.is_clear());
}

/// Runs one round after the other on models of the same kind; only the last ones are counted.
template <class Coro>
void after_warm_up_a_wait_allocates_nothing(const kind& one) {
  std::array<typename Coro::template task<void>, 4> tasks;
  int got = 0;
  for (int round = 0; round < 4; ++round) {
    const auto made = one.make();
    model& m = *made;
    m.start();
    const auto before = allocations.load();
    for (auto& task : tasks)
      task = go<Coro>([&] {
        if (pass_through(m)) ++got;
      });
    Coro::yield();
    tasks[1].request_cancel();
    m.let();
    for (auto& task : tasks) (void)task.join();
    const auto after = allocations.load();
    if (round > 1) BOOST_TEST(after == before);
  }
  BOOST_TEST(got == 4 * 3);
}

template <class Coro>
void outside_a_task_only_what_need_not_wait(model& m) {
  BOOST_TEST((m.wait().error() == std::errc::operation_not_permitted));
  BOOST_TEST(m.is_shut());
  m.let();
  BOOST_TEST(m.is_clear());
}

/// A scheduler that nobody has reached from outside yet needs memory for that.
template <class Coro>
void without_memory_a_first_wait_fails(model& m) {
  std::error_code why;
  const auto outcome = Coro::run([&] {
    is_out_of_memory = true;
    if (const auto waited = m.wait(); !waited) why = waited.error();
    is_out_of_memory = false;
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST((why == std::errc::not_enough_memory));
  BOOST_TEST(m.is_shut());
  m.let();
  BOOST_TEST(m.is_clear());
}

template <class Coro>
void threads_wait_in_the_same_line(model& m) {
  std::atomic<int> passed{0};
  const auto pass = [&] {
    if (pass_through(m)) ++passed;
  };
  std::vector<std::thread> all;
  for (int i = 0; i < 2; ++i) {
    all.emplace_back(pass);
    all.emplace_back([&] {
      run<Coro>([&] {
        std::array<typename Coro::template task<void>, 3> tasks;
        for (auto& task : tasks) task = go<Coro>(pass);
        for (auto& task : tasks) (void)task.join();
      });
    });
  }
  std::this_thread::sleep_for(2ms);
  BOOST_TEST(passed == 0);
  m.let();
  for (auto& one : all) one.join();
  BOOST_TEST(passed == (m.says.remote_arm ? 6 : 8));
  BOOST_TEST(m.is_clear());
}

template <class Coro>
void a_scheduler_that_ends_takes_its_waiters_along(model& m) {
  int cancelled = 0;
  {
    auto home = Coro::scheduler::make();
    BOOST_REQUIRE(home.has_value());
    for (int i = 0; i < 3; ++i)
      home->spawn([&] {
        if (is_cancelled(m.wait())) ++cancelled;
      });
    BOOST_TEST(home->poll().value() == 3U);
  }
  BOOST_TEST(cancelled == 3);
  BOOST_TEST(m.is_shut());
  m.let();
  BOOST_TEST(m.is_clear());
}

template <class Coro>
void an_abandoned_waiter_is_not_found_by_whoever_comes_later(model& m) {
  const auto said = fixture::error_output_of([&] {
    const auto outcome = Coro::run([&] {
      (void)Coro::shield([&] {
        (void)m.wait();
        BOOST_ERROR("nobody let it go on");
      });
    });
    BOOST_TEST((outcome.error() == errc::deadlock));
  });
  BOOST_TEST(said.find("abandoned task #1 \"root\"") != std::string::npos, said);
  fixture::counted_stacks::out = 0;  // its stack is never given back
  m.forget_one();
  BOOST_TEST(m.is_shut());
  m.let();
  BOOST_TEST(m.is_clear());
}

/// Where there are assertions.
template <class Coro>
void destroyed_while_somebody_waits_it_says_so(const kind& one) {
  const auto end = support::in_child([&one] {
    (void)std::signal(SIGABRT, SIG_DFL);
    (void)Coro::run([&one] {
      auto made = one.make();
      auto waiter = go<Coro>([&] { (void)made->wait(); });
      Coro::yield();
      made.reset();
      ::_exit(1);
    });
    return 2;
  });
  BOOST_TEST(end.signal == SIGABRT);
  BOOST_TEST(end.said.find("destroyed while tasks wait for it") != std::string::npos, end.said);
}

/// Runs a law on each model, in a task or outside of one.
template <class Coro, std::size_t N>
void in_a_task(const std::array<kind, N>& models, void (*law)(model&)) {
  for (const auto& one : models)
    fixture::as_root<Coro>([&] {
      const auto made = one.make();
      BOOST_TEST_CONTEXT(made->says.name) {
        made->start();
        law(*made);
      }
    });
}
template <class Coro, std::size_t N>
void with_each_seed(const std::array<kind, N>& models, void (*law)(model&, std::uint32_t)) {
  for (const auto& one : models)
    fixture::as_root<Coro>([&] {
      for (std::uint32_t seed = 1; seed <= 10; ++seed) {
        const auto made = one.make();
        BOOST_TEST_CONTEXT(made->says.name << ", seed " << seed) {
          made->start();
          law(*made, seed);
        }
      }
    });
}
template <std::size_t N>
void outside(const std::array<kind, N>& models, bool remote, void (*law)(model&)) {
  for (const auto& one : models) {
    if (one.says->needs_tasks || one.says->remote != remote) continue;
    const auto made = one.make();
    BOOST_TEST_CONTEXT(made->says.name) { law(*made); }
  }
}

}  // namespace laws::waits

#ifdef NDEBUG
#define LAW_OF_DESTRUCTION(coro, models)
#else
#define LAW_OF_DESTRUCTION(coro, models)                                                                        \
  BOOST_AUTO_TEST_CASE(destroyed_while_somebody_waits_it_says_so) {                                             \
    for (const auto& one : models) {                                                                            \
      if (one.says->remote || one.says->needs_tasks) continue;                                                  \
      BOOST_TEST_CONTEXT(one.says->name) { laws::waits::destroyed_while_somebody_waits_it_says_so<coro>(one); } \
    }                                                                                                           \
  }
#endif

#define LAW_OF_WAITS(law, coro, models) \
  BOOST_AUTO_TEST_CASE(law) { laws::waits::in_a_task<coro>(models, &laws::waits::law<coro>); }
#define LAWS_OF_WAITS(coro, models)                                                                                                 \
  LAW_OF_WAITS(those_who_wait_go_on_in_their_order, coro, models)                                                                   \
  LAW_OF_WAITS(nobody_gets_in_before_those_who_wait, coro, models)                                                                  \
  LAW_OF_WAITS(a_cancelled_waiter_goes_at_once_and_the_others_keep_their_order, coro, models)                                       \
  LAW_OF_WAITS(whoever_gave_up_is_passed_over_before_it_has_run, coro, models)                                                      \
  LAW_OF_WAITS(what_came_before_the_cancel_stands, coro, models)                                                                    \
  LAW_OF_WAITS(one_that_was_asked_to_end_is_refused_but_under_a_shield, coro, models)                                               \
  LAW_OF_WAITS(a_deadline_cuts_the_wait_and_leaves_no_trace, coro, models)                                                          \
  BOOST_AUTO_TEST_CASE(waits_and_cancels_at_random_lose_nothing) {                                                                  \
    laws::waits::with_each_seed<coro>(models, &laws::waits::waits_and_cancels_at_random_lose_nothing<coro>);                        \
  }                                                                                                                                 \
  BOOST_AUTO_TEST_CASE(after_warm_up_a_wait_allocates_nothing) {                                                                    \
    for (const auto& one : models) fixture::as_root<coro>([&] { laws::waits::after_warm_up_a_wait_allocates_nothing<coro>(one); }); \
  }                                                                                                                                 \
  BOOST_AUTO_TEST_CASE(outside_a_task_only_what_need_not_wait) {                                                                    \
    laws::waits::outside(models, false, &laws::waits::outside_a_task_only_what_need_not_wait<coro>);                                \
  }                                                                                                                                 \
  BOOST_AUTO_TEST_CASE(without_memory_a_first_wait_fails) {                                                                         \
    laws::waits::outside(models, true, &laws::waits::without_memory_a_first_wait_fails<coro>);                                      \
  }                                                                                                                                 \
  BOOST_AUTO_TEST_CASE(threads_wait_in_the_same_line) {                                                                             \
    laws::waits::outside(models, true, &laws::waits::threads_wait_in_the_same_line<coro>);                                          \
  }                                                                                                                                 \
  BOOST_AUTO_TEST_CASE(a_scheduler_that_ends_takes_its_waiters_along) {                                                             \
    for (const bool remote : {false, true})                                                                                         \
      laws::waits::outside(models, remote, &laws::waits::a_scheduler_that_ends_takes_its_waiters_along<coro>);                      \
  }                                                                                                                                 \
  BOOST_AUTO_TEST_CASE(an_abandoned_waiter_is_not_found_by_whoever_comes_later) {                                                   \
    laws::waits::outside(models, false, &laws::waits::an_abandoned_waiter_is_not_found_by_whoever_comes_later<coro>);               \
  }                                                                                                                                 \
  LAW_OF_DESTRUCTION(coro, models)
