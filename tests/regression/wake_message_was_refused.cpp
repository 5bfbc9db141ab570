// SPDX-License-Identifier: MIT
// The kernel had no memory for the message that wakes a ring, or for what a poll needs: the one was not sent again and the ring slept on,
// the other ended all tasks.
#include <sluice/backend/poll.hpp>
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <expected>
#include <thread>

#include <coro/fixture.hpp>

namespace {

using namespace std::chrono_literals;

constexpr unsigned send_message = 31;
constexpr int many_times = 5;
std::atomic<int> refusals = 0;
struct poor : sluice::os::linux_ {
  static auto is_refused() noexcept -> bool { return refusals.load() > 0 && refusals.fetch_sub(1) > 0; }
  static auto uring_register(unsigned descriptor, unsigned opcode, const void* argument, unsigned count) noexcept -> int {
    if (opcode == send_message && is_refused()) return -ENOMEM;
    return linux_::uring_register(descriptor, opcode, argument, count);
  }
  static auto poll(::pollfd* all, std::size_t count, const ::timespec* limit) noexcept -> int {
    if (count != 0 && is_refused()) return -ENOMEM;
    return linux_::poll(all, count, limit);
  }
};

struct by_uring : sluice::config<sluice::backend::io_uring<{}, poor>, fixture::roomy> {};
struct by_poll : sluice::config<sluice::backend::poll<{}, poor>, fixture::roomy> {};

template <class Config>
void be_woken() {
  using coro = sluice::coro_of<Config>;
  typename coro::template remote_channel<int> from{1};
  std::thread other;
  const auto outcome = coro::run([&] {
    other = std::thread{[&] {
      for (int i = 0; i != 3; ++i) {
        std::this_thread::sleep_for(20ms);
        refusals = many_times;
        (void)from.send(i);
      }
    }};
    return coro::with_timeout(10s, [&]() -> sluice::result<void> {
      for (int i = 0; i != 3; ++i) {
        const auto got = from.receive();
        if (!got) return std::unexpected{got.error()};
        BOOST_TEST(*got == i);
      }
      return {};
    });
  });
  from.close();
  other.join();
  refusals = 0;
  BOOST_TEST(outcome.has_value());
}

}  // namespace

BOOST_AUTO_TEST_CASE(wake_message_was_refused, *needs::ring()) { be_woken<by_uring>(); }
BOOST_AUTO_TEST_CASE(wake_message_was_refused_by_poll) { be_woken<by_poll>(); }
