// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Laws of backends: how operations that give many results begin, go on and end, and how that of others ends them. Section 11.

#include <laws/streams.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace laws::backend {

template <class Config>
void a_close_ends_the_streams_on_its_handle() {
  covers("5.1", "5.2", "11.1");
  session<Config> s;
  const auto group = group_for(s, {.count = 2, .bytes = 4});
  auto open_pair = support::socket_pair();
  for (const bool starves : {false, true}) {
    auto pair = support::socket_pair();
    support::listener server;
    stream_of<Config, op::recv_many> data{op::recv_many{.socket = pair.near.socket(), .buffers = group}};
    stream_of<Config, op::poll_many> looks{op::poll_many{.handle = pair.near.socket()}};
    stream_of<Config, op::accept_many> peers{op::accept_many{.socket = server.socket.socket()}};
    stream_of<Config, op::recv_many> other{op::recv_many{.socket = open_pair.near.socket(), .buffers = group}};
    s.ring.start(data);
    s.ring.start(looks);
    s.ring.start(peers);
    s.ring.start(other);
    if (starves) {
      put(pair.far, "more than there is room for");
      s.until([&] { return data.size() == 2; });
    }
    s.linger();
    typename session<Config>::template operation<op::close_socket> close{op::close_socket{.socket = pair.near.socket()}};
    typename session<Config>::template operation<op::close_socket> close_server{op::close_socket{.socket = server.socket.socket()}};
    const auto number = pair.near.release();
    server.socket.release();
    s.ring.start(close);
    s.ring.start(close_server);
    s.finish(close, close_server, data, looks, peers);
    succeeded(close.result());
    canceled(data.end());
    canceled(looks.end());
    canceled(peers.end());
    BOOST_TEST(s.place(close) < s.done.size());
    BOOST_TEST(!support::is_open(number));
    BOOST_TEST(!other.is_done());
    s.ring.cancel(other);
    s.finish(other);
  }
}

template <class Config>
void the_end_of_a_ring_ends_its_streams() {
  covers("9.1", "11.1");
  const support::listener server;
  auto quiet = support::socket_pair();
  auto flooded = support::socket_pair();
  auto starved = support::socket_pair();
  std::optional<stream_of<Config, op::accept_many>> peers;
  std::optional<stream_of<Config, op::recv_many>> waits;
  std::optional<stream_of<Config, op::recv_many>> full;
  std::optional<stream_of<Config, op::recv_many>> hungry;
  std::optional<stream_of<Config, op::poll_many>> looks;
  std::optional<stream_of<Config, op::timer_many>> ticks;
  const auto start_all = [&](session<Config>& s, const group_of<Config>& large, const group_of<Config>& small) {
    peers.emplace(op::accept_many{.socket = server.socket.socket()});
    waits.emplace(op::recv_many{.socket = quiet.near.socket(), .buffers = large});
    full.emplace(op::recv_many{.socket = flooded.near.socket(), .buffers = large, .limit = 1});
    hungry.emplace(op::recv_many{.socket = starved.near.socket(), .buffers = small});
    looks.emplace(op::poll_many{.handle = quiet.near.socket()});
    ticks.emplace(op::timer_many{.every = 1h});
    s.ring.start(*peers);
    s.ring.start(*waits);
    s.ring.start(*full);
    s.ring.start(*hungry);
    s.ring.start(*looks);
    s.ring.start(*ticks);
    put(flooded.far, "one");
    s.until([&] { return full->size() != 0; });
    put(flooded.far, "two");
    put(starved.far, "three");
    s.until([&] { return hungry->size() == 1; });
    put(starved.far, "four");
    s.linger();
  };
  const auto all_ended = [&] {
    canceled(peers->end());
    canceled(waits->end());
    canceled(full->end());
    canceled(hungry->end());
    canceled(looks->end());
    canceled(ticks->end());
    peers.reset();
    waits.reset();
    full.reset();
    hungry.reset();
    looks.reset();
    ticks.reset();
  };
  {
    session<Config> s;
    const auto large = group_for(s, {.count = 8, .bytes = 16});
    const auto small = group_for(s, {.count = 1, .bytes = 16});
    start_all(s, large, small);
    BOOST_TEST(s.ring.in_flight() == 6U);
    succeeded(s.ring.drain(s));
    BOOST_TEST(s.ring.in_flight() == 0U);
    all_ended();
  }
  std::optional<group_of<Config>> large;
  std::optional<group_of<Config>> small;
  {
    std::optional<session<Config>> s;
    s.emplace();
    large.emplace(group_for(*s, {.count = 8, .bytes = 16}));
    small.emplace(group_for(*s, {.count = 1, .bytes = 16}));
    start_all(*s, *large, *small);
    // The handles go first; the streams keep the groups alive, and end with the ring.
    large.reset();
    small.reset();
    s.reset();
    all_ended();
  }
}

