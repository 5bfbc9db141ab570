// SPDX-License-Identifier: MIT
// A core that lost its ring left its root task behind in the middle: if that had not ended yet, the others waited for its end for ever, and
// if it waited for theirs, they found it on a stack that was gone.
#include <sluice/backend/epoll.hpp>
#include <sluice/backend/poll.hpp>
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <system_error>

#include <coro/fixture.hpp>

namespace {

using namespace std::chrono_literals;

// No ring of a thread that has said so can be entered any more.
thread_local bool is_broken = false;
struct breakable : sluice::os::linux_ {
  static auto epoll_wait_exactly(int set, ::epoll_event* events, int count, const ::timespec* limit) noexcept -> int {
    return is_broken ? -EIO : linux_::epoll_wait_exactly(set, events, count, limit);
  }
  static auto epoll_wait(int set, ::epoll_event* events, int count, int limit) noexcept -> int {
    return is_broken ? -EIO : linux_::epoll_wait(set, events, count, limit);
  }
  static auto poll(::pollfd* all, std::size_t count, const ::timespec* limit) noexcept -> int {
    return is_broken ? -EIO : linux_::poll(all, count, limit);
  }
  static auto uring_enter(unsigned descriptor, unsigned submit, unsigned wait, unsigned flags, void* argument, std::size_t bytes) noexcept
      -> int {
    return is_broken ? -EIO : linux_::uring_enter(descriptor, submit, wait, flags, argument, bytes);
  }
};

struct by_uring : sluice::config<sluice::backend::io_uring<{}, breakable>, fixture::roomy> {};
struct by_epoll : sluice::config<sluice::backend::epoll<{}, breakable>, fixture::roomy> {};
struct by_poll : sluice::config<sluice::backend::poll<{}, breakable>, fixture::roomy> {};

enum class where : bool { in_the_root_task, after_it };

template <class Config>
void lose_one(where place) {
  using coro = sluice::coro_of<Config>;
  std::atomic<bool> is_cut{false};
  const auto outcome = coro::runtime::run({.threads = 3}, [&](auto& core) -> sluice::result<void> {
    if (core.index() == 1) {
      is_broken = true;
      if (place == where::after_it) return {};
      return coro::sleep(1h);
    }
    // Asked to end as soon as the ring of the other is gone.
    const auto slept = coro::sleep(1h);
    if (!slept) is_cut = true;
    return slept;
  });
  BOOST_TEST((!outcome && outcome.error() == std::errc::io_error));
  BOOST_TEST(is_cut);
}

template <class Config>
void lose_each_way() {
  for (const auto place : {where::in_the_root_task, where::after_it}) lose_one<Config>(place);
}

}  // namespace

BOOST_AUTO_TEST_CASE(core_without_a_ring_was_waited_for, *needs::ring()) { lose_each_way<by_uring>(); }
BOOST_AUTO_TEST_CASE(core_without_a_ring_was_waited_for_by_epoll) { lose_each_way<by_epoll>(); }
BOOST_AUTO_TEST_CASE(core_without_a_ring_was_waited_for_by_poll) { lose_each_way<by_poll>(); }
