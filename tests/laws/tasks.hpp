// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Laws of tasks, each a template over a config: sections 2, 6 and 9 as they concern tasks, whatever serves their operations.

#include <sluice/coro/facade.hpp>
#include <sluice/op/list.hpp>
#include <support/coverage.hpp>
#include <support/descriptors.hpp>
#include <support/leftovers.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <coro/fixture.hpp>

namespace laws::tasks {

namespace op = sluice::op;
using namespace std::chrono_literals;
using laws::covers;
using support::put;
using support::take;

template <class Result>
auto is_canceled(const Result& outcome) -> bool {
  return !outcome.has_value() && outcome.error() == std::errc::operation_canceled;
}

template <class Config>
void operations_may_use_the_stack_of_a_task_that_is_asked_to_end() {
  covers("2.1", "6.3");
  using coro = sluice::coro_of<Config>;
  const auto pair = support::socket_pair();
  const auto outcome = coro::run([&] {
    for (int round = 0; round < 30; ++round) {
      auto reader = coro::spawn([&] {
        std::array<std::byte, 512> one{};
        std::array<std::byte, 512> two{};
        const auto [a, b] = coro::io(op::recv{.socket = pair.near.socket(), .buffer = one},
                                     op::timed(op::recv{.socket = pair.near.socket(), .buffer = two}, 10s));
        // What arrived is in the one that says so; nothing is written to either from here on.
        const auto before = std::pair{one, two};
        coro::yield();
        BOOST_TEST((before == std::pair{one, two}));
        return (a ? *a : 0) + (b ? *b : 0);
      });
      coro::yield();
      if (round % 3 == 1) put(pair.far, "x");
      if (round % 3 == 2) (void)coro::sleep(100us);
      reader.request_cancel();
      if (round % 3 == 2) put(pair.far, "y");
      const auto got = reader.join();
      BOOST_TEST_REQUIRE(got.has_value());
      BOOST_TEST(*got + take(pair.near).size() == (round % 3 == 0 ? 0U : 1U));
    }
  });
  BOOST_TEST(outcome.has_value());
}

template <class Config>
void a_task_that_is_asked_to_end_has_every_wait_refused_but_shields_and_closes() {
  covers("6.3");
  using coro = sluice::coro_of<Config>;
  const auto pair = support::socket_pair();
  const auto outcome = coro::run([&] {
    bool is_open = false;
    bool shielded = false;
    bool inner_ended = false;
    auto all = coro::spawn([&] {
      std::array<std::byte, 8> buffer{};
      const auto file = coro::io(op::open_at{.path = "/dev/null"});
      BOOST_TEST_REQUIRE(file.has_value());
      is_open = true;
      auto child = coro::spawn([&] {
        BOOST_TEST(is_canceled(coro::sleep(10s)));
        inner_ended = true;
      });
      BOOST_TEST(is_canceled(coro::io(op::recv{.socket = pair.near.socket(), .buffer = buffer})));
      BOOST_TEST(coro::this_task::cancelled());
      for (int i = 0; i < 20; ++i) {
        BOOST_TEST(is_canceled(coro::sleep(10s)));
        BOOST_TEST(is_canceled(coro::io(op::nop{})));
        BOOST_TEST(is_canceled(coro::io(op::timed(op::recv{.socket = pair.near.socket(), .buffer = buffer}, 1s))));
        const auto [a, b] = coro::io(op::soft(op::nop{}), op::nop{});
        BOOST_TEST((is_canceled(a) && is_canceled(b)));
        coro::yield();
      }
      (void)coro::shield([&] {
        BOOST_TEST(coro::sleep(1ms).has_value());
        BOOST_TEST(coro::io(op::nop{}).has_value());
        shielded = true;
      });
      // The joined task is asked to end, and awaited.
      (void)child.join();
      BOOST_TEST(inner_ended);
      BOOST_TEST(coro::io(op::close_file{.file = *file}).has_value());
      BOOST_TEST(!support::is_open(file->native()));
      return 5;
    });
    while (!is_open) (void)coro::sleep(100us);
    (void)coro::sleep(1ms);
    all.request_cancel();
    all.request_cancel();
    BOOST_TEST(all.join().value() == 5);
    BOOST_TEST(shielded);
    all.request_cancel();

    auto never = coro::spawn([] { return 1; });
    never.request_cancel();
    BOOST_TEST(is_canceled(never.join()));
    typename coro::template task<bool> self;
    self = coro::spawn([&] {
      self.request_cancel();
      return is_canceled(coro::sleep(1s));
    });
    BOOST_TEST(self.join().value());
  });
  BOOST_TEST(outcome.has_value());
}

template <class Config>
void waiters_that_are_cancelled_lose_no_token_no_byte_and_no_client() {
  covers("6.4", "2.3");
  using coro = sluice::coro_of<Config>;
  using event_source = typename sluice::aio_of<Config>::event_source;
  const auto pair = support::socket_pair();
  const support::listener server;
  const auto outcome = coro::run([&] {
    event_source source;
    std::size_t tokens = 0;
    std::size_t bytes = 0;
    std::size_t clients = 0;
    constexpr std::size_t rounds = 60;
    for (std::size_t round = 0; round < rounds; ++round) {
      auto waiter = coro::spawn([&] {
        if (coro::io(op::wait_event{.source = source})) ++tokens;
      });
      auto reader = coro::spawn([&] {
        std::array<std::byte, 8> buffer{};
        bytes += coro::io(op::recv{.socket = pair.near.socket(), .buffer = buffer}).value_or(0);
      });
      auto acceptor = coro::spawn([&] {
        if (const auto taken = coro::io(op::accept{.socket = server.socket.socket()})) {
          ++clients;
          (void)coro::io(op::close_socket{.socket = taken->socket});
        }
      });
      coro::yield();
      if (round % 2 == 0) (void)coro::sleep(50us);
      const auto client = server.client();
      put(pair.far, "!");
      source.notify();
      if (round % 3 == 0) coro::yield();
      waiter.request_cancel();
      reader.request_cancel();
      acceptor.request_cancel();
      (void)waiter.join();
      (void)reader.join();
      (void)acceptor.join();
      // Whatever they did not get is still there.
      bytes += take(pair.near).size();
      while (clients <= round) {
        const auto taken = coro::io(op::timed(op::accept{.socket = server.socket.socket()}, 5s));
        BOOST_TEST_REQUIRE(taken.has_value());
        ++clients;
        (void)coro::io(op::close_socket{.socket = taken->socket});
      }
    }
    while (tokens < rounds) {
      BOOST_TEST_REQUIRE(coro::io(op::timed(op::wait_event{.source = source}, 5s)).has_value());
      ++tokens;
    }
    BOOST_TEST(bytes == rounds);
    BOOST_TEST(clients == rounds);
    BOOST_TEST((coro::io(op::timed(op::wait_event{.source = source}, 1ms)).error() == sluice::errc::timed_out));
  });
  BOOST_TEST(outcome.has_value());
}

template <class Config>
void any_thread_may_ask_a_task_to_end_by_its_remote_name() {
  covers("6.6");
  using coro = sluice::coro_of<Config>;
  sluice::coro::remote_task<Config> stale;
  const auto outcome = coro::run([&] {
    for (int round = 0; round < 20; ++round) {
      auto sleeper = coro::spawn([] { return coro::sleep(20s); });
      const auto name = sleeper.remote();
      int asked = 0;
      std::thread other{[name, round, &asked] {
        if (round % 2 == 0) std::this_thread::sleep_for(200us);
        for (int i = 0; i < 2; ++i)
          if (name.request_cancel()) ++asked;
      }};
      BOOST_TEST(is_canceled(sleeper.join()));
      other.join();
      BOOST_TEST(asked == 2);
      stale = name;
      // The next task in its place is another one.
      auto next = coro::spawn([] {
        coro::yield();
        return coro::sleep(500us);
      });
      BOOST_TEST(stale.request_cancel().has_value());
      BOOST_TEST(next.join().has_value());
    }
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(is_canceled(stale.request_cancel()));
}

template <class Config>
void a_graceful_end_finishes_the_request_in_hand() {
  covers("6.7");
  using coro = sluice::coro_of<Config>;
  const auto pair = support::socket_pair();
  const auto outcome = coro::run([&] {
    int begun = 0;
    int served = 0;
    int cut = 0;
    auto server = coro::spawn([&] {
      std::array<std::byte, 64> buffer{};
      for (;;) {
        const auto got = coro::io(op::recv{.socket = pair.near.socket(), .buffer = buffer});
        if (!got || *got == 0) return;
        ++begun;
        const auto answered = coro::shield([&] {
          return coro::with_timeout(8s, [&]() -> sluice::result<std::size_t> {
            if (buffer[0] == std::byte{'w'}) {
              std::array<std::byte, 1> more{};
              if (const auto rest = coro::io(op::recv{.socket = pair.near.socket(), .buffer = more}); !rest) return rest;
            }
            (void)coro::sleep(2ms);
            return coro::io(op::send{.socket = pair.near.socket(), .buffer = support::bytes_of("done")});
          });
        });
        ++(answered ? served : cut);
      }
    });
    put(pair.far, "a");
    fixture::run_others_until<coro>([&] { return begun == 1; });
    server.request_cancel();  // with a request in hand
    BOOST_TEST(server.join().has_value());
    BOOST_TEST(served == 1);
    BOOST_TEST(take(pair.far) == "done");

    // One that does not come to its end has its deadline, and the server ends all the same.
    auto another = coro::spawn([&] {
      std::array<std::byte, 1> buffer{};
      if (!coro::io(op::recv{.socket = pair.near.socket(), .buffer = buffer})) return;
      ++begun;
      const auto answered = coro::shield(
          [&] { return coro::with_timeout(3ms, [&] { return coro::io(op::recv{.socket = pair.near.socket(), .buffer = buffer}); }); });
      BOOST_TEST((answered.error() == sluice::errc::timed_out));
      ++cut;
    });
    put(pair.far, "w");
    fixture::run_others_until<coro>([&] { return begun == 2; });
    another.request_cancel();
    BOOST_TEST(another.join().has_value());
    BOOST_TEST(cut == 1);

    // One that is idle ends at once.
    auto idle = coro::spawn([&] {
      std::array<std::byte, 1> buffer{};
      return coro::io(op::recv{.socket = pair.near.socket(), .buffer = buffer});
    });
    (void)coro::sleep(1ms);
    idle.request_cancel();
    BOOST_TEST(is_canceled(idle.join()));
  });
  BOOST_TEST(outcome.has_value());
}

template <class Config>
void a_scheduler_that_ends_asks_its_tasks_newest_first_and_runs_them_to_their_end() {
  covers("9.2");
  using coro = sluice::coro_of<Config>;
  const auto pair = support::socket_pair();
  std::string ended;
  typename coro::template task<int> handle;
  const auto before = support::count_descriptors();
  {
    auto home = coro::scheduler::make();
    BOOST_TEST_REQUIRE(home.has_value());
    home->spawn([&] {
      BOOST_TEST(is_canceled(coro::sleep(100s)));
      // Waits for one that is younger, under a shield: all were asked at once, so that one ends, too.
      (void)coro::shield([] { return coro::sleep(2ms); });
      ended += 'a';
    });
    home->spawn([&] {
      std::array<std::byte, 8> buffer{};
      BOOST_TEST(is_canceled(coro::io(op::recv{.socket = pair.near.socket(), .buffer = buffer})));
      ended += 'b';
    });
    home->spawn([&] {
      BOOST_TEST(is_canceled(coro::sleep(100s)));
      ended += 'c';
    });
    home->spawn([&] {
      handle = coro::spawn([] {
        (void)coro::sleep(100s);
        return 1;
      });
    });
    (void)home->poll();
    (void)home->poll();
    BOOST_TEST(ended.empty());
  }
  BOOST_TEST(ended.size() == 3U);
  BOOST_TEST(ended.find('c') < ended.find('b'));
  BOOST_TEST(ended.back() == 'a');
  BOOST_TEST(!handle.joinable());
  BOOST_TEST((handle.join().error() == std::errc::invalid_argument));
  BOOST_TEST(support::count_descriptors() == before);
}

template <class Config>
void a_task_that_will_not_end_is_named_and_abandoned() {
  covers("9.2");
  using coro = sluice::coro_of<Config>;
  int waits = 0;
  bool destroyed = false;
  bool other = false;
  struct guard {
    bool& flag;
    ~guard() { flag = true; }
  };
  const auto said = fixture::error_output_of([&] {
    auto home = coro::scheduler::make();
    home->spawn({.name = "stubborn"}, [&] {
      const guard at_end{destroyed};
      for (;;) {
        (void)coro::io(op::timeout{.after = 10s});
        ++waits;
      }
    });
    home->spawn([&] {
      (void)coro::sleep(10s);
      other = true;
    });
    (void)home->poll();
  });
  BOOST_TEST(waits == 1000);
  BOOST_TEST(other);
  BOOST_TEST(!destroyed);
  BOOST_TEST(said.find("abandoned task #1 \"stubborn\"") != std::string::npos);
  BOOST_TEST(said.find("tasks.hpp:") != std::string::npos);
}

}  // namespace laws::tasks

/// A case of a law for each config of a tuple, which leaves nothing behind.
#define LAW_OF_TASKS(law, models) \
  BOOST_FIXTURE_TEST_CASE_TEMPLATE(law, config, models, support::leftovers) { laws::tasks::law<config>(); }

// clang-format off
#define LAWS_OF_TASKS(models)                                                 \
  LAW_OF_TASKS(operations_may_use_the_stack_of_a_task_that_is_asked_to_end, models) \
  LAW_OF_TASKS(a_task_that_is_asked_to_end_has_every_wait_refused_but_shields_and_closes, models) \
  LAW_OF_TASKS(waiters_that_are_cancelled_lose_no_token_no_byte_and_no_client, models) \
  LAW_OF_TASKS(any_thread_may_ask_a_task_to_end_by_its_remote_name, models)   \
  LAW_OF_TASKS(a_graceful_end_finishes_the_request_in_hand, models)           \
  LAW_OF_TASKS(a_scheduler_that_ends_asks_its_tasks_newest_first_and_runs_them_to_their_end, models) \
  LAW_OF_TASKS(a_task_that_will_not_end_is_named_and_abandoned, models)
// clang-format on
