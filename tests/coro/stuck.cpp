// SPDX-License-Identifier: MIT
// Tasks that will not end, and rings that are lost: what becomes of their scheduler.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cerrno>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <coro/fixture.hpp>

using coro = sluice::coro_of<fixture::app>;
namespace op = sluice::op;
using namespace std::chrono_literals;

namespace {

/// Fails io_uring_enter with one number after so many calls.
struct failing_os : sluice::os::linux_ {
  static auto uring_enter(unsigned descriptor, unsigned submit, unsigned wait, unsigned flags, void* argument, std::size_t bytes) noexcept
      -> int {
    if (calls_left == 0) return -error;
    if (calls_left > 0) --calls_left;
    return linux_::uring_enter(descriptor, submit, wait, flags, argument, bytes);
  }
  static inline int calls_left = -1;
  static inline int error = 0;
};
struct failing : sluice::config<sluice::backend::io_uring<{}, failing_os>, fixture::roomy> {};
using fragile = sluice::coro_of<failing>;

struct refusing_os : sluice::os::linux_ {
  static auto uring_queue_init(unsigned, ::io_uring*, ::io_uring_params*) noexcept -> int { return -error; }
  static inline int error = 0;
};
struct refusing : sluice::config<sluice::backend::io_uring<{}, refusing_os>> {};
using refused = sluice::coro_of<refusing>;

/// What a thread does that takes a waiter out of a line and is slow to tell it.
auto tell_late(sluice::coro::remote_line& line) -> std::jthread {
  auto held = line.lock();
  auto* const one = line.pop_front();
  held.unlock();
  BOOST_REQUIRE(one != nullptr);
  return std::jthread{[one] {
    std::this_thread::sleep_for(20ms);
    one->signal(*one);
  }};
}
/// Loses the ring while a thread is about to tell a task that waits in a line, and ends the scheduler.
template <class Wait>
void lose_ring_before_word(sluice::coro::remote_line& line, Wait wait) {
  std::jthread other;
  bool went_on = false;
  sluice::result<void> outcome;
  const auto said = fixture::error_output_of([&] {
    auto home = fragile::scheduler::make();
    home->spawn({.name = "waiter"}, [&] {
      wait();
      went_on = true;
    });
    home->spawn([&] {
      other = tell_late(line);
      failing_os::error = EBADF;
      failing_os::calls_left = 0;
      (void)fragile::io(op::nop{});
    });
    outcome = home->run();
    failing_os::calls_left = -1;
  });
  BOOST_TEST(outcome.error().value() == EBADF);
  BOOST_TEST(!went_on);
  BOOST_TEST(said.find("\"waiter\"") != std::string::npos);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(stuck, *needs::ring())

BOOST_AUTO_TEST_CASE(a_task_that_ignores_its_end_is_named_and_abandoned_after_a_thousand_waits) {
  int waits = 0;
  bool other_ended = false;
  bool destroyed = false;
  struct guard {
    bool& flag;
    ~guard() { flag = true; }
  };
  const auto said = fixture::error_output_of([&] {
    auto home = coro::scheduler::make();
    home->spawn({.name = "stubborn"}, [&] {
      const guard at_end{destroyed};
      for (;;) {
        (void)coro::sleep(10s);
        ++waits;
      }
    });
    home->spawn([&] {
      (void)coro::sleep(10s);
      (void)coro::shield([] { return coro::sleep(2ms); });
      other_ended = true;
    });
    (void)home->poll();
  });
  BOOST_TEST(waits == 1000);
  BOOST_TEST(other_ended);
  BOOST_TEST(!destroyed);
  BOOST_TEST(said.find("sluice: abandoned task #1 \"stubborn\": it never ended although it was asked to, spawned at ") == 0U);
  BOOST_TEST(said.find("stuck.cpp:") != std::string::npos);
}

// Its waits are not refused: they end with the task that they are for. What it refuses is to stop making such tasks.
BOOST_AUTO_TEST_CASE(a_task_that_only_waits_for_ever_new_ones_is_abandoned_too) {
  const auto sleeps = [] { return coro::sleep(10s); };
  const std::vector<std::function<void()>> ways{
      [&] {
        coro::scope s;
        s.spawn(sleeps);
        (void)s.join();
      },
      [&] { (void)coro::spawn(sleeps).join(); },
      [&] { auto dropped = coro::spawn(sleeps); },
      [&] { (void)coro::all(sleeps, sleeps); },
      [&] { (void)coro::race(sleeps, sleeps); },
  };
  for (const auto& way : ways) {
    int rounds = 0;
    const auto said = fixture::error_output_of([&] {
      auto home = coro::scheduler::make();
      home->spawn({.name = "stubborn"}, [&] {
        for (; rounds != 100'000; ++rounds) way();
      });
      (void)home->poll();
    });
    BOOST_TEST(rounds >= 1000);
    BOOST_TEST(rounds < 100'000);
    BOOST_TEST(said.find("\"stubborn\": it never ended although it was asked to") != std::string::npos, said);
  }
}

BOOST_AUTO_TEST_CASE(an_owner_of_very_many_tasks_may_wait_for_each_of_them) {
  constexpr std::size_t count = 3000;
  std::size_t begun = 0;
  std::size_t ended = 0;
  bool all_ended = false;
  const auto said = fixture::error_output_of([&] {
    auto home = coro::scheduler::make();
    home->spawn([&] {
      // Each is asked to end when all are, and takes its time; only then does the owner come to it.
      const auto lingers = [&] {
        ++begun;
        (void)coro::sleep(10s);
        (void)coro::shield([] { return coro::sleep(1ms); });
        ++ended;
      };
      std::vector<coro::task<void>> tasks;
      std::vector<std::unique_ptr<coro::scope>> scopes;
      for (std::size_t i = 0; i != count; ++i) {
        tasks.push_back(coro::spawn(lingers));
        scopes.push_back(std::make_unique<coro::scope>());
        scopes.back()->spawn(lingers);
      }
      for (auto& one : tasks) (void)one.join();
      for (auto& one : scopes) (void)one->join();
      all_ended = true;
    });
    while (begun != 2 * count && home->poll()) {}
  });
  BOOST_TEST(ended == 2 * count);
  BOOST_TEST(all_ended);
  BOOST_TEST(said == "");
}

BOOST_AUTO_TEST_CASE(whoever_waits_for_an_abandoned_task_is_abandoned_too) {
  coro::task<void> handle;
  const auto said = fixture::error_output_of([&] {
    auto home = coro::scheduler::make();
    home->spawn({.name = "owner"}, [] {
      coro::scope s;
      s.spawn({.name = "stubborn"}, [] {
        for (;;) (void)coro::io(op::nop{});
      });
      (void)s.join();
    });
    home->spawn([&] {
      handle = coro::spawn({.name = "stubborn, too"}, [] {
        for (;;) (void)coro::sleep(1s);
      });
    });
    (void)home->poll();
    (void)home->poll();
  });
  BOOST_TEST(said.find("abandoned task #1 \"owner\"") != std::string::npos);
  BOOST_TEST(said.find("\"stubborn\": it never ended") != std::string::npos);
  BOOST_TEST(said.find("\"stubborn, too\": it never ended") != std::string::npos);
  BOOST_TEST(!handle.joinable());
}

BOOST_AUTO_TEST_CASE(a_lost_ring_ends_run_with_the_reason) {
  for (const int error : {EBADF, EFAULT, ENXIO, EBADFD}) {
    failing_os::calls_left = 3;
    failing_os::error = error;
    bool finished = false;
    sluice::result<void> outcome;
    const auto said = fixture::error_output_of([&] {
      auto home = fragile::scheduler::make();
      home->spawn({.name = "worker"}, [&] {
        for (int i = 0; i < 100; ++i) (void)fragile::io(op::nop{});
        finished = true;
      });
      home->spawn({.name = "sleeper"}, [&] { (void)fragile::sleep(10s); });
      outcome = home->run();
      BOOST_TEST(home->live() == 0U);
      failing_os::calls_left = -1;
    });
    BOOST_TEST(outcome.error().value() == error);
    BOOST_TEST(!finished);
    BOOST_TEST(said.find("\"worker\"") != std::string::npos);
    BOOST_TEST(said.find("\"sleeper\"") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(a_thread_that_is_about_to_tell_an_abandoned_task_finds_it) {
  sluice::coro::remote_line line;
  using task = sluice::coro::waiting_task<failing>;
  static constexpr sluice::coro::wait_kind kind{.what = "a thread", .cancel = &task::cut_short, .forget = &task::forget};
  lose_ring_before_word(line, [&] { (void)sluice::coro::wait_remotely<failing>(line, kind, [] { return false; }); });
}

BOOST_AUTO_TEST_CASE(and_so_does_one_that_is_about_to_tell_an_abandoned_select) {
  fragile::remote_channel<int> one{1};
  fragile::remote_channel<int> other{1};
  lose_ring_before_word(one.receivers(), [&] { (void)fragile::select(one.receiving(), other.receiving()); });
}

BOOST_AUTO_TEST_CASE(or_one_that_has_lost_and_waits_for_the_word) {
  fragile::remote_channel<int> one{1};
  fragile::channel<int> other{1};
  const auto send_soon = [&] {
    fragile::spawn([&] {
      fragile::yield();
      (void)other.send(1);
    }).detach();
  };
  lose_ring_before_word(one.receivers(), [&] {
    send_soon();
    (void)fragile::select(one.receiving(), other.receiving());
  });
  lose_ring_before_word(one.receivers(), [&] {
    send_soon();
    (void)fragile::select(one.receiving(), other.receiving(), op::timeout{.after = 10s});
  });
}

BOOST_AUTO_TEST_CASE(work_of_a_thread_for_an_abandoned_task_has_ended_when_run_has) {
  std::atomic<bool> began{false};
  std::atomic<bool> ended{false};
  (void)fixture::error_output_of([&] {
    auto home = fragile::scheduler::make();
    home->spawn([&] {
      (void)fragile::blocking([&] {
        began = true;
        std::this_thread::sleep_for(50ms);
        ended = true;
      });
    });
    home->spawn([&] {
      while (!began) fragile::yield();
      failing_os::error = EBADF;
      failing_os::calls_left = 0;
      (void)fragile::io(op::nop{});
    });
    BOOST_TEST(home->run().error().value() == EBADF);
    BOOST_TEST(ended);
    failing_os::calls_left = -1;
  });
}

BOOST_AUTO_TEST_CASE(a_lost_ring_is_what_run_gives_for_a_whole_program) {
  failing_os::calls_left = 2;
  failing_os::error = EBADF;
  sluice::result<int> outcome;
  (void)fixture::error_output_of([&] {
    outcome = fragile::run([] {
      for (int i = 0; i < 100; ++i) (void)fragile::io(op::nop{});
      return 1;
    });
    failing_os::calls_left = -1;
  });
  BOOST_TEST(outcome.error().value() == EBADF);
}

BOOST_AUTO_TEST_CASE(what_can_be_retried_is_never_seen) {
  for (const int error : {EINTR, EAGAIN, EBUSY}) {
    failing_os::error = error;
    int done = 0;
    const auto outcome = fragile::run([&] {
      for (int i = 0; i < 50; ++i) {
        failing_os::calls_left = 0;
        fragile::spawn([] {
          coro::yield();
          failing_os::calls_left = -1;
        }).detach();
        if (fragile::io(op::nop{})) ++done;
        failing_os::calls_left = -1;
      }
    });
    BOOST_TEST(outcome.has_value());
    BOOST_TEST(done == 50);
  }
}

BOOST_AUTO_TEST_CASE(a_refused_ring_is_the_error_of_make_of_run_and_of_main) {
  const std::pair<int, sluice::errc> cases[] = {{ENOSYS, sluice::errc::ring_unsupported},
                                                {EPERM, sluice::errc::ring_forbidden},
                                                {ENOMEM, sluice::errc::ring_memory},
                                                {EMFILE, sluice::errc::ring_descriptors}};
  for (const auto& [number, code] : cases) {
    refusing_os::error = number;
    bool called = false;
    BOOST_TEST((refused::scheduler::make().error() == code));
    BOOST_TEST((refused::run([&] { called = true; }).error() == code));
    int exit_code = 0;
    const auto said = fixture::error_output_of([&] { exit_code = refused::main([&] { called = true; }); });
    BOOST_TEST(exit_code == 1);
    BOOST_TEST(said == "error: " + make_error_code(code).message() + "\n");
    BOOST_TEST((refused::io(op::nop{}).error() == code));
    const auto [a, b] = refused::io(op::nop{}, op::nop{});
    BOOST_TEST((a.error() == code && b.error() == code));
    BOOST_TEST(!called);
  }
}

BOOST_AUTO_TEST_SUITE_END()
