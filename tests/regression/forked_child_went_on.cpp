// SPDX-License-Identifier: MIT
// A child that was forked inside a task and went on there died of a memory fault on io_uring, whose queues it does not inherit, and took
// part in what its parent watches on the other backends. It is told what is wrong, and aborted.
#include <sluice/sluice.hpp>
#include <support/child.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <csignal>
#include <string>

#include <sys/socket.h>
#include <unistd.h>

namespace {

namespace op = sluice::op;

struct on_uring : sluice::config<> {};
struct over_epoll : sluice::config<sluice::backend::epoll<>> {};
struct over_poll : sluice::config<sluice::backend::poll<>> {};

/// How a child ends that does `f` in a task of its parent's.
template <class Config, class F>
auto end_of_child(F f) -> support::child_end {
  support::child_end end;
  const auto outcome = sluice::coro_of<Config>::run([&] {
    // Something was done with the ring before.
    (void)sluice::coro_of<Config>::sleep(std::chrono::milliseconds{1});
    end = support::in_child([&] {
      for (const int fault : {SIGSEGV, SIGBUS, SIGABRT}) (void)std::signal(fault, SIG_DFL);
      f();
      return 0;
    });
    // The parent is not disturbed.
    return sluice::coro_of<Config>::sleep(std::chrono::milliseconds{1});
  });
  BOOST_TEST(outcome.has_value());
  return end;
}

template <class Config>
void is_refused() {
  using coro = sluice::coro_of<Config>;
  std::array<int, 2> both{};
  BOOST_TEST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both.data()) == 0);
  const auto receives = [&] {
    std::array<std::byte, 8> buffer{};
    (void)coro::io(op::recv{.socket = sluice::socket_handle{both[0]}, .buffer = buffer});
  };
  const auto checked = [](const support::child_end& end) {
    BOOST_TEST(end.signal == SIGABRT);
    BOOST_TEST(end.said.find("sluice: a forked child cannot go on in a scheduler or a ring of its parent's") != std::string::npos);
  };
  checked(end_of_child<Config>(receives));
  checked(end_of_child<Config>([] { (void)coro::sleep(std::chrono::milliseconds{1}); }));
  checked(end_of_child<Config>([] { (void)coro::io(op::soft(op::timeout{.after = std::chrono::milliseconds{1}}), op::nop{}); }));
  checked(end_of_child<Config>([] {
    auto other = coro::spawn([] { (void)coro::sleep(std::chrono::milliseconds{1}); });
    (void)other.join();
  }));
  for (const int end : both) ::close(end);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(forked_child_went_on)

BOOST_AUTO_TEST_CASE(on_io_uring, *needs::ring()) { is_refused<on_uring>(); }
BOOST_AUTO_TEST_CASE(on_epoll) { is_refused<over_epoll>(); }
BOOST_AUTO_TEST_CASE(on_poll) { is_refused<over_poll>(); }

BOOST_AUTO_TEST_CASE(a_child_may_have_a_scheduler_of_its_own, *needs::ring()) {
  using coro = sluice::coro_of<on_uring>;
  const auto kept = coro::scheduler::make();
  BOOST_TEST_REQUIRE(kept.has_value());
  const auto end =
      support::in_child([] { return coro::run([] { return coro::sleep(std::chrono::milliseconds{1}) ? 5 : 6; }).value_or(7); });
  BOOST_TEST(end.code == 5);
}

BOOST_AUTO_TEST_SUITE_END()
