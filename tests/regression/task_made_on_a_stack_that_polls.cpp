// SPDX-License-Identifier: MIT
// A task that has ended polls on its own stack until another one can run. A stop callback that was called meanwhile, for a request to end
// from another thread, spawned a task, which was given that very stack.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <stop_token>
#include <string_view>
#include <utility>

#include <coro/fixture.hpp>

namespace {

/// Counts the stacks that are given while they run.
struct watched {
  static constexpr auto kind = sluice::policy_kind::stack;
  static constexpr std::string_view name = "watched";

  auto allocate() noexcept -> sluice::result<sluice::stack_span> {
    auto given = below.allocate();
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    if (given && here - reinterpret_cast<std::uintptr_t>(given->base) < given->bytes) ++given_while_running;
    return given;
  }
  void deallocate(sluice::stack_span stack) noexcept { below.deallocate(stack); }

  static inline int given_while_running = 0;
  fixture::roomy below;
};

struct app : sluice::config<watched> {};
using coro = sluice::coro_of<app>;
using namespace std::chrono_literals;

}  // namespace

BOOST_AUTO_TEST_CASE(task_made_on_a_stack_that_polls, *needs::ring()) {
  int ran = 0;
  const auto outcome = coro::run([&] {
    auto waits = coro::spawn([&] {
      const std::stop_callback told{coro::this_task::stop_token(), [&]() noexcept {
                                      for (int i = 0; i != 2; ++i) coro::spawn([&ran] { ++ran; }).detach();
                                    }};
      (void)coro::sleep(60s);
    });
    coro::yield();
    // The last one that runs; what it sends arrives when the ring has its turn.
    coro::spawn([asks = waits.remote()] { BOOST_TEST(asks.request_cancel().has_value()); }).detach();
    BOOST_TEST(waits.join().has_value());
    coro::yield();
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(ran == 2);
  BOOST_TEST(watched::given_while_running == 0);
}

namespace {

/// The last task that runs asks another one to end, and ends itself as `ends()` does; in the other's stop callback `take(task)` takes that
/// last one's handle, and tasks are made.
template <class Ends, class Take>
void take_while_it_polls(Ends ends, Take take) {
  watched::given_while_running = 0;
  int ran = 0;
  const auto outcome = coro::run([&] {
    coro::task<void> last;
    auto waits = coro::spawn([&] {
      const std::stop_callback told{coro::this_task::stop_token(), [&]() noexcept {
                                      BOOST_TEST(last.done());
                                      take(last);
                                      for (int i = 0; i != 2; ++i) coro::spawn([&ran] { ++ran; }).detach();
                                    }};
      (void)coro::sleep(60s);
    });
    coro::yield();
    last = coro::spawn([&, asks = waits.remote()] {
      BOOST_TEST(asks.request_cancel().has_value());
      ends();
    });
    BOOST_TEST(waits.join().has_value());
    BOOST_TEST(!last.joinable());
    coro::yield();
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(ran == 2);
  BOOST_TEST(watched::given_while_running == 0);
}

}  // namespace

BOOST_AUTO_TEST_CASE(task_let_go_on_a_stack_that_polls, *needs::ring()) {
  take_while_it_polls([] {}, [](auto& last) { last = {}; });
}
BOOST_AUTO_TEST_CASE(task_joined_on_a_stack_that_polls, *needs::ring()) {
  take_while_it_polls([] {}, [](auto& last) { BOOST_TEST(last.join().has_value()); });
}
BOOST_AUTO_TEST_CASE(task_whose_exception_is_taken_on_a_stack_that_polls, *needs::ring()) {
  take_while_it_polls([] { throw 1; }, [](auto& last) { BOOST_CHECK_THROW((void)last.join(), int); });
}
