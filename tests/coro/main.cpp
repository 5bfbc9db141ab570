// SPDX-License-Identifier: MIT
// `main`: a whole program as one callable. Programs that signals reach, or that end badly, run in a child process.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <csignal>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>

#include <coro/fixture.hpp>

using coro = sluice::coro_of<fixture::app>;
namespace op = sluice::op;
using namespace std::chrono_literals;

namespace {

/// A program in a child process that says by a byte that it has come so far.
struct program {
  template <class F>
  explicit program(F f) {
    std::array<int, 2> ends{};
    BOOST_REQUIRE(::pipe2(ends.data(), O_CLOEXEC) == 0);
    child = fixture::in_child([&] {
      ::dup2(errors.handle.native(), 2);
      // What runs the tests, or a sanitizer, has handlers of its own.
      for (const int fault : {SIGSEGV, SIGBUS, SIGABRT}) (void)std::signal(fault, SIG_DFL);
      return f([&] { (void)!::write(ends[1], "x", 1); });
    });
    ::close(ends[1]);
    progress = ends[0];
  }
  program(const program&) = delete;
  auto operator=(const program&) -> program& = delete;
  ~program() { ::close(progress); }

  /// Waits until it has said so once more.
  void wait() const {
    char c = 0;
    BOOST_TEST(::read(progress, &c, 1) == 1);
  }
  void signal(int number) const { ::kill(child, number); }

  fixture::scratch_file errors;
  ::pid_t child = 0;
  int progress = -1;
};

[[gnu::noinline]] auto recurse(int depth) -> int {
  volatile char local[512];
  local[depth % 512] = static_cast<char>(depth);
  if (depth > 10'000'000) return 0;
  return recurse(depth + 1) + local[depth % 512];
}

}  // namespace

BOOST_AUTO_TEST_SUITE(main, *needs::ring())

BOOST_AUTO_TEST_CASE(the_exit_code_is_the_callables_value) {
  BOOST_TEST(coro::main([] { return 3; }) == 3);
  BOOST_TEST(coro::main([] {}) == 0);
  BOOST_TEST(coro::main([]() -> sluice::result<void> { return {}; }) == 0);
  BOOST_TEST(coro::main([]() -> sluice::result<int> { return 4; }) == 4);
  BOOST_TEST(coro::main([] { return std::string{"text"}; }) == 0);
  BOOST_TEST(coro::main({.handle_termination = false, .report_overflow = false}, [] { return 5; }) == 5);
}

BOOST_AUTO_TEST_CASE(an_error_or_an_exception_is_printed_and_becomes_1) {
  int code = 0;
  auto said = fixture::error_output_of(
      [&] { code = coro::main([]() -> sluice::result<int> { return std::unexpected{std::make_error_code(std::errc::address_in_use)}; }); });
  BOOST_TEST(code == 1);
  BOOST_TEST(said == "error: Address already in use\n");
  said = fixture::error_output_of([&] { code = coro::main([] { throw std::runtime_error{"out of luck"}; }); });
  BOOST_TEST(code == 1);
  BOOST_TEST(said == "error: out of luck\n");
  said = fixture::error_output_of([&] { code = coro::main([] { throw 5; }); });
  BOOST_TEST(code == 1);
  BOOST_TEST(said == "error: an exception of an unknown type\n");
}

BOOST_AUTO_TEST_CASE(inside_a_task_it_is_refused) {
  (void)coro::run([] {
    int code = 0;
    const auto said = fixture::error_output_of([&] { code = coro::main([] { return 0; }); });
    BOOST_TEST(code == 1);
    BOOST_TEST(said.find("spawn a task instead") != std::string::npos);
  });
}

