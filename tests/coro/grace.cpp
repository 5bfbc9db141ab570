// SPDX-License-Identifier: MIT
// Tasks that outlive the grace time of their scheduler's end: named and abandoned, or the end of the program.
#include <sluice/sluice.hpp>
#include <support/child.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <thread>
#include <tuple>
#include <vector>

#include <coro/fixture.hpp>
#include <unistd.h>

namespace op = sluice::op;
namespace backend = sluice::backend;
namespace stuck = sluice::stuck;
using namespace std::chrono_literals;
using fixture::roomy;

namespace {

using soon = stuck::abandon<{.grace = 50ms}>;
struct by_ring : sluice::config<roomy, soon, backend::io_uring<>> {};
struct by_kernel_thread : sluice::config<roomy, soon, backend::io_uring<{.flags = sluice::ring::sqpoll}>, sluice::timers::wheel<>> {};
struct by_epoll : sluice::config<roomy, soon, backend::epoll<>> {};
using configs = std::tuple<by_ring, by_kernel_thread, by_epoll>;

auto times_in(const std::string& text, std::string_view what) -> std::size_t {
  std::size_t count = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}

/// Spawns by `f(scheduler)`, gives what was spawned some turns and ends the scheduler; what that says.
template <class Config, class F>
auto end_of(F&& f) -> std::string {
  return fixture::error_output_of([&] {
    auto home = sluice::coro_of<Config>::scheduler::make();
    f(*home);
    for (int i = 0; i < 5; ++i) (void)home->poll();
  });
}

/// Ends a scheduler of a task that waits by `wait()` under a shield, which never ends, and of another one for whose sake that is no
/// deadlock.
template <class Config, class Wait>
void is_abandoned(Wait wait) {
  bool went_on = false;
  const auto said = end_of<Config>([&](auto& home) {
    home.spawn({.name = "waiter"}, [&] {
      (void)sluice::coro_of<Config>::shield([&] { (void)wait(); });
      went_on = true;
    });
    home.spawn({.name = "company"}, [&] {
      (void)sluice::coro_of<Config>::shield([] { return sluice::coro_of<Config>::sleep(100s); });
      went_on = true;
    });
  });
  BOOST_TEST(!went_on);
  BOOST_TEST(said.find("sluice: abandoned task #1 \"waiter\": it never ended although it was asked to, spawned at ") == 0U, said);
  BOOST_TEST(times_in(said, "abandoned") == 2U);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(grace, *needs::ring())

BOOST_AUTO_TEST_CASE_TEMPLATE(whoever_outlives_it_is_named_and_abandoned_and_nobody_else, Config, configs) {
  using coro = sluice::coro_of<Config>;
  bool in_time = false;
  bool went_on = false;
  bool destroyed = false;
  struct guard {
    bool& flag;
    ~guard() { flag = true; }
  };
  const fixture::stopwatch watch;
  const auto said = end_of<Config>([&](auto& home) {
    home.spawn({.name = "sleeper"}, [&] {
      const guard at_end{destroyed};
      (void)coro::shield([] { return coro::sleep(100s); });
      went_on = true;
    });
    home.spawn({.name = "quick"}, [&] {
      (void)coro::sleep(100s);
      (void)coro::shield([] { return coro::sleep(1ms); });
      in_time = true;
    });
    home.spawn({.name = "busy"}, [&] {
      (void)coro::shield([] {
        for (;;) coro::yield();
      });
      went_on = true;
    });
    home.spawn({.name = "parent"}, [&] {
      (void)coro::shield([] {
        for (;;) (void)coro::spawn([] { coro::yield(); }).join();
      });
      went_on = true;
    });
    home.spawn({.name = "in no hurry"}, [&] {
      (void)coro::shield([] {
        for (;;) (void)coro::io(op::nop{});
      });
      went_on = true;
    });
  });
  BOOST_TEST((watch.passed() > 45ms));
  BOOST_TEST((watch.passed() < 50s));
  BOOST_TEST(in_time);
  BOOST_TEST(!went_on);
  BOOST_TEST(!destroyed);
  for (const char* name : {"sleeper", "busy", "parent", "in no hurry"})
    BOOST_TEST(said.find("\"" + std::string{name} + "\": it never ended although it was asked to, spawned at ") != std::string::npos, said);
  BOOST_TEST(said.find("quick") == std::string::npos);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(nothing_is_in_flight_any_more_for_one_that_was_abandoned, Config, configs) {
  using coro = sluice::coro_of<Config>;
  fixture::socket_pair sockets;
  std::array<std::byte, 16> buffer{};
  is_abandoned<Config>([&] { return coro::io(op::recv{.socket = sockets.left, .buffer = buffer}); });
  is_abandoned<Config>([&] {
    std::array<std::byte, 16> mine{};
    return coro::io(op::recv{.socket = sockets.left, .buffer = mine}, op::timeout{.after = 100s});
  });
  is_abandoned<Config>([&] { return coro::io(op::soft(op::timeout{.after = 100s}), op::nop{}); });
  is_abandoned<Config>([&] { return coro::io(op::timed(op::recv{.socket = sockets.left, .buffer = buffer}, 100s)); });
  is_abandoned<Config>([&] { return coro::with_timeout(100s, [&] { return coro::io(op::timeout{.after = 200s}); }); });
  is_abandoned<Config>([&] {
    auto ticks = coro::stream(op::timer_many{.every = 100s});
    return ticks.next().has_value();
  });
  BOOST_TEST(::write(sockets.right.native(), "late", 4) == 4);
  std::array<char, 16> left{};
  BOOST_TEST(::read(sockets.left.native(), left.data(), left.size()) == 4);
  BOOST_TEST(static_cast<int>(buffer[0]) == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(nobody_finds_one_in_a_line, Config, configs) {
  using coro = sluice::coro_of<Config>;
  typename coro::mutex lock;
  typename coro::template channel<int> items{1};
  typename coro::template channel<int> full{1};
  typename coro::event happened;
  typename coro::semaphore permits{0};
  auto held = lock.try_lock();
  BOOST_TEST(full.try_send(1).has_value());
  is_abandoned<Config>([&] { (void)lock.lock(); });
  is_abandoned<Config>([&] { return lock.lock_cancellable().has_value(); });
  is_abandoned<Config>([&] { return items.receive().has_value(); });
  is_abandoned<Config>([&] { return full.send(2); });
  is_abandoned<Config>([&] { return happened.wait(); });
  is_abandoned<Config>([&] { return permits.acquire(); });
  is_abandoned<Config>([&] { return coro::select(items.receiving(), full.sending(3), coro::after(100s), op::timeout{.after = 100s}); });
  held.unlock();
  BOOST_TEST(static_cast<bool>(lock.try_lock()));
  BOOST_TEST(items.try_send(1).has_value());
  BOOST_TEST(full.try_receive().value() == 1);
  BOOST_TEST(!full.try_receive());
  happened.set();
  permits.release();
  BOOST_TEST(permits.try_acquire());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(nor_do_other_threads, Config, configs) {
  using coro = sluice::coro_of<Config>;
  typename coro::remote_mutex lock;
  typename coro::template remote_channel<int> items{1};
  typename coro::template remote_channel<int> others{1};
  typename coro::remote_event happened;
  auto held = lock.try_lock();
  is_abandoned<Config>([&] { (void)lock.lock(); });
  is_abandoned<Config>([&] { return items.receive().has_value(); });
  is_abandoned<Config>([&] { return happened.wait(); });
  is_abandoned<Config>([&] { return coro::select(items.receiving(), others.receiving(), op::timeout{.after = 100s}); });
  std::thread{[&] {
    held.unlock();
    BOOST_TEST(items.try_send(1).has_value());
    BOOST_TEST(others.try_send(1).has_value());
    happened.set();
  }}.join();
  BOOST_TEST(static_cast<bool>(lock.try_lock()));
  BOOST_TEST(items.try_receive().value() == 1);
  BOOST_TEST(others.try_receive().value() == 1);
}

// A select that has a winner still stands in the lines of its other arms.
BOOST_AUTO_TEST_CASE_TEMPLATE(nobody_finds_one_that_is_about_to_go_on, Config, configs) {
  using coro = sluice::coro_of<Config>;
  typename coro::template channel<int> won{1};
  typename coro::template channel<int> local{1};
  typename coro::template remote_channel<int> remote{1};
  std::uint64_t rounds = 0;
  const auto said = end_of<Config>([&](auto& home) {
    home.spawn({.name = "chooser"}, [&] {
      (void)coro::shield([&] {
        for (;; ++rounds) (void)coro::select(local.receiving(), won.receiving(), remote.receiving(), coro::after(100s));
      });
    });
    home.spawn({.name = "sender"}, [&] {
      (void)coro::shield([&] {
        for (;;) {
          (void)won.try_send(1);
          coro::yield();
        }
      });
    });
  });
  BOOST_TEST(rounds > 1U);
  BOOST_TEST(times_in(said, "abandoned") == 2U);
  BOOST_TEST(local.try_send(1).has_value());
  BOOST_TEST(local.try_receive().value() == 1);
  std::thread{[&] { BOOST_TEST(remote.try_send(2).has_value()); }}.join();
  BOOST_TEST(remote.try_receive().value() == 2);
}

namespace {
template <class Coro, class Channel>
[[gnu::noinline]] void select_once(Channel& channel) {
  (void)Coro::select(channel.receiving(), Coro::after(100s));
}
// Where the select was.
template <class Coro>
[[gnu::noinline]] void yield_over_it() {
  std::array<unsigned char, 8192> over;
  over.fill(0xa5);
  for (;;) {
    Coro::yield();
    asm volatile("" : : "r"(over.data()) : "memory");
  }
}
}  // namespace

// What a task waited for before is not looked at any more.
BOOST_AUTO_TEST_CASE_TEMPLATE(a_wait_that_is_over_is_not_forgotten_once_more, Config, configs) {
  using coro = sluice::coro_of<Config>;
  typename coro::template channel<int> items{1};
  const auto said = end_of<Config>([&](auto& home) {
    home.spawn([&] {
      select_once<coro>(items);
      (void)coro::shield([] { yield_over_it<coro>(); });
    });
    home.spawn([&] { (void)items.send(1); });
  });
  BOOST_TEST(times_in(said, "abandoned") == 1U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_thread_that_works_for_one_is_awaited, Config, configs) {
  using coro = sluice::coro_of<Config>;
  std::atomic<bool> ended{false};
  is_abandoned<Config>([&] {
    return coro::blocking([&] {
      std::this_thread::sleep_for(150ms);
      ended = true;
    });
  });
  BOOST_TEST(ended);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(after_a_deadlock_it_ends_run_and_the_scheduler_can_run_again, Config, configs) {
  using coro = sluice::coro_of<Config>;
  fixture::socket_pair sockets;
  std::array<std::byte, 16> buffer{};
  typename coro::remote_event never;
  bool went_on = false;
  sluice::result<void> first;
  sluice::result<void> second;
  std::optional<sluice::result<std::size_t>> got;
  std::optional<sluice::result<void>> stuck_again;
  const auto said = fixture::error_output_of([&] {
    auto home = coro::scheduler::make();
    typename coro::event happened;
    typename coro::template channel<int> nothing{1};
    const auto stays = [&](auto wait) {
      return [&, wait] {
        (void)happened.wait();
        (void)coro::shield([&] { (void)wait(); });
        went_on = true;
      };
    };
    home->spawn({.name = "sleeper"}, stays([] { return coro::sleep(200ms); }));
    home->spawn({.name = "reader"}, stays([&] { return coro::io(op::recv{.socket = sockets.left, .buffer = buffer}); }));
    home->spawn({.name = "chooser"}, stays([&] { return coro::select(nothing.receiving(), coro::after(200ms)); }));
    home->spawn({.name = "remote"}, stays([&] { return never.wait(); }));
    first = home->run();
    BOOST_TEST(home->live() == 0U);
    BOOST_TEST(::write(sockets.right.native(), "late", 4) == 4);
    home->spawn([&] {
      (void)coro::sleep(300ms);
      got = coro::io(op::recv{.socket = sockets.left, .buffer = buffer});
    });
    second = home->run();
    home->spawn([&] { (void)happened.wait(); });
    stuck_again = home->run();
  });
  BOOST_TEST((first.error() == sluice::errc::deadlock));
  BOOST_TEST(second.has_value());
  BOOST_TEST(got.value().value() == 4U);
  BOOST_TEST((stuck_again.value().error() == sluice::errc::deadlock));
  BOOST_TEST(!went_on);
  for (const char* name : {"sleeper", "reader", "chooser", "remote"})
    BOOST_TEST(said.find("\"" + std::string{name} + "\": it never ended") != std::string::npos, said);
  BOOST_TEST(times_in(said, "abandoned") == 4U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(it_is_over_with_the_run_whose_deadlock_began_it, Config, configs) {
  using coro = sluice::coro_of<Config>;
  auto home = coro::scheduler::make();
  typename coro::event never;
  bool ended = false;
  sluice::result<void> first;
  (void)fixture::error_output_of([&] {
    home->spawn([&] { (void)never.wait(); });
    first = home->run();
  });
  BOOST_TEST((first.error() == sluice::errc::deadlock));
  home->spawn([&] {
    (void)coro::sleep(200ms);
    ended = true;
  });
  BOOST_TEST(home->run().has_value());
  BOOST_TEST(ended);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_paused_stream_of_one_has_left_its_buffers, Config, configs) {
  using coro = sluice::coro_of<Config>;
  fixture::socket_pair sockets;
  std::optional<typename coro::buffer_group> group;
  const auto said = end_of<Config>([&](auto& home) {
    home.spawn({.name = "reader"}, [&] {
      group.emplace(coro::buffer_group::make({.count = 1, .bytes = 16}).value());
      auto bytes = coro::stream(op::recv_many{.socket = sockets.left, .buffers = *group});
      (void)coro::io(op::send{.socket = sockets.right, .buffer = fixture::bytes_of("0123456789abcdef and more")});
      const auto first = bytes.next();
      (void)coro::shield([&] { return bytes.next().has_value(); });
    });
  });
  BOOST_TEST(times_in(said, "abandoned") == 1U, said);
}

// What cannot be undone by waiting longer is not waited for.
BOOST_AUTO_TEST_CASE(a_deadlock_is_found_before_it_is_over) {
  struct patient : sluice::config<roomy, stuck::abandon<{.grace = 1h}>> {};
  using coro = sluice::coro_of<patient>;
  coro::mutex lock;
  auto held = lock.try_lock();
  const fixture::stopwatch watch;
  const auto said = end_of<patient>([&](auto& home) { home.spawn([&] { (void)lock.lock(); }); });
  BOOST_TEST((watch.passed() < 60s));
  BOOST_TEST(said.find("sluice: deadlock") == 0U);
  BOOST_TEST(times_in(said, "abandoned") == 1U);
}

BOOST_AUTO_TEST_CASE(whoever_ends_before_it_is_over_ends_as_ever) {
  struct patient : sluice::config<roomy, stuck::terminate<{.grace = 1h}>> {};
  using coro = sluice::coro_of<patient>;
  int ended = 0;
  const auto said = end_of<patient>([&](auto& home) {
    for (int i = 0; i != 10; ++i)
      home.spawn([&ended, i] {
        (void)coro::shield([&] { return coro::sleep(std::chrono::milliseconds{i}); });
        ++ended;
      });
  });
  BOOST_TEST(ended == 10);
  BOOST_TEST(said == "");
}

BOOST_AUTO_TEST_CASE(without_one_a_shield_is_waited_for) {
  using coro = sluice::coro_of<fixture::app>;
  bool ended = false;
  const auto said = end_of<fixture::app>([&](auto& home) {
    home.spawn([&] {
      (void)coro::shield([] { return coro::sleep(300ms); });
      ended = true;
    });
  });
  BOOST_TEST(ended);
  BOOST_TEST(said == "");
}

BOOST_AUTO_TEST_CASE(the_count_of_refusals_is_the_policy_s) {
  struct impatient : sluice::config<roomy, stuck::abandon<{.refusals = 3}>> {};
  using coro = sluice::coro_of<impatient>;
  int waits = 0;
  const auto said = end_of<impatient>([&](auto& home) {
    home.spawn([&] {
      for (;; ++waits) (void)coro::sleep(10s);
    });
  });
  BOOST_TEST(waits == 3);
  BOOST_TEST(times_in(said, "abandoned") == 1U);
}

namespace {
/// Lets the program go on, and counts how often it was asked.
struct mine {
  static constexpr auto kind = sluice::policy_kind::stuck;
  static constexpr std::string_view name = "mine";
  static constexpr int refusals = 5;
  static constexpr auto grace = 50ms;
  static void give_up() noexcept { ++asked; }
  static inline int asked = 0;
};
}  // namespace

BOOST_AUTO_TEST_CASE(a_policy_of_ones_own_is_asked_once_for_all_that_were_named) {
  struct app : sluice::config<roomy, mine> {};
  using coro = sluice::coro_of<app>;
  mine::asked = 0;
  const auto said = end_of<app>([&](auto& home) {
    for (int i = 0; i != 3; ++i) home.spawn([] { (void)coro::shield([] { return coro::sleep(100s); }); });
  });
  BOOST_TEST(mine::asked == 1);
  BOOST_TEST(times_in(said, "abandoned") == 3U);
  (void)end_of<app>([&](auto& home) {
    home.spawn([] {
      for (;;) (void)coro::sleep(100s);
    });
  });
  BOOST_TEST(mine::asked == 2);
  (void)end_of<app>([&](auto& home) { home.spawn([] { (void)coro::sleep(100s); }); });
  BOOST_TEST(mine::asked == 2);
}

BOOST_AUTO_TEST_CASE(the_other_policy_ends_the_program_once_it_has_named_them) {
  struct app : sluice::config<roomy, stuck::terminate<{.refusals = 10, .grace = 50ms}>> {};
  using coro = sluice::coro_of<app>;
  const auto child_of = [](auto f) {
    return support::in_child([&] {
      std::signal(SIGABRT, SIG_DFL);
      auto home = coro::scheduler::make();
      f(*home);
      (void)home->poll();
      home = std::unexpected{std::error_code{}};
      return 0;
    });
  };
  const auto by_time = child_of([](auto& home) {
    home.spawn({.name = "first"}, [] { (void)coro::shield([] { return coro::sleep(100s); }); });
    home.spawn({.name = "second"}, [] {
      // It is not waited for: nothing is any more. (Nor does the thread sanitizer take threads of a child whose parent has had some.)
      (void)coro::shield([] {
        if constexpr (sluice::detail::thread_sanitizer)
          return coro::sleep(100s);
        else
          return coro::blocking([] { std::this_thread::sleep_for(100s); });
      });
    });
    home.spawn({.name = "third"}, [] { (void)coro::sleep(100s); });
  });
  BOOST_TEST(by_time.signal == SIGABRT);
  BOOST_TEST(by_time.said.find("sluice: abandoned task #1 \"first\": it never ended although it was asked to, spawned at ") == 0U,
             by_time.said);
  BOOST_TEST(by_time.said.find("task #2 \"second\": it never ended") != std::string::npos);
  BOOST_TEST(by_time.said.find("third") == std::string::npos);
  const auto by_count = child_of([](auto& home) {
    home.spawn({.name = "stubborn"}, [] {
      for (;;) (void)coro::sleep(100s);
    });
  });
  BOOST_TEST(by_count.signal == SIGABRT);
  BOOST_TEST(by_count.said.find("\"stubborn\": it never ended") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_program_ends_when_a_deadlock_does_not) {
  struct app : sluice::config<roomy, soon> {};
  using coro = sluice::coro_of<app>;
  int code = 0;
  const auto said = fixture::error_output_of([&] {
    code = coro::main([] {
      coro::event never;
      (void)never.wait();
      (void)coro::shield([] { return coro::sleep(100s); });
    });
  });
  BOOST_TEST(code == 1);
  BOOST_TEST(said.find("abandoned task #1 \"root\"") != std::string::npos, said);
  BOOST_TEST(said.find("error: ") != std::string::npos);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_cores_of_a_runtime_end_without_what_outlives_it, Config, configs) {
  using coro = sluice::coro_of<Config>;
  sluice::result<void> outcome;
  const auto said = fixture::error_output_of([&] {
    outcome = coro::runtime::run({.threads = 3}, [](auto& core) {
      typename coro::event never;
      if (core.index() == 2) {
        // Its root task waits for the others to end when it is abandoned.
        coro::spawn({.name = "left"}, [] {
          typename coro::event nothing;
          (void)nothing.wait();
          (void)coro::shield([] { return coro::sleep(100s); });
        }).detach();
        return;
      }
      (void)never.wait();
      if (core.index() == 0) (void)coro::shield([] { return coro::sleep(100s); });
    });
  });
  BOOST_TEST((outcome.error() == sluice::errc::deadlock));
  BOOST_TEST(said.find("\"root\": it never ended") != std::string::npos, said);
  BOOST_TEST(said.find("\"left\": it never ended") != std::string::npos, said);
}

BOOST_AUTO_TEST_SUITE_END()
