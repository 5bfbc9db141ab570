// SPDX-License-Identifier: MIT
// What the ring tells is dealt with on the stack of whichever task waits. A stop callback that waited itself, or the destructor of a posted
// callable for which there was no stack, made that task wait for two things at once, and it missed one of them.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <stop_token>
#include <system_error>
#include <utility>

#include <coro/fixture.hpp>
#include <coro/scarce_stacks.hpp>

namespace {

using scarce = fixture::scarce_stacks;
struct app : sluice::config<scarce> {};
using coro = sluice::coro_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;

/// Waits, in one way that a thread can and in one that only a task can.
void wait_here() {
  BOOST_TEST_REQUIRE(coro::this_task::id() == 0U);
  const auto [one, other] = coro::io(op::nop{}, op::nop{});
  BOOST_TEST((one && other));
  BOOST_TEST(coro::sleep(1us).has_value());
  coro::channel<int> nobody;
  BOOST_TEST((nobody.receive() == sluice::failure(std::errc::operation_not_permitted)));
  coro::yield();
}

/// Waits for several operations, whose ends are counted.
void wait_for_several() {
  const fixture::socket_pair pair;
  std::array<std::byte, 8> buffer{};
  const auto [none, later] = coro::io(op::timed(op::recv{.socket = pair.left, .buffer = buffer}, 20ms), op::timeout{.after = 10ms});
  BOOST_TEST((none == sluice::failure(sluice::errc::timed_out)));
  BOOST_TEST(later.has_value());
}

}  // namespace

BOOST_AUTO_TEST_CASE(stop_callback_that_waits, *needs::ring()) {
  int told = 0;
  const auto outcome = coro::run([&] {
    const auto waits = [&] {
      const std::stop_callback when{coro::this_task::stop_token(), [&]() noexcept {
                                      wait_here();
                                      ++told;
                                    }};
      return coro::sleep(60s);
    };
    auto asked = coro::spawn(waits);
    coro::yield();
    BOOST_TEST(asked.remote().request_cancel().has_value());
    wait_for_several();
    BOOST_TEST((asked.join() == sluice::failure(std::errc::operation_canceled)));
    // The same where a task asks, for nobody may end while all are told.
    asked = coro::spawn(waits);
    coro::yield();
    asked.request_cancel();
    BOOST_TEST((asked.join() == sluice::failure(std::errc::operation_canceled)));
    // The same by a deadline, which the ring tells of as well.
    auto bounded = coro::spawn([&] {
      return coro::with_timeout(1ms, [&] {
        coro::scope children;
        children.spawn(waits);
        return children.join();
      });
    });
    coro::yield();
    wait_for_several();
    BOOST_TEST((bounded.join() == sluice::failure(sluice::errc::timed_out)));
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(told == 3);
}

BOOST_AUTO_TEST_CASE(posted_callable_that_waits_at_its_end, *needs::ring()) {
  struct owner {
    bool is_whole = true;
    int* ended;
    explicit owner(int& count) : ended{&count} {}
    owner(owner&& other) noexcept : is_whole{std::exchange(other.is_whole, false)}, ended{other.ended} {}
    auto operator=(owner&&) -> owner& = delete;
    ~owner() {
      if (!is_whole) return;
      wait_here();
      ++*ended;
    }
    void operator()() const {}
  };
  int ended = 0;
  const auto outcome = coro::run([&] {
    scarce::has_none = true;
    BOOST_TEST(coro::here().post(owner{ended}).has_value());
    wait_for_several();
    scarce::has_none = false;
  });
  BOOST_TEST((outcome == sluice::failure(std::errc::not_enough_memory)));
  BOOST_TEST(ended == 1);
}