template <class Config>
void ticks_come_at_even_times_and_none_is_lost() {
  covers("7.2", "11.1");
  exercises<op::timer_many>(real, cancel);
  session<Config> s;
  constexpr auto every = 2ms;
  stream_of<Config, op::timer_many> ticks{op::timer_many{.every = every}};
  const auto start = std::chrono::steady_clock::now();
  s.ring.start(ticks);
  std::uint64_t count = 0;
  const auto take_all = [&] {
    while (const auto some = ticks.take()) count += *some;
    // Never early.
    BOOST_TEST((std::chrono::steady_clock::now() - start >= every * static_cast<std::int64_t>(count)));
  };
  s.until([&] { return take_all(), count >= 10; });
  const auto before = count;
  std::this_thread::sleep_for(15ms);
  s.until([&] { return take_all(), count > before; });
  BOOST_TEST(count - before >= 7U);
  // They do not fall behind however many there are.
  const auto now = std::chrono::steady_clock::now();
  s.until([&] { return take_all(), start + every * static_cast<std::int64_t>(count + 1) > now; });
  s.ring.cancel(ticks);
  s.finish(ticks);
  canceled(ticks.end());
}

template <class Config>
void a_descriptor_is_told_of_each_time_that_it_becomes_ready() {
  covers("2.2", "11.1");
  exercises<op::poll_many>(real, cancel, failure);
  session<Config> s;
  auto pair = support::socket_pair();
  stream_of<Config, op::poll_many> looks{
      op::poll_many{.handle = pair.near.socket(), .events = sluice::poll_events::readable | sluice::poll_events::peer_closed}};
  s.ring.start(looks);
  BOOST_TEST(sleeps(s));
  for (int round = 0; round < 6; ++round) {
    put(pair.far, "some");
    std::string read;
    s.until([&] {
      while (const auto what = looks.take()) {
        BOOST_TEST(has(*what, sluice::poll_events::readable));
        read += take(pair.near);
      }
      return read == "some";
    });
    BOOST_TEST(sleeps(s));
    while (looks.take()) {}
  }
  pair.far.reset();
  s.until([&] {
    const auto what = looks.take();
    return what && has(*what, sluice::poll_events::hung_up);
  });
  s.ring.cancel(looks);
  s.finish(looks);
  canceled(looks.end());
  stream_of<Config, op::poll_many> nowhere{op::poll_many{.handle = sluice::socket_handle{}}};
  if (s.ring.start(nowhere) == started::pending) s.finish(nowhere);
  failed(nowhere.end(), std::errc::bad_file_descriptor);
}

