// SPDX-License-Identifier: MIT
// A signal that came while the set of polls was asked what is ready ended that, and the set, which tells each event once, was not asked
// again.
#include <sluice/backend/epoll.hpp>
#include <sluice/backend/poll.hpp>
#include <sluice/sluice.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <expected>

#include <coro/fixture.hpp>

namespace {

using namespace std::chrono_literals;
namespace op = sluice::op;

// Each look that would bring something is interrupted once.
struct disturbed : sluice::os::linux_ {
  static auto epoll_wait(int set, ::epoll_event* events, int count, int limit) noexcept -> int {
    static bool is_undisturbed = false;
    is_undisturbed = limit != 0 || !is_undisturbed;
    return is_undisturbed ? linux_::epoll_wait(set, events, count, limit) : -EINTR;
  }
};

struct by_epoll : sluice::config<sluice::backend::epoll<{}, disturbed>, fixture::roomy> {};
struct by_poll : sluice::config<sluice::backend::poll<{}, disturbed>, fixture::roomy> {};

template <class Config>
void poll_a_pipe() {
  using coro = sluice::coro_of<Config>;
  const auto outcome = coro::run([]() -> sluice::result<void> {
    auto both = coro::pipe::make();
    if (!both) return std::unexpected{both.error()};
    for (int i = 0; i != 4; ++i) {
      auto other = coro::spawn([&] {
        coro::yield();
        return both->write_all("x");
      });
      const auto ready =
          coro::with_timeout(5s, [&] { return coro::io(op::poll_once{.handle = sluice::any_handle{both->reader.handle()}}); });
      BOOST_TEST(ready.has_value());
      BOOST_TEST(other.join().has_value());
      std::array<std::byte, 1> one;
      if (const auto got = both->read_exactly(one); !got) return got;
    }
    return {};
  });
  BOOST_TEST(outcome.has_value());
}

}  // namespace

BOOST_AUTO_TEST_CASE(signal_hid_what_was_polled_by_epoll) { poll_a_pipe<by_epoll>(); }
BOOST_AUTO_TEST_CASE(signal_hid_what_was_polled_by_poll) { poll_a_pipe<by_poll>(); }
