// SPDX-License-Identifier: MIT
// Story: a splice and a wait for a child write the last part of their entries, which most operations leave alone. One way of starting them
// forgot to say so, and the next operation in the same entry was refused: a receive, a cancel, a close, whose descriptor then stayed open.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>

#include <sys/socket.h>

struct app : sluice::config<sluice::backend::io_uring<{.entries = 2}>, sluice::stack::guarded<{.bytes = 256 * 1024}>> {};
using coro = sluice::coro_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(regression, *needs::ring())

BOOST_AUTO_TEST_CASE(entry_after_a_splice) {
  const auto ran = coro::run([] {
    const auto from = coro::io(op::pipe{}).value();
    const auto to = coro::io(op::pipe{}).value();
    const std::array<std::byte, 4> bytes{};
    std::array<std::byte, 4> got{};
    // After so many others it is in each entry once.
    const auto splice_and_others = [&](int others) {
      BOOST_TEST(coro::io(op::write{.file = from.write, .buffer = bytes}).value() == 4U);
      BOOST_TEST(coro::io(op::splice{.handle = from.read, .to = to.write, .length = 4}).value() == 4U);
      for (int i = 0; i < others; ++i) BOOST_TEST(coro::io(op::nop{}).has_value());
    };
    for (int others = 0; others < 4; ++others) {
      std::array<int, 2> both{};
      BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both.data()) == 0);
      const sluice::socket_handle near{both[0]};
      const sluice::socket_handle far{both[1]};
      BOOST_TEST(coro::io(op::send{.socket = far, .buffer = bytes}).value() == 4U);
      splice_and_others(others);
      BOOST_TEST(coro::io(op::recv{.socket = near, .buffer = got}).value_or(0) == 4U);
      splice_and_others(others);
      const auto waited = coro::io(op::timed(op::recv{.socket = near, .buffer = got}, 1ms));
      BOOST_TEST((waited.error() == sluice::errc::timed_out));
      splice_and_others(others);
      BOOST_TEST(coro::io(op::close_socket{.socket = near}).has_value());
      BOOST_TEST(coro::io(op::close_socket{.socket = far}).has_value());
      for (int i = 0; i < 3; ++i) BOOST_TEST(coro::io(op::read{.file = to.read, .buffer = got}).value() == 4U);
    }
    for (const auto& one : {from, to}) (void)coro::io(op::close_file{.file = one.read}, op::close_file{.file = one.write});
  });
  BOOST_TEST(ran.has_value());
}

BOOST_AUTO_TEST_SUITE_END()