template <class Config>
void what_cannot_be_a_stream_ends_at_once() {
  covers("1.1", "2.2", "11.1");
  exercises<op::recv_many, op::accept_many, op::timer_many>(failure);
  session<Config> s;
  session<Config> elsewhere;
  const auto foreign = group_for(elsewhere, {.count = 1, .bytes = 1});
  const auto group = group_for(s, {.count = 1, .bytes = 1});
  auto pair = support::socket_pair();
  const auto ends_with = [&](auto&& stream, std::errc why) {
    if (s.ring.start(stream) == started::pending) s.finish(stream);
    failed(stream.end(), why);
    BOOST_TEST(!stream.take().has_value());
    BOOST_TEST(s.ring.in_flight() == 0U);
  };
  using receives = stream_of<Config, op::recv_many>;
  ends_with(receives{op::recv_many{.socket = pair.near.socket()}}, std::errc::invalid_argument);
  ends_with(receives{op::recv_many{.socket = pair.near.socket(), .buffers = foreign}}, std::errc::invalid_argument);
  ends_with(receives{op::recv_many{.buffers = group}}, std::errc::bad_file_descriptor);
  const auto file = support::temporary_file("text");
  ends_with(receives{op::recv_many{.socket = file.socket(), .buffers = group}}, std::errc::not_a_socket);
  using accepts = stream_of<Config, op::accept_many>;
  ends_with(accepts{op::accept_many{.socket = pair.near.socket()}}, std::errc::invalid_argument);
  ends_with(accepts{op::accept_many{}}, std::errc::bad_file_descriptor);
  using tells_time = stream_of<Config, op::timer_many>;
  ends_with(tells_time{op::timer_many{}}, std::errc::invalid_argument);
  for (const auto options : {sluice::buffer_group_options{.count = 0, .bytes = 1}, sluice::buffer_group_options{.count = 1, .bytes = 0},
                             sluice::buffer_group_options{.count = 32769, .bytes = 1}})
    failed(group_of<Config>::make(s.ring, options), std::errc::invalid_argument);
  BOOST_TEST(group.state().in_use() == 0U);
}

template <class Config>
void streams_and_operations_share_a_ring() {
  covers("2.2", "3.2", "11.1");
  session<Config> s;
  const auto group = group_for(s, {.count = 32, .bytes = 32});
  constexpr std::size_t count = 12;
  std::vector<support::ends> pairs;
  std::vector<std::unique_ptr<stream_of<Config, op::recv_many>>> streams;
  std::array<std::string, count> received;
  for (std::size_t i = 0; i < count; ++i) {
    pairs.push_back(support::socket_pair());
    streams.push_back(
        std::make_unique<stream_of<Config, op::recv_many>>(op::recv_many{.socket = pairs[i].near.socket(), .buffers = group, .limit = 4}));
    s.ring.start(*streams[i]);
  }
  using no_op = typename session<Config>::template operation<op::nop>;
  std::array<no_op, 9> nops{op::nop{}, op::nop{}, op::nop{}, op::nop{}, op::nop{}, op::nop{}, op::nop{}, op::nop{}, op::nop{}};
  for (int round = 0; round < 10; ++round) {
    for (std::size_t i = 0; i < count; ++i) put(pairs[i].far, std::string(1 + i, static_cast<char>('a' + round)));
    s.ring.start(std::span<no_op>{nops});
    s.until([&] {
      for (const auto& one : nops)
        if (!one.is_done()) return false;
      return true;
    });
    for (std::size_t i = 0; i < count; i += 2) received[i] += take_text(*streams[i]);
  }
  for (auto& pair : pairs) pair.far.reset();
  for (std::size_t i = 0; i < count; ++i) {
    s.until([&] { return received[i] += take_text(*streams[i]), streams[i]->is_done(); });
    received[i] += take_text(*streams[i]);
    succeeded(streams[i]->end());
    std::string sent;
    for (int round = 0; round < 10; ++round) sent += std::string(1 + i, static_cast<char>('a' + round));
    BOOST_TEST(received[i] == sent);
  }
}

}  // namespace laws::backend

// clang-format off
#define LAWS_OF_BACKEND_STREAMS(models)                                       \
  LAW_OF_BACKENDS(a_close_ends_the_streams_on_its_handle, models)             \
  LAW_OF_BACKENDS(the_end_of_a_ring_ends_its_streams, models)                 \
  LAW_OF_BACKENDS(ticks_come_at_even_times_and_none_is_lost, models)          \
  LAW_OF_BACKENDS(a_descriptor_is_told_of_each_time_that_it_becomes_ready, models) \
  LAW_OF_BACKENDS(what_cannot_be_a_stream_ends_at_once, models)               \
  LAW_OF_BACKENDS(streams_and_operations_share_a_ring, models)
// clang-format on
