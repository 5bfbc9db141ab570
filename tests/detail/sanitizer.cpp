// SPDX-License-Identifier: MIT
// Has most to say when it is built with -fsanitize=address or -fsanitize=thread: a missing annotation then ends the program.
#include <laws/context.hpp>
#include <sluice/context/native.hpp>
#include <sluice/detail/sanitizer.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <ctime>
#include <memory>
#include <stdexcept>
#include <thread>
#include <type_traits>
#include <vector>

#include <pthread.h>

using sluice::context::native;
namespace detail = sluice::detail;

BOOST_AUTO_TEST_SUITE(detail_)
BOOST_AUTO_TEST_SUITE(sanitizer)

BOOST_AUTO_TEST_CASE(without_a_sanitizer_nothing_is_kept) {
  struct task {
    void* next;
    [[no_unique_address]] detail::basic_fiber_annotation<false, false> annotation;
  };
  BOOST_TEST((std::is_empty_v<detail::basic_fiber_annotation<false, false>>));
  BOOST_TEST(sizeof(task) == sizeof(void*));
}

BOOST_AUTO_TEST_CASE(what_one_fiber_wrote_another_may_read_without_a_lock) {
  int shared = 0;
  laws::fiber<native> writer{[&](auto& self) {
    for (int i = 0; i != 100; ++i) {
      shared = shared * 3 + 1;
      self.yield();
    }
  }};
  laws::fiber<native> reader{[&](auto& self) {
    for (int i = 0; i != 100; ++i) {
      shared %= 1000;
      self.yield();
    }
  }};
  while (!writer.ended()) {
    writer.resume();
    reader.resume();
  }
  BOOST_TEST(reader.ended());
}

BOOST_AUTO_TEST_CASE(a_fiber_resumes_another_and_each_learns_where_it_came_from) {
  int depth = 0;
  laws::fiber<native> inner{[&](auto& self) {
    depth = 3;
    self.yield();
    depth = 5;
  }};
  laws::fiber<native> outer{[&](auto& self) {
    depth = 1;
    inner.resume();
    BOOST_TEST(depth == 3);
    self.yield();
    inner.resume();
  }};
  outer.resume();
  outer.resume();
  BOOST_TEST(depth == 5);
  BOOST_TEST(outer.ended());
  BOOST_TEST(inner.ended());
}

BOOST_AUTO_TEST_CASE(many_fibers_come_and_go_on_one_stack) {
  std::vector<std::byte> memory(128 * 1024);
  const sluice::stack_span stack{.base = memory.data(), .bytes = memory.size(), .index = 0};
  int ended = 0;
  for (int i = 0; i != 20'000; ++i) {
    laws::fiber<native> one{[&](auto&) { ++ended; }, stack};
    one.resume();
    detail::unpoison(stack.base, stack.bytes);
  }
  BOOST_TEST(ended == 20'000);
}

BOOST_AUTO_TEST_CASE(a_stack_that_was_left_for_good_can_hold_other_frames) {
  std::vector<std::byte> memory(128 * 1024);
  const sluice::stack_span stack{.base = memory.data(), .bytes = memory.size(), .index = 0};
  unsigned sum = 0;
  for (unsigned levels = 1; levels != 60; ++levels) {
    // Never resumed: its frames stay marked until the stack is unpoisoned.
    laws::fiber<native> abandoned{[&](auto& self) { sum += laws::descend<native>(self, levels); }, stack};
    abandoned.resume();
    detail::unpoison(stack.base, stack.bytes);
  }
  laws::fiber<native> last{[&](auto& self) { sum += laws::descend<native>(self, 40); }, stack};
  last.resume();
  last.resume();
  detail::unpoison(stack.base, stack.bytes);
  BOOST_TEST(sum == 41U);
}

BOOST_AUTO_TEST_CASE(an_exception_unwinds_only_the_stack_that_threw) {
  for (int i = 0; i != 100; ++i) {
    bool caught = false;
    laws::fiber<native> one{[&](auto& self) {
      try {
        self.yield();
        throw std::runtime_error{"here"};
      } catch (const std::runtime_error&) { caught = true; }
    }};
    one.resume();
    BOOST_CHECK_THROW(throw std::logic_error{"there"}, std::logic_error);
    one.resume();
    BOOST_TEST_REQUIRE(caught);
  }
}

BOOST_AUTO_TEST_CASE(threads_run_fibers_of_their_own) {
  std::vector<std::thread> threads;
  std::vector<int> turns(3);
  for (auto& count : turns) {
    threads.emplace_back([&count] {
      laws::fiber<native> one{[&](auto& self) {
        for (int i = 0; i != 1000; ++i) {
          ++count;
          self.yield();
        }
      }};
      while (!one.ended()) one.resume();
    });
  }
  for (auto& thread : threads) thread.join();
  for (const int count : turns) BOOST_TEST(count == 1000);
}

std::atomic<int> signals_taken{0};

// Does `turn` again and again until another thread has sent a signal, at another moment each time; it must be taken then, although no
// other fiber runs any more.
template <class Turn>
void each_signal_is_taken(int rounds, Turn turn) {
  struct sigaction action{};
  struct sigaction before{};
  action.sa_handler = [](int) { signals_taken.fetch_add(1); };
  sigemptyset(&action.sa_mask);
  BOOST_TEST_REQUIRE(::sigaction(SIGUSR2, &action, &before) == 0);
  const pthread_t here = ::pthread_self();
  const int taken = signals_taken.load();
  for (int round = 0; round != rounds; ++round) {
    std::atomic<bool> begun{false};
    std::atomic<bool> told{false};
    std::thread other{[&] {
      while (!begun.load()) {}
      for (std::atomic<int> spin{round * 21}; spin > 0; --spin) {}
      told = ::pthread_kill(here, SIGUSR2) == 0;
    }};
    begun = true;
    while (!told.load(std::memory_order_relaxed)) turn();
    other.join();
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds{5};
    while (signals_taken.load() != taken + round + 1 && std::chrono::steady_clock::now() < until) (void)std::time(nullptr);
    BOOST_TEST_REQUIRE(signals_taken.load() == taken + round + 1);
  }
  ::sigaction(SIGUSR2, &before, nullptr);
}

BOOST_AUTO_TEST_CASE(a_signal_that_meets_a_switch_is_not_kept_by_a_fiber_that_waits) {
  bool wanted = true;
  laws::fiber<native> other{[&](auto& self) {
    while (wanted) self.yield();
  }};
  each_signal_is_taken(100, [&] { other.resume(); });
  wanted = false;
  other.resume();
}

BOOST_AUTO_TEST_CASE(a_signal_that_meets_the_making_or_the_end_of_a_fiber_is_not_kept_by_it) {
  const auto memory = std::make_unique<std::byte[]>(128 * 1024);
  const sluice::stack_span stack{.base = memory.get(), .bytes = 128 * 1024, .index = 0};
  each_signal_is_taken(300, [&] {
    laws::fiber<native> one{[](auto&) {}, stack};
    one.resume();
    detail::unpoison(stack.base, stack.bytes);
  });
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
