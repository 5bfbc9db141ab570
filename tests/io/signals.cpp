// SPDX-License-Identifier: MIT
// Signals that are read: none is lost to a cancel, none ends the program afterwards, and the mask is as it was.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <csignal>
#include <thread>
#include <tuple>
#include <utility>

#include <coro/as_root.hpp>
#include <coro/fixture.hpp>

namespace {

using namespace std::chrono_literals;
using fixture::as_root;

struct by_ring : sluice::config<fixture::counted_stacks> {};
struct by_epoll : sluice::config<fixture::counted_stacks, sluice::backend::epoll<>> {};
using configs = std::tuple<by_ring, by_epoll>;

auto is_blocked(int number) -> bool {
  ::sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  return sigismember(&mask, number) == 1;
}
auto is_pending(int number) -> bool {
  ::sigset_t set;
  ::sigpending(&set);
  return sigismember(&set, number) == 1;
}
void send(int number) { BOOST_TEST(::kill(::getpid(), number) == 0); }

/// Blocks a signal while it lives.
struct blocked {
  explicit blocked(int number) {
    sigemptyset(&set);
    sigaddset(&set, number);
    ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
  }
  blocked(const blocked&) = delete;
  auto operator=(const blocked&) -> blocked& = delete;
  ~blocked() { ::pthread_sigmask(SIG_UNBLOCK, &set, nullptr); }
  ::sigset_t set{};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(signals, *needs::ring())

BOOST_AUTO_TEST_CASE_TEMPLATE(a_signal_ends_one_wait_and_tells_who_sent_it, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    auto set = coro::signal_set::open({SIGUSR1, SIGUSR2}).value();
    BOOST_TEST((set.signals() == sluice::signal_set{SIGUSR1, SIGUSR2}));
    BOOST_TEST(is_blocked(SIGUSR1));
    send(SIGUSR2);
    const auto got = set.wait().value();
    BOOST_TEST(got.number == SIGUSR2);
    BOOST_TEST(got.process == ::getpid());
    BOOST_TEST(got.user == ::getuid());
    auto waits = coro::spawn([&] { BOOST_TEST(set.wait().value().number == SIGUSR1); });
    coro::yield();
    send(SIGUSR1);
    BOOST_TEST(waits.join().has_value());
    ::sigval value{};
    value.sival_int = 42;
    BOOST_TEST(::sigqueue(::getpid(), SIGUSR1, value) == 0);
    BOOST_TEST(static_cast<int>(set.wait().value().value) == 42);
    BOOST_TEST((coro::with_timeout(10ms, [&] { return set.wait(); }).error() == std::errc::timed_out));
  });
  BOOST_TEST(!is_blocked(SIGUSR1));
  BOOST_TEST(!is_blocked(SIGUSR2));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_cancelled_wait_leaves_the_signal_for_another, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    auto set = coro::signal_set::open({SIGUSR1}).value();
    for (int i = 0; i < 20; ++i) {
      bool got = false;
      auto waits = coro::spawn([&] { got = set.wait().has_value(); });
      coro::yield();
      if (i % 2 == 0) send(SIGUSR1);
      waits.request_cancel();
      (void)waits.join();
      if (i % 2 != 0) send(SIGUSR1);
      if (!got) BOOST_TEST(set.wait().value().number == SIGUSR1);
    }
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_was_not_taken_does_not_end_the_program_afterwards, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    {
      const auto set = coro::signal_set::open({SIGTERM, SIGUSR1}).value();
      send(SIGTERM);
      send(SIGUSR1);
      BOOST_TEST(is_pending(SIGTERM));
    }
    BOOST_TEST(!is_pending(SIGTERM));
    BOOST_TEST(!is_blocked(SIGTERM));
    auto cancelled = coro::spawn([] {
      const auto set = coro::signal_set::open({SIGTERM}).value();
      BOOST_TEST((coro::sleep(9s).error() == std::errc::operation_canceled));
      send(SIGTERM);
    });
    coro::yield();
    cancelled.request_cancel();
    (void)cancelled.join();
    BOOST_TEST(!is_blocked(SIGTERM));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_was_blocked_before_stays_so_and_keeps_what_is_pending, Config, configs) {
  using coro = sluice::coro_of<Config>;
  const blocked before{SIGUSR1};
  as_root<coro>([] {
    {
      const auto set = coro::signal_set::open({SIGUSR1, SIGUSR2}).value();
      send(SIGUSR1);
    }
    BOOST_TEST(is_blocked(SIGUSR1));
    BOOST_TEST(is_pending(SIGUSR1));
    BOOST_TEST(!is_blocked(SIGUSR2));
    BOOST_TEST(coro::signal_set::open({SIGUSR1}).value().wait().value().number == SIGUSR1);
    BOOST_TEST(is_blocked(SIGUSR1));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_last_of_several_that_read_a_signal_unblocks_it, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    auto first = coro::signal_set::open({SIGUSR1, SIGUSR2}).value();
    auto second = coro::signal_set::open({SIGUSR1}).value();
    BOOST_TEST(first.close().has_value());
    BOOST_TEST(is_blocked(SIGUSR1));
    BOOST_TEST(!is_blocked(SIGUSR2));
    send(SIGUSR1);
    BOOST_TEST(second.wait().value().number == SIGUSR1);
    auto third = std::move(second);
    BOOST_TEST(second.close().has_value());
    BOOST_TEST((second.wait().error() == std::errc::bad_file_descriptor));
    BOOST_TEST(is_blocked(SIGUSR1));
    third = coro::signal_set::open({SIGUSR2}).value();
    BOOST_TEST(!is_blocked(SIGUSR1));
    BOOST_TEST(is_blocked(SIGUSR2));
    BOOST_TEST(third.close().has_value());
    BOOST_TEST(!is_blocked(SIGUSR2));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_cannot_be_read_is_refused_and_changes_nothing, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    BOOST_TEST((coro::signal_set::open(sluice::signal_set{}).error() == std::errc::invalid_argument));
    BOOST_TEST((coro::signal_set::open({SIGKILL, SIGUSR1}).error() == std::errc::invalid_argument));
    BOOST_TEST((coro::signal_set::open({SIGSTOP}).error() == std::errc::invalid_argument));
    auto cancelled = coro::spawn([] {
      (void)coro::sleep(9s);
      BOOST_TEST((coro::signal_set::open({SIGUSR1}).error() == std::errc::operation_canceled));
    });
    coro::yield();
    cancelled.request_cancel();
    (void)cancelled.join();
    BOOST_TEST(!is_blocked(SIGUSR1));
    typename coro::signal_set none;
    BOOST_TEST((none.wait().error() == std::errc::bad_file_descriptor));
    BOOST_TEST(none.close().has_value());
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_handle_that_is_given_up_leaves_the_mask_to_its_taker, Config, configs) {
  using coro = sluice::coro_of<Config>;
  // The mask of a thread that ends is nobody's any more.
  std::thread{[] {
    as_root<coro>([] {
      auto set = coro::signal_set::open({SIGUSR1}).value();
      typename coro::signal_set taker{set.release()};
      BOOST_TEST(!set);
      BOOST_TEST(::pthread_kill(::pthread_self(), SIGUSR1) == 0);
      BOOST_TEST(taker.wait().value().number == SIGUSR1);
      BOOST_TEST(taker.close().has_value());
      BOOST_TEST(is_blocked(SIGUSR1));
    });
  }}.join();
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_set_that_closes_ends_who_waits_for_it, Config, configs) {
  using coro = sluice::coro_of<Config>;
  as_root<coro>([] {
    auto set = coro::signal_set::open({SIGUSR1}).value();
    auto waits = coro::spawn([&] { BOOST_TEST((set.wait().error() == std::errc::operation_canceled)); });
    coro::yield();
    BOOST_TEST(set.close().has_value());
    BOOST_TEST(waits.join().has_value());
  });
}

BOOST_AUTO_TEST_SUITE_END()
