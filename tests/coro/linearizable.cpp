// SPDX-License-Identifier: MIT
// Histories of channels: some order of all calls, each between its beginning and its end, explains what everybody saw.
#include <sluice/sluice.hpp>
#include <support/history.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <coro/fixture.hpp>

using support::queue_call;
using support::queue_history;

struct app : sluice::config<fixture::roomy> {};
using coro = sluice::coro_of<app>;
using sluice::errc;

namespace {

using outcome = queue_call::outcome;
using kind = queue_call::kind;

auto outcome_of(const std::error_code& why) -> outcome { return why == errc::closed ? outcome::closed : outcome::not_now; }

/// How a party makes its calls.
enum class manner : std::uint8_t { at_once, waiting, selecting };

/// A call as the only arm of a select that can win.
template <class Arm>
auto selected(Arm&& arm) {
  coro::channel<int> nobody;
  auto won = coro::select(nobody.receiving(), std::forward<Arm>(arm));
  return std::move(*won.template get<1>());
}

/// Some calls of one party on a channel, noted with their times. Waiting ones come back only with an item, or closed; the party that closes
/// does not wait, so that all come to an end.
template <class Channel>
void play(Channel& channel, std::uint32_t seed, int party, std::atomic<std::uint64_t>& clock, std::vector<queue_call>& notes,
          bool may_close, manner how) {
  if (may_close) how = manner::at_once;
  std::mt19937 random{seed * 31 + static_cast<std::uint32_t>(party)};
  for (int i = 0; i < 4; ++i) {
    queue_call one{.what = kind::send, .item = party * 10 + i, .how = outcome::done, .begun = clock.fetch_add(1), .ended = 0};
    if (may_close && i == 3) {
      one.what = kind::close;
      channel.close();
    } else if (random() % 2 == 0) {
      const auto sent = how == manner::selecting ? selected(channel.sending(one.item))
                        : how == manner::waiting ? channel.send(int{one.item})
                                                 : channel.try_send(int{one.item});
      if (!sent) one.how = outcome_of(sent.error());
    } else {
      one.what = kind::receive;
      const auto got = how == manner::selecting ? selected(channel.receiving())
                       : how == manner::waiting ? channel.receive()
                                                : channel.try_receive();
      if (got)
        one.item = *got;
      else
        one.how = outcome_of(got.error());
    }
    one.ended = clock.fetch_add(1);
    notes.push_back(one);
    if (random() % 3 == 0) std::this_thread::yield();
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(linearizable, *needs::ring())

BOOST_AUTO_TEST_CASE(the_checker_tells_right_from_wrong) {
  using calls = std::vector<queue_call>;
  const queue_call a{kind::send, 1, outcome::done, 0, 1};
  const queue_call b{kind::send, 2, outcome::done, 2, 3};
  BOOST_TEST(queue_history(calls{a, b, {kind::receive, 1, outcome::done, 4, 5}}, 2).is_linearizable());
  BOOST_TEST(!queue_history(calls{a, b, {kind::receive, 2, outcome::done, 4, 5}}, 2).is_linearizable());
  BOOST_TEST(!queue_history(calls{a, {kind::receive, 0, outcome::not_now, 2, 3}}, 2).is_linearizable());
  BOOST_TEST(queue_history(calls{a, {kind::receive, 0, outcome::not_now, 0, 3}}, 2).is_linearizable());
  BOOST_TEST(!queue_history(calls{a, b, {kind::send, 3, outcome::done, 4, 5}}, 2).is_linearizable());
  BOOST_TEST(queue_history(calls{a, b, {kind::send, 3, outcome::not_now, 4, 5}}, 2).is_linearizable());
  BOOST_TEST(!queue_history(calls{{kind::close, 0, outcome::done, 0, 1}, {kind::send, 3, outcome::done, 2, 3}}, 2).is_linearizable());
  BOOST_TEST(
      !queue_history(calls{a, {kind::close, 0, outcome::done, 2, 3}, {kind::receive, 0, outcome::closed, 4, 5}}, 2).is_linearizable());
}

BOOST_AUTO_TEST_CASE(a_remote_channel_between_threads) {
  for (std::uint32_t seed = 1; seed <= 400; ++seed) {
    coro::remote_channel<int> channel{2};
    std::atomic<std::uint64_t> clock{0};
    std::vector<std::vector<queue_call>> notes(4);
    std::atomic<int> ready{0};
    std::vector<std::thread> threads;
    for (int party = 0; party < 4; ++party)
      threads.emplace_back([&, party] {
        ++ready;
        while (ready < 4) std::this_thread::yield();
        play(channel, seed, party, clock, notes[static_cast<std::size_t>(party)], party == 0,
             seed % 2 == 0 ? manner::waiting : manner::at_once);
      });
    for (auto& one : threads) one.join();
    std::vector<queue_call> all;
    for (const auto& some : notes) all.insert(all.end(), some.begin(), some.end());
    BOOST_TEST(queue_history(all, channel.capacity()).is_linearizable(), "seed " << seed);
  }
}

BOOST_AUTO_TEST_CASE(a_remote_channel_between_tasks_of_two_schedulers) {
  for (std::uint32_t seed = 1; seed <= 150; ++seed) {
    coro::remote_channel<int> channel{2};
    std::atomic<std::uint64_t> clock{0};
    std::vector<std::vector<queue_call>> notes(4);
    std::vector<std::thread> threads;
    for (int half = 0; half < 2; ++half)
      threads.emplace_back([&, half] {
        (void)coro::run([&] {
          coro::scope both;
          for (int k = 0; k < 2; ++k)
            both.spawn([&, party = half * 2 + k] {
              play(channel, seed, party, clock, notes[static_cast<std::size_t>(party)], party == 0,
                   seed % 2 == 0 ? manner::waiting : manner::selecting);
            });
        });
      });
    for (auto& one : threads) one.join();
    std::vector<queue_call> all;
    for (const auto& some : notes) all.insert(all.end(), some.begin(), some.end());
    BOOST_TEST(queue_history(all, channel.capacity()).is_linearizable(), "seed " << seed);
  }
}

BOOST_AUTO_TEST_CASE(a_channel_between_tasks) {
  for (std::uint32_t seed = 1; seed <= 400; ++seed) {
    const std::size_t capacity = 1 + seed % 3;
    std::vector<std::vector<queue_call>> notes(4);
    const auto ran = coro::run([&] {
      coro::channel<int> channel{capacity};
      std::atomic<std::uint64_t> clock{0};
      coro::scope all;
      for (int party = 0; party < 4; ++party)
        all.spawn([&, party] {
          play(channel, seed, party, clock, notes[static_cast<std::size_t>(party)], party == 0, static_cast<manner>(seed % 3));
        });
    });
    BOOST_TEST(ran.has_value());
    std::vector<queue_call> all;
    for (const auto& some : notes) all.insert(all.end(), some.begin(), some.end());
    BOOST_TEST(queue_history(all, capacity).is_linearizable(), "seed " << seed);
  }
}

BOOST_AUTO_TEST_SUITE_END()
