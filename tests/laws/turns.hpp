// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Laws of what tasks take turns with: first come, first served, and a cancel neither keeps nor loses a turn.

#include <sluice/sluice.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <random>
#include <vector>

#include <coro/as_root.hpp>
#include <coro/fixture.hpp>

namespace laws::turns {

using namespace std::chrono_literals;
using sluice::errc;

struct app : sluice::config<fixture::counted_stacks> {};
using coro = sluice::coro_of<app>;
inline constexpr auto& as_root = fixture::as_root<coro>;

// A model has one turn at a time: `take()` waits for it and gives it, or why not; `try_take()` does not wait; the turn ends with what they
// gave. `is_free()` tells whether nobody has it.
template <class Turn>
void end(sluice::result<Turn>& turn) {
  turn = std::unexpected{std::error_code{}};
}

template <class Model>
void first_come_first_served() {
  as_root([] {
    Model model;
    std::vector<int> order;
    auto first = model.take();
    coro::scope all;
    for (int i = 0; i < 5; ++i)
      all.spawn([&, i] {
        const auto mine = model.take();
        BOOST_TEST(mine.has_value());
        order.push_back(i);
        coro::yield();
      });
    coro::yield();
    BOOST_TEST(order.empty());
    end(first);
    BOOST_TEST(all.join().has_value());
    BOOST_TEST((order == std::vector{0, 1, 2, 3, 4}));
    BOOST_TEST(model.is_free());
  });
}

template <class Model>
void nobody_gets_in_before_those_who_wait() {
  as_root([] {
    Model model;
    auto first = model.take();
    auto waiter = coro::spawn([&] { BOOST_TEST(model.take().has_value()); });
    coro::yield();
    end(first);
    // It is the waiter's by now, although that has not run.
    BOOST_TEST(!model.try_take());
    BOOST_TEST(!model.is_free());
    (void)waiter.join();
    BOOST_TEST(model.is_free());
    BOOST_TEST(!!model.try_take());
  });
}

template <class Model>
void a_cancelled_waiter_goes_and_the_others_keep_their_order() {
  as_root([] {
    Model model;
    std::vector<int> order;
    auto first = model.take();
    std::vector<coro::task<void>> tasks;
    for (int i = 0; i < 4; ++i)
      tasks.push_back(coro::spawn([&, i] {
        if (const auto mine = model.take())
          order.push_back(i);
        else
          order.push_back((mine.error() == std::errc::operation_canceled) ? -1 - i : 100);
      }));
    coro::yield();
    tasks[0].request_cancel();
    tasks[2].request_cancel();
    coro::yield();
    BOOST_TEST((order == std::vector{-1, -3}));
    end(first);
    for (auto& task : tasks) (void)task.join();
    BOOST_TEST((order == std::vector{-1, -3, 1, 3}));
    BOOST_TEST(model.is_free());
  });
}

template <class Model>
void a_turn_that_came_before_the_cancel_stands() {
  as_root([] {
    Model model;
    auto first = model.take();
    bool got = false;
    auto waiter = coro::spawn([&] { got = model.take().has_value(); });
    coro::yield();
    end(first);
    waiter.request_cancel();
    (void)waiter.join();
    BOOST_TEST(got);
    BOOST_TEST(model.is_free());
  });
}

template <class Model>
void one_that_was_asked_to_end_is_refused_but_under_a_shield() {
  as_root([] {
    Model model;
    auto task = coro::spawn([&] {
      (void)coro::sleep(10s);
      BOOST_TEST((model.take().error() == std::errc::operation_canceled));
      BOOST_TEST(model.is_free());
      BOOST_TEST(!!model.try_take());
      (void)coro::shield([&]() -> sluice::result<void> {
        BOOST_TEST(model.take().has_value());
        return {};
      });
    });
    coro::yield();
    task.request_cancel();
    (void)task.join();
    BOOST_TEST(model.is_free());
  });
}

template <class Model>
void a_deadline_cuts_the_wait() {
  as_root([] {
    Model model;
    auto first = model.take();
    const auto outcome = coro::with_timeout(2ms, [&]() -> sluice::result<void> {
      const auto mine = model.take();
      if (!mine) return std::unexpected{mine.error()};
      return {};
    });
    BOOST_TEST((outcome.error() == errc::timed_out));
    BOOST_TEST(!model.is_free());
    end(first);
    BOOST_TEST(model.is_free());
  });
}

template <class Model>
void outside_a_task_only_what_is_free() {
  Model model;
  auto first = model.take();
  BOOST_TEST(first.has_value());
  BOOST_TEST((model.take().error() == std::errc::operation_not_permitted));
  end(first);
  BOOST_TEST(model.is_free());
}

/// Tasks at random: take, stay for a while, are cancelled at any moment.
template <class Model>
void never_two_at_once() {
  for (std::uint32_t seed = 1; seed <= 30; ++seed) {
    as_root([seed] {
      std::mt19937 random{seed};
      Model model;
      int inside = 0;
      int taken = 0;
      int refused = 0;
      int begun = 0;  // one that is cancelled before it runs never does
      std::vector<coro::task<void>> tasks;
      const auto pause = [&](std::uint32_t most) {
        for (auto n = random() % (most + 1); n > 0; --n) coro::yield();
      };
      for (int i = 0; i < 20; ++i)
        tasks.push_back(coro::spawn([&] {
          ++begun;
          for (int k = 0; k < 10; ++k) {
            pause(3);
            const auto mine = model.take();
            if (!mine) {
              ++refused;
              continue;
            }
            ++taken;
            BOOST_REQUIRE(++inside == 1);
            pause(2);
            --inside;
          }
        }));
      for (int k = 0; k < 10; ++k) {
        pause(9);
        tasks[random() % tasks.size()].request_cancel();
      }
      for (auto& task : tasks) (void)task.join();
      BOOST_TEST(taken + refused == 10 * begun);
      BOOST_TEST(taken > 0);
      BOOST_TEST(model.is_free());
    });
  }
}

}  // namespace laws::turns

#define LAW_OF_TURNS(law, models) \
  BOOST_AUTO_TEST_CASE_TEMPLATE(law, model, models) { laws::turns::law<model>(); }
#define LAWS_OF_TURNS(models)                                                   \
  LAW_OF_TURNS(first_come_first_served, models)                                 \
  LAW_OF_TURNS(nobody_gets_in_before_those_who_wait, models)                    \
  LAW_OF_TURNS(a_cancelled_waiter_goes_and_the_others_keep_their_order, models) \
  LAW_OF_TURNS(a_turn_that_came_before_the_cancel_stands, models)               \
  LAW_OF_TURNS(one_that_was_asked_to_end_is_refused_but_under_a_shield, models) \
  LAW_OF_TURNS(a_deadline_cuts_the_wait, models)                                \
  LAW_OF_TURNS(outside_a_task_only_what_is_free, models)                        \
  LAW_OF_TURNS(never_two_at_once, models)