BOOST_AUTO_TEST_CASE(the_first_signal_cancels_the_root_task) {
  for (const int number : {SIGTERM, SIGINT}) {
    const program p{[](auto progress) {
      return coro::main([&] {
        bool child_told = false;
        coro::scope s;
        s.spawn([&] { child_told = coro::sleep(20s).error() == std::errc::operation_canceled; });
        coro::yield();
        progress();
        const fixture::socket_pair pair;
        std::array<std::byte, 8> buffer{};
        const auto received = coro::io(op::recv{.socket = pair.left, .buffer = buffer});
        const bool told = received.error() == std::errc::operation_canceled && coro::this_task::cancelled();
        (void)s.join();
        return told && child_told ? 42 : 43;
      });
    }};
    p.wait();
    p.signal(number);
    const int status = fixture::status_of(p.child);
    BOOST_TEST(WIFEXITED(status));
    BOOST_TEST(WEXITSTATUS(status) == 42);
  }
}

BOOST_AUTO_TEST_CASE(the_second_signal_ends_the_program) {
  const program p{[](auto progress) {
    return coro::main([&] {
      progress();
      (void)coro::sleep(20s);
      progress();
      (void)coro::shield([] { return coro::sleep(20s); });
      return 0;
    });
  }};
  p.wait();
  p.signal(SIGTERM);
  p.wait();
  p.signal(SIGTERM);
  const int status = fixture::status_of(p.child);
  BOOST_TEST(WIFSIGNALED(status));
  BOOST_TEST(WTERMSIG(status) == SIGTERM);
}

BOOST_AUTO_TEST_CASE(a_signal_while_tasks_are_busy_is_heeded) {
  const program p{[](auto progress) {
    return coro::main([&] {
      progress();
      while (!coro::this_task::cancelled()) coro::yield();
      return 9;
    });
  }};
  p.wait();
  ::usleep(2000);
  p.signal(SIGTERM);
  const int status = fixture::status_of(p.child);
  BOOST_TEST(WIFEXITED(status));
  BOOST_TEST(WEXITSTATUS(status) == 9);
}

BOOST_AUTO_TEST_CASE(a_signal_may_print_what_every_task_waits_for) {
  const program p{[](auto progress) {
    return coro::main({.dump_signal = SIGUSR1}, [&] {
      auto sleeper = coro::spawn({.name = "sleeper"}, [] { (void)coro::sleep(20s); });
      coro::yield();
      progress();
      (void)coro::sleep(20s);
      return 6;
    });
  }};
  p.wait();
  std::string said;
  for (int i = 0; i < 1000 && said.find("sleeper") == std::string::npos; ++i) {
    if (i % 100 == 0) p.signal(SIGUSR1);
    ::usleep(2000);
    said = p.errors.text();
  }
  BOOST_TEST(said.find("#1 \"root\" waits for sleep") != std::string::npos);
  BOOST_TEST(said.find("#2 \"sleeper\" waits for sleep") != std::string::npos);
  p.signal(SIGTERM);
  BOOST_TEST(WEXITSTATUS(fixture::status_of(p.child)) == 6);
}

BOOST_AUTO_TEST_CASE(the_former_handlers_come_back) {
  struct ::sigaction mine{};
  mine.sa_handler = SIG_IGN;
  struct ::sigaction before[4];
  const int numbers[] = {SIGINT, SIGTERM, SIGSEGV, SIGBUS};
  for (int i = 0; i < 4; ++i) ::sigaction(numbers[i], i < 2 ? &mine : nullptr, &before[i]);
  (void)coro::main([] {});
  for (int i = 0; i < 4; ++i) {
    struct ::sigaction after{};
    ::sigaction(numbers[i], &before[i], &after);
    BOOST_TEST((after.sa_handler == (i < 2 ? SIG_IGN : before[i].sa_handler)));
  }
}

