// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Laws of backends: operations that fill buffers of a group, and who has those meanwhile. Section 11.

#include <laws/streams.hpp>

#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace laws::backend {

template <class Config>
void bytes_come_in_order_and_their_end_is_no_error() {
  covers("1.4", "2.2", "11.1", "11.2");
  exercises<op::recv_many>(real);
  session<Config> s;
  const auto group = group_for(s, {.count = 16, .bytes = 256});
  for (const bool local : {false, true}) {
    auto pair = local ? support::socket_pair() : support::tcp_pair();
    const auto sent = pattern(20'000);
    std::string received;
    stream_of<Config, op::recv_many> data{op::recv_many{.socket = pair.near.socket(), .buffers = group}};
    s.ring.start(data);
    BOOST_TEST(!data.is_done());
    std::size_t done = 0;
    while (done < sent.size()) {
      done += put_some(pair.far, std::string_view{sent}.substr(done, 1 + done % 700));
      s.poll(sluice::wait::none);
      received += take_text(data);
    }
    pair.far.reset();
    s.until([&] { return received += take_text(data), data.is_done(); });
    received += take_text(data);
    succeeded(data.end());
    BOOST_TEST(received == sent);
    BOOST_TEST(group.state().in_use() == 0U);
    BOOST_TEST(s.ring.in_flight() == 0U);
  }
}

template <class Config>
void a_reset_connection_ends_with_its_error() {
  covers("1.1", "2.2", "11.1");
  session<Config> s;
  const auto group = group_for(s, {.count = 4, .bytes = 64});
  auto pair = support::tcp_pair();
  stream_of<Config, op::recv_many> data{op::recv_many{.socket = pair.near.socket(), .buffers = group}};
  s.ring.start(data);
  put(pair.far, "last words");
  s.until([&] { return data.size() != 0; });
  support::reset_connection(pair.far);
  s.finish(data);
  BOOST_TEST(take_text(data) == "last words");
  failed(data.end(), std::errc::connection_reset);
}

template <class Config>
void a_group_that_is_empty_pauses_its_readers() {
  covers("11.1", "11.2");
  session<Config> s;
  const auto group = group_for(s, {.count = 2, .bytes = 8});
  auto one = support::socket_pair();
  auto two = support::socket_pair();
  stream_of<Config, op::recv_many> first{op::recv_many{.socket = one.near.socket(), .buffers = group, .limit = 0}};
  stream_of<Config, op::recv_many> second{op::recv_many{.socket = two.near.socket(), .buffers = group, .limit = 0}};
  s.ring.start(first);
  put(one.far, "abcdefghijklmnopqrstuvwx");
  std::vector<sluice::buffer_lease> held;
  std::string received;
  const auto hold = [&](auto& from) {
    while (auto lease = from.take()) {
      received += text_of(*lease);
      held.push_back(std::move(*lease));
    }
  };
  s.until([&] { return hold(first), held.size() == 2; });
  BOOST_TEST(received == "abcdefghijklmnop");
  s.ring.start(second);
  put(two.far, "12345678");
  BOOST_TEST(sleeps(s));
  BOOST_TEST(group.state().in_use() == 2U);
  BOOST_TEST(!first.is_done());
  BOOST_TEST(!second.is_done());
  // Each buffer that comes back lets one of them go on, whichever has data.
  received.clear();
  held.pop_back();
  s.until([&] { return hold(first), hold(second), held.size() == 2; });
  BOOST_TEST(sleeps(s));
  held.pop_back();
  s.until([&] { return hold(first), hold(second), held.size() == 2; });
  const std::multiset<char> all{received.begin(), received.end()};
  const std::string_view expected = "qrstuvwx12345678";
  BOOST_TEST((all == std::multiset<char>{expected.begin(), expected.end()}));
  // One that waits for a buffer in vain leaves what there is to the other.
  held.clear();
  s.linger();
  put(two.far, "again");
  s.until([&] { return second.size() != 0; });
  BOOST_TEST(take_text(second) == "again");
  for (auto* stream : {&first, &second}) {
    s.ring.cancel(*stream);
    s.finish(*stream);
    canceled(stream->end());
  }
}

template <class Config>
void those_that_starve_are_all_fed_when_buffers_come_back() {
  covers("11.1", "11.2");
  session<Config> s;
  constexpr std::size_t readers = 6;
  const auto group = group_for(s, {.count = 1, .bytes = 16});
  auto hog = support::socket_pair();
  std::vector<support::ends> pairs;
  std::vector<std::unique_ptr<stream_of<Config, op::recv_many>>> streams;
  stream_of<Config, op::recv_many> first{op::recv_many{.socket = hog.near.socket(), .buffers = group}};
  s.ring.start(first);
  put(hog.far, "hog");
  s.until([&] { return first.size() == 1; });
  auto lease = first.take();
  for (std::size_t i = 0; i < readers; ++i) {
    pairs.push_back(support::socket_pair());
    streams.push_back(
        std::make_unique<stream_of<Config, op::recv_many>>(op::recv_many{.socket = pairs.back().near.socket(), .buffers = group}));
    s.ring.start(*streams.back());
    s.poll(sluice::wait::none);
  }
  s.linger();
  lease->reset();
  // Nobody has data, so the buffer stays free, and whoever gets data first gets it.
  for (std::size_t i = readers; i-- != 0;) {
    put(pairs[i].far, "x");
    s.until([&] { return streams[i]->size() == 1; });
    BOOST_TEST(take_text(*streams[i]) == "x");
  }
  for (auto& one : streams) {
    s.ring.cancel(*one);
    s.finish(*one);
  }
  s.ring.cancel(first);
  s.finish(first);
}

// Whoever is woken for a buffer and ends instead of taking it wakes the next one.
template <class Config>
void one_that_ends_leaves_its_buffer_to_the_others() {
  covers("11.1", "11.2");
  for (const bool by_cancel : {true, false}) {
    session<Config> s;
    const auto group = group_for(s, {.count = 1, .bytes = 16});
    auto hog = support::socket_pair();
    auto next = support::socket_pair();
    auto last = support::socket_pair();
    stream_of<Config, op::recv_many> first{op::recv_many{.socket = hog.near.socket(), .buffers = group}};
    stream_of<Config, op::recv_many> second{op::recv_many{.socket = next.near.socket(), .buffers = group}};
    stream_of<Config, op::recv_many> third{op::recv_many{.socket = last.near.socket(), .buffers = group}};
    s.ring.start(first);
    put(hog.far, "hog");
    s.until([&] { return first.size() == 1; });
    auto lease = first.take();
    put(next.far, "x");
    put(last.far, "x");
    s.ring.start(second);
    s.linger();
    s.ring.start(third);
    s.linger();
    if (by_cancel) {
      lease->reset();
      s.ring.cancel(second);
    } else {
      char taken = 0;
      BOOST_TEST(::recv(next.near.get(), &taken, 1, MSG_DONTWAIT) == 1);
      next.far.reset();
      lease->reset();
    }
    s.until([&] { return third.size() == 1; });
    BOOST_TEST(take_text(third) == "x");
    s.finish(second);
    BOOST_TEST(second.size() == 0U);
    for (auto* stream : {&first, &third}) {
      s.ring.cancel(*stream);
      s.finish(*stream);
    }
  }
}

template <class Config>
void a_slow_reader_starves_nobody() {
  covers("11.2");
  session<Config> s;
  const auto group = group_for(s, {.count = 128, .bytes = 64});
  auto slow = support::socket_pair();
  auto quick = support::socket_pair();
  stream_of<Config, op::recv_many> lazy{op::recv_many{.socket = slow.near.socket(), .buffers = group, .limit = 4}};
  stream_of<Config, op::recv_many> eager{op::recv_many{.socket = quick.near.socket(), .buffers = group, .limit = 4}};
  s.ring.start(lazy);
  s.ring.start(eager);
  const auto flood = pattern(100'000);
  std::size_t done = 0;
  for (int round = 0; round < 30; ++round) {
    done += put_some(slow.far, std::string_view{flood}.substr(done));
    put(quick.far, "ping");
    s.until([&] { return eager.size() != 0; });
    BOOST_TEST(take_text(eager) == "ping");
    BOOST_TEST(lazy.size() < 100U);
  }
  BOOST_TEST(lazy.size() >= 4U);
  BOOST_TEST(sleeps(s));
  // Nothing of it is lost.
  std::string received;
  const auto limit = std::chrono::steady_clock::now() + 20s;
  while (received.size() < done && std::chrono::steady_clock::now() < limit) {
    if (const auto lease = lazy.take()) received += text_of(*lease);
    s.poll(sluice::wait::none);
  }
  BOOST_TEST((received == std::string_view{flood}.substr(0, done)));
  for (auto* stream : {&lazy, &eager}) {
    s.ring.cancel(*stream);
    s.finish(*stream);
    canceled(stream->end());
  }
}

template <class Config>
void a_cancel_leaves_what_arrived_and_what_did_not() {
  covers("2.2", "2.3", "6.2", "11.1");
  exercises<op::recv_many>(cancel);
  session<Config> s;
  const auto group = group_for(s, {.count = 8, .bytes = 16});
  for (int round = 0; round < 12; ++round) {
    auto pair = support::socket_pair();
    stream_of<Config, op::recv_many> data{
        op::recv_many{.socket = pair.near.socket(), .buffers = group, .limit = static_cast<std::uint32_t>(round % 3)}};
    s.ring.start(data);
    const auto sent = pattern(static_cast<std::size_t>(30 + round * 17));
    put(pair.far, sent);
    if (round % 2 == 0) s.poll(sluice::wait::none);
    s.ring.cancel(data);
    s.ring.cancel(data);
    s.finish(data);
    canceled(data.end());
    BOOST_TEST(s.ring.in_flight() == 0U);
    const auto told = s.done.size();
    const std::string arrived = take_text(data);
    BOOST_TEST(arrived + support::take(pair.near, 1024) == sent);
    s.poll(sluice::wait::none);
    BOOST_TEST(s.done.size() == told);
    s.ring.cancel(data);  // of one that is done: nothing
  }
}

template <class Config>
void leases_outlive_stream_group_and_ring() {
  covers("11.2");
  std::vector<sluice::buffer_lease> kept;
  {
    session<Config> s;
    auto group = group_for(s, {.count = 4, .bytes = 16});
    auto moved = std::move(group);
    auto pair = support::socket_pair();
    {
      stream_of<Config, op::recv_many> data{op::recv_many{.socket = pair.near.socket(), .buffers = moved}};
      s.ring.start(data);
      put(pair.far, "first");
      s.until([&] { return data.size() == 1; });
      kept.push_back(std::move(*data.take()));
      put(pair.far, "second");
      s.until([&] { return data.size() == 1; });
      kept.push_back(std::move(*data.take()));
      put(pair.far, "not taken");
      s.until([&] { return data.size() == 1; });
      s.ring.cancel(data);
      s.finish(data);
    }
    BOOST_TEST(moved.state().in_use() == 2U);
    kept.erase(kept.begin());
    BOOST_TEST(moved.state().in_use() == 1U);
  }
  BOOST_TEST(text_of(kept.front()) == "second");
  sluice::buffer_lease other = std::move(kept.front());
  BOOST_TEST(!kept.front());
  BOOST_TEST(text_of(other) == "second");
  other = {};
  BOOST_TEST(other.bytes().empty());
}

}  // namespace laws::backend

// clang-format off
#define LAWS_OF_BACKEND_BUFFERS(models)                                       \
  LAW_OF_BACKENDS(bytes_come_in_order_and_their_end_is_no_error, models)      \
  LAW_OF_BACKENDS(a_reset_connection_ends_with_its_error, models)             \
  LAW_OF_BACKENDS(a_group_that_is_empty_pauses_its_readers, models)           \
  LAW_OF_BACKENDS(those_that_starve_are_all_fed_when_buffers_come_back, models) \
  LAW_OF_BACKENDS(one_that_ends_leaves_its_buffer_to_the_others, models)      \
  LAW_OF_BACKENDS(a_slow_reader_starves_nobody, models)                       \
  LAW_OF_BACKENDS(a_cancel_leaves_what_arrived_and_what_did_not, models)      \
  LAW_OF_BACKENDS(leases_outlive_stream_group_and_ring, models)
// clang-format on
