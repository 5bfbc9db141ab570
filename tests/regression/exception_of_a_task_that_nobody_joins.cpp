// SPDX-License-Identifier: MIT
// An exception of a task that was detached, or that a scheduler had spawned, vanished without a word. It ends the program now, as one of a
// `std::thread` does, and the task is named; one of a task that was asked to end is told, and the program goes on.
#include <sluice/sluice.hpp>
#include <support/child.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <stdexcept>
#include <string>
#include <system_error>

#include <coro/fixture.hpp>

using coro = sluice::coro_of<fixture::app>;

namespace {

[[noreturn]] void fail() { throw std::runtime_error{"out of luck"}; }

void waits_and_throws() {
  if (const auto slept = coro::sleep(std::chrono::seconds{20}); !slept) throw std::system_error{slept.error()};
}

/// Without handlers of the test framework's or a sanitizer's.
template <class F>
auto ended_by(F f) {
  return support::in_child([&] {
    (void)std::signal(SIGABRT, SIG_DFL);
    std::set_terminate([] { std::abort(); });
    return f();
  });
}

auto has(const std::string& text, const std::string& part) -> bool { return text.find(part) != std::string::npos; }

}  // namespace

BOOST_AUTO_TEST_SUITE(exception_of_a_task_that_nobody_joins, *needs::ring())

BOOST_AUTO_TEST_CASE(of_a_detached_one_ends_the_program_and_names_it) {
  const auto end = ended_by([] {
    return coro::main([] {
      coro::spawn({.name = "unlucky"}, &fail).detach();
      (void)coro::sleep(std::chrono::seconds{20});
      return 0;
    });
  });
  BOOST_TEST(end.signal == SIGABRT);
  BOOST_TEST(has(end.said, "sluice: an exception left a task that nobody joins, #2 \"unlucky\""));
  BOOST_TEST(has(end.said, "exception_of_a_task_that_nobody_joins.cpp:"));
  BOOST_TEST(has(end.said, ": out of luck\n"));
}

BOOST_AUTO_TEST_CASE(of_one_that_a_scheduler_spawned_does_too) {
  const auto end = ended_by([] {
    auto home = coro::scheduler::make();
    home->spawn({.name = "unlucky"}, &fail);
    (void)home->run();
    return 0;
  });
  BOOST_TEST(end.signal == SIGABRT);
  BOOST_TEST(has(end.said, "sluice: an exception left a task that nobody joins, #1 \"unlucky\""));
}

BOOST_AUTO_TEST_CASE(of_one_that_was_asked_to_end_is_told_and_the_program_goes_on) {
  const auto end = ended_by([] {
    {
      auto home = coro::scheduler::make();
      home->spawn({.name = "tired"}, &waits_and_throws);
      (void)home->poll();
    }
    return 7;
  });
  BOOST_TEST(end.code == 7);
  BOOST_TEST(has(end.said, "sluice: an exception left a task that nobody joins, #1 \"tired\""));
}

BOOST_AUTO_TEST_CASE(of_one_that_is_joined_or_owned_by_a_scope_is_theirs) {
  const auto end = ended_by([] {
    int caught = 0;
    const auto outcome = coro::run([&] {
      auto task = coro::spawn(&fail);
      try {
        (void)task.join();
      } catch (const std::runtime_error&) { ++caught; }
      coro::scope scope;
      scope.spawn(&fail);
      try {
        (void)scope.join();
      } catch (const std::runtime_error&) { ++caught; }
    });
    return outcome.has_value() ? caught : 99;
  });
  BOOST_TEST(end.code == 2);
  BOOST_TEST(end.said == "");
}

BOOST_AUTO_TEST_SUITE_END()