BOOST_AUTO_TEST_CASE(a_stack_overflow_names_its_task_its_stack_and_the_remedy) {
  const program p{[](auto) {
    return coro::main([] {
      auto fine = coro::spawn({.name = "fine"}, [] { (void)coro::sleep(20s); });
      auto deep = coro::spawn({.name = "deep", .stack_bytes = 512 * 1024}, [] { return recurse(0); });
      return deep.join().value();
    });
  }};
  const int status = fixture::status_of(p.child);
  BOOST_TEST(WIFSIGNALED(status));
  BOOST_TEST(WTERMSIG(status) == SIGSEGV);
  const auto said = p.errors.text();
  BOOST_TEST(said.find("sluice: stack overflow in task #3 \"deep\", spawned at ") != std::string::npos);
  BOOST_TEST(said.find("main.cpp:") != std::string::npos);
  BOOST_TEST(
      said.find(": its stack of 524288 bytes is used up; give it more by spawn({.stack_bytes = ...}, f), or all tasks by .bytes of the "
                "stack policy\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(another_fault_is_not_taken_for_an_overflow) {
  const program p{[](auto) {
    return coro::main([] {
      volatile std::uintptr_t nowhere = 4000;
      return *reinterpret_cast<volatile int*>(nowhere);
    });
  }};
  const int status = fixture::status_of(p.child);
  BOOST_TEST(!(WIFEXITED(status) && WEXITSTATUS(status) == 0));
  BOOST_TEST(p.errors.text().find("stack overflow in task") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_terminated_program_tells_which_task_it_was) {
  const program p{[](auto) {
    return coro::main([] {
      auto t = coro::spawn({.name = "careless"}, [] {
        const struct careless {
          ~careless() { fail(); }
          void fail() const { throw std::runtime_error{"in a destructor"}; }
        } one;
        (void)coro::sleep(1ms);
      });
      (void)t.join();
    });
  }};
  const int status = fixture::status_of(p.child);
  BOOST_TEST((WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT));
  const auto said = p.errors.text();
  BOOST_TEST((said.find("sluice: std::terminate in task #2 \"careless\", spawned at ") != std::string::npos), said);
  BOOST_TEST((said.find("in a destructor") != std::string::npos), said);
}

BOOST_AUTO_TEST_CASE(a_fault_reaches_the_handler_that_was_there_before) {
  for (const bool overflows : {false, true}) {
    const program p{[overflows](auto) {
      // As a crash reporter installs it.
      struct ::sigaction reporter{};
      reporter.sa_handler = [](int) { ::_exit(77); };
      reporter.sa_flags = static_cast<int>(SA_ONSTACK);
      sigemptyset(&reporter.sa_mask);
      ::sigaction(SIGSEGV, &reporter, nullptr);
      return coro::main([overflows] {
        volatile std::uintptr_t nowhere = 4000;
        auto t = coro::spawn({.name = "deep"}, [&] { return overflows ? recurse(0) : *reinterpret_cast<volatile int*>(nowhere); });
        return t.join().value();
      });
    }};
    const int status = fixture::status_of(p.child);
    BOOST_TEST((WIFEXITED(status) && WEXITSTATUS(status) == 77));
    BOOST_TEST((p.errors.text().find("stack overflow in task #2 \"deep\"") != std::string::npos) == overflows);
  }
}

BOOST_AUTO_TEST_CASE(a_forked_child_can_leave_the_parents_tasks_alone) {
  const auto outcome = coro::run([] {
    auto t = coro::spawn([] { return coro::sleep(20ms).has_value(); });
    coro::yield();
    const ::pid_t child = ::fork();
    if (child == 0) ::_exit(0);
    const int status = fixture::status_of(child);
    return WIFEXITED(status) && t.join().value();
  });
  BOOST_TEST(*outcome);
  const auto home = std::unique_ptr<sluice::result<coro::scheduler>>{new sluice::result<coro::scheduler>{coro::scheduler::make()}};
  (*home)->spawn([] { (void)coro::sleep(5ms); });
  (void)(*home)->poll();
  const ::pid_t child = fixture::in_child([&] {
    const bool knows = (*home)->ring().in_child();
    home->~expected();
    return knows ? 12 : 13;
  });
  BOOST_TEST(WEXITSTATUS(fixture::status_of(child)) == 12);
  BOOST_TEST((*home)->run().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
