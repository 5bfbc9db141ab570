// SPDX-License-Identifier: MIT
// A core that was woken had taken its messages and still counted as one that sleeps: another one that had just sent them and went to sleep
// itself found all of them idle and nothing on its way, and was told of a deadlock.
#include <sluice/detail/sanitizer.hpp>
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <deque>
#include <expected>

#include <coro/fixture.hpp>

namespace {

// A token goes around, sent by `spawn_on` to a core whose tasks all wait for each other alone.
template <class Config>
void around(std::size_t cores, int rounds) {
  using coro = sluice::coro_of<Config>;
  std::deque<typename coro::template channel<int>> own;
  for (std::size_t i = 0; i != cores; ++i) own.emplace_back(std::size_t{4});
  const auto outcome = coro::runtime::run({.threads = cores}, [&](auto& core) -> sluice::result<void> {
    const std::size_t next = (core.index() + 1) % cores;
    const auto pass = [&](int number) { return core.spawn_on(next, [&to = own[next], number] { return to.send(number); }); };
    if (core.index() == 0) {
      if (const auto sent = pass(0); !sent) return sent;
    }
    for (int i = 0; i != rounds; ++i) {
      const auto token = own[core.index()].receive();
      if (!token) return std::unexpected{token.error()};
      if (core.index() == 0 && i + 1 == rounds) break;
      if (const auto sent = pass(*token + 1); !sent) return sent;
    }
    return {};
  });
  BOOST_TEST(outcome.has_value());
}

// The thread sanitizer makes it a hundred times as slow, and needs no bad luck to see a race.
constexpr int rounds_of_each = sluice::detail::thread_sanitizer ? 50 : 1000;

struct by_epoll : sluice::config<sluice::backend::epoll<>, fixture::roomy> {};

}  // namespace

BOOST_AUTO_TEST_CASE(woken_core_was_judged_idle, *needs::ring()) {
  for (const std::size_t cores : {2U, 3U, 4U})
    for (int i = 0; i != 20; ++i) around<fixture::app>(cores, rounds_of_each);
}
BOOST_AUTO_TEST_CASE(woken_core_was_judged_idle_by_epoll) {
  for (int i = 0; i != 20; ++i) around<by_epoll>(3, rounds_of_each);
}
