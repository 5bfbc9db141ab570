// SPDX-License-Identifier: MIT
// A SIGTERM that reached `main` before its root task had begun ended the program with "Operation canceled" and exit code 1, as a task that
// is asked to end before it runs never does. A program is called all the same: its first wait is refused, and its value is the exit code.
#include <sluice/sluice.hpp>
#include <support/child.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <system_error>

namespace {

/// Sends the signal when the caller of `main` first waits for its tasks, none of which has begun then.
struct early_signal {
  static constexpr auto kind = sluice::policy_kind::trace;
  static constexpr std::string_view name = "early signal";
  static inline bool sent = false;
  void on(sluice::event::task_parked) noexcept {
    if (!sent) (void)std::raise(SIGTERM);
    sent = true;
  }
};
struct app : sluice::config<early_signal> {};
using coro = sluice::coro_of<app>;

auto program() -> int {
  return coro::main([] {
    const bool knows = coro::this_task::cancelled();
    const auto slept = coro::sleep(std::chrono::seconds{20});
    return knows && slept.error() == std::errc::operation_canceled ? 42 : 43;
  });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(signal_before_the_first_turn, *needs::ring())

BOOST_AUTO_TEST_CASE(the_program_is_called_and_its_value_is_the_exit_code) {
  const auto end = support::in_child(&program);
  BOOST_TEST(end.code == 42);
  BOOST_TEST(end.signal == 0);
  BOOST_TEST(end.said == "");
}

BOOST_AUTO_TEST_SUITE_END()
