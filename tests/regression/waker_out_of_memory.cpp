// SPDX-License-Identifier: MIT
// A loop that had no memory to watch what wakes it was lost with all its tasks, or counted it as watched and slept through every wake
// after.
#include <sluice/backend/epoll.hpp>
#include <sluice/backend/poll.hpp>
#include <sluice/sluice.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <expected>
#include <system_error>
#include <thread>

#include <coro/fixture.hpp>

namespace {

using namespace std::chrono_literals;

// Nothing more can be watched meanwhile.
std::atomic<bool> is_full = false;
struct crowded : sluice::os::linux_ {
  static auto epoll_ctl(int set, int what, int descriptor, ::epoll_event* event) noexcept -> int {
    return is_full && what != EPOLL_CTL_DEL ? -ENOMEM : linux_::epoll_ctl(set, what, descriptor, event);
  }
  static auto map(std::size_t bytes) noexcept -> sluice::result<std::byte*> {
    if (is_full) return std::unexpected{std::make_error_code(std::errc::not_enough_memory)};
    return linux_::map(bytes);
  }
};

struct by_epoll : sluice::config<sluice::backend::epoll<{}, crowded>, fixture::roomy> {};
struct by_poll : sluice::config<sluice::backend::poll<{}, crowded>, fixture::roomy> {};

template <class Config>
void be_woken() {
  using coro = sluice::coro_of<Config>;
  for (const bool polls_first : {false, true}) {
    typename coro::template remote_channel<int> from{4};
    std::thread other;
    const auto outcome = coro::run([&]() -> sluice::result<void> {
      is_full = true;
      const auto here = coro::here();
      other = std::thread{[&, here] {
        std::this_thread::sleep_for(20ms);
        (void)from.send(1);
        std::this_thread::sleep_for(20ms);
        is_full = false;
        (void)from.send(2);
      }};
      // Looks at the system without sleeping there, so that nothing depends on being woken yet.
      if (polls_first) {
        auto sleeper = coro::spawn([] { return coro::sleep(1h); });
        for (int i = 0; i != 10'000; ++i) coro::yield();
      }
      for (int wanted = 1; wanted <= 2; ++wanted) {
        const auto got = from.receive();
        if (!got) return std::unexpected{got.error()};
        BOOST_TEST(*got == wanted);
      }
      return {};
    });
    is_full = false;
    if (other.joinable()) other.join();
    BOOST_TEST_CONTEXT((outcome ? std::error_code{} : outcome.error()).message()) BOOST_TEST(outcome.has_value());
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(waker_out_of_memory_of_epoll) { be_woken<by_epoll>(); }
BOOST_AUTO_TEST_CASE(waker_out_of_memory_of_poll) { be_woken<by_poll>(); }
