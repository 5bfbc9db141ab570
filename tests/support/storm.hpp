// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Signals that come without end, for tests of what must not notice them.

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <chrono>
#include <csignal>
#include <thread>

#include <pthread.h>
#include <sys/time.h>

namespace support {

/// While it lives, a thread sends SIGUSR1 to the thread that made it, and a timer of the system sends SIGALRM to the process; both are
/// handled, and the handlers count.
class signal_storm {
 public:
  /// `flags`: those of sigaction(2), SA_RESTART or none.
  explicit signal_storm(int flags, std::chrono::microseconds gap = std::chrono::microseconds{60}) {
    struct ::sigaction action{};
    action.sa_handler = [](int) { seen_.fetch_add(1, std::memory_order_relaxed); };
    action.sa_flags = flags;
    BOOST_REQUIRE(::sigaction(SIGUSR1, &action, &before_[0]) == 0);
    BOOST_REQUIRE(::sigaction(SIGALRM, &action, &before_[1]) == 0);
    seen_ = 0;
    const ::itimerval often{.it_interval = {.tv_sec = 0, .tv_usec = 700}, .it_value = {.tv_sec = 0, .tv_usec = 700}};
    BOOST_REQUIRE(::setitimer(ITIMER_REAL, &often, nullptr) == 0);
    const auto target = ::pthread_self();
    thread_ = std::thread{[this, gap, target] {
      ::sigset_t all;
      sigfillset(&all);
      ::pthread_sigmask(SIG_SETMASK, &all, nullptr);
      while (!stop_) {
        ::pthread_kill(target, SIGUSR1);
        std::this_thread::sleep_for(gap);
      }
    }};
    while (seen_ == 0) std::this_thread::yield();
  }
  signal_storm(const signal_storm&) = delete;
  auto operator=(const signal_storm&) -> signal_storm& = delete;
  ~signal_storm() {
    stop_ = true;
    thread_.join();
    const ::itimerval never{};
    ::setitimer(ITIMER_REAL, &never, nullptr);
    ::sigaction(SIGUSR1, &before_[0], nullptr);
    ::sigaction(SIGALRM, &before_[1], nullptr);
  }

  /// How many came so far.
  [[nodiscard]] static auto seen() noexcept -> int { return seen_; }

 private:
  static inline std::atomic<int> seen_{0};
  std::atomic<bool> stop_{false};
  struct ::sigaction before_[2]{};
  std::thread thread_;
};

/// Counts SIGPIPEs that reach the process while it lives.
class sigpipe_count {
 public:
  sigpipe_count() {
    struct ::sigaction action{};
    action.sa_handler = [](int) { ++seen_; };
    seen_ = 0;
    BOOST_REQUIRE(::sigaction(SIGPIPE, &action, &before_) == 0);
  }
  sigpipe_count(const sigpipe_count&) = delete;
  auto operator=(const sigpipe_count&) -> sigpipe_count& = delete;
  ~sigpipe_count() { ::sigaction(SIGPIPE, &before_, nullptr); }
  [[nodiscard]] static auto seen() noexcept -> int { return seen_; }

 private:
  static inline std::atomic<int> seen_{0};
  struct ::sigaction before_{};
};

}  // namespace support
