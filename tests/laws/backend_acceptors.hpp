// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Laws of backends: an operation that accepts many clients. Section 11.

#include <laws/streams.hpp>

#include <optional>
#include <set>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/resource.h>

namespace laws::backend {

template <class Config>
void each_client_is_accepted_once() {
  covers("2.2", "2.3", "11.1");
  exercises<op::accept_many>(real, cancel);
  const auto before = support::count_descriptors();
  {
    session<Config> s;
    const support::listener server;
    std::vector<support::descriptor> clients;
    std::vector<support::descriptor> accepted;
    std::set<int> numbers;
    for (int i = 0; i < 24; ++i) clients.push_back(server.client());
    stream_of<Config, op::accept_many> peers{op::accept_many{.socket = server.socket.socket()}};
    s.ring.start(peers);
    const auto take_all = [&] {
      while (const auto one = peers.take()) {
        accepted.emplace_back(one->native());
        BOOST_TEST(numbers.insert(one->native()).second);
        BOOST_TEST((::fcntl(one->native(), F_GETFD) & FD_CLOEXEC) != 0);
      }
    };
    s.until([&] { return take_all(), accepted.size() == clients.size(); });
    for (int round = 0; round < 8; ++round) {
      clients.push_back(server.client());
      s.until([&] { return take_all(), accepted.size() == clients.size(); });
    }
    BOOST_TEST(s.place(peers) < s.done.size());
    failed(peers.end(), sluice::errc::in_progress);
    BOOST_TEST(s.ring.in_flight() == 1U);
    s.ring.cancel(peers);
    s.finish(peers);
    canceled(peers.end());
    BOOST_TEST(s.ring.in_flight() == 0U);
    const auto told = s.done.size();
    clients.push_back(server.client());
    s.linger();
    BOOST_TEST(s.done.size() == told);
    // It can be started again, and finds who came meanwhile.
    s.ring.start(peers);
    s.until([&] { return take_all(), accepted.size() == clients.size(); });
    s.ring.cancel(peers);
    s.finish(peers);
    canceled(peers.end());
  }
  BOOST_TEST(support::count_descriptors() == before);
}

template <class Config>
void a_socket_that_nobody_takes_is_closed() {
  covers("2.3", "11.1");
  const auto before = support::count_descriptors();
  {
    session<Config> s;
    const support::listener server;
    std::vector<support::descriptor> clients;
    for (int i = 0; i < 5; ++i) clients.push_back(server.client());
    stream_of<Config, op::accept_many> peers{op::accept_many{.socket = server.socket.socket()}};
    s.ring.start(peers);
    s.until([&] { return peers.size() == clients.size(); });
    s.ring.cancel(peers);
    s.finish(peers);
    canceled(peers.end());
    const auto one = peers.take();
    BOOST_TEST_REQUIRE(one.has_value());
    const support::descriptor taken{one->native()};
    BOOST_TEST(support::is_open(taken.get()));
  }
  BOOST_TEST(support::count_descriptors() == before);
}

template <class Config>
void an_acceptor_pauses_at_its_limit_and_goes_on() {
  covers("11.1", "11.2");
  session<Config> s;
  const support::listener server;
  std::vector<support::descriptor> clients;
  std::vector<support::descriptor> accepted;
  stream_of<Config, op::accept_many> peers{op::accept_many{.socket = server.socket.socket(), .limit = 2}};
  s.ring.start(peers);
  for (int i = 0; i < 12; ++i) {
    clients.push_back(server.client());
    s.poll(sluice::wait::at_most(1ms));
  }
  s.until([&] { return peers.size() >= 2; });
  BOOST_TEST(sleeps(s));
  clients.push_back(server.client());
  s.until([&] {
    if (const auto one = peers.take()) accepted.emplace_back(one->native());
    return accepted.size() == clients.size();
  });
  s.ring.cancel(peers);
  s.finish(peers);
  canceled(peers.end());
}

template <class Config>
void an_acceptor_without_descriptors_tries_again_later() {
  covers("12.2", "11.1");
  session<Config> s;
  const support::listener server;
  stream_of<Config, op::accept_many> peers{op::accept_many{.socket = server.socket.socket()}};
  s.ring.start(peers);
  const auto client = server.client();
  const auto first_taken = [&] {
    std::optional<support::descriptor> taken;
    s.until([&] {
      if (const auto one = peers.take()) taken.emplace(one->native());
      return taken.has_value();
    });
    return std::move(*taken);
  };
  const auto first = first_taken();
  s.ring.cancel(peers);
  s.finish(peers);
  auto second_client = server.client();
  std::vector<support::descriptor> fillers;
  {
    // The system may look at the limit when the operation is started, or when a client comes: it is lowered before both.
    const support::limit_guard none{RLIMIT_NOFILE, static_cast<::rlim_t>(second_client.get() + 1)};
    for (int number = ::dup(0); number >= 0; number = ::dup(0)) fillers.emplace_back(number);
    s.ring.start(peers);
    const auto before = std::chrono::steady_clock::now();
    std::size_t polls = 0;
    while (std::chrono::steady_clock::now() - before < 35ms) {
      s.poll(sluice::wait::at_most(5ms));
      ++polls;
    }
    BOOST_TEST(polls < 40U);
    BOOST_TEST(peers.size() == 0U);
    BOOST_TEST(!peers.is_done());
    fillers.clear();
  }
  const auto second = first_taken();
  put(second_client, "x");
  BOOST_TEST(take(second) == "x");
  s.ring.cancel(peers);
  s.finish(peers);
}

}  // namespace laws::backend

// clang-format off
#define LAWS_OF_BACKEND_ACCEPTORS(models)                                     \
  LAW_OF_BACKENDS(each_client_is_accepted_once, models)                       \
  LAW_OF_BACKENDS(a_socket_that_nobody_takes_is_closed, models)               \
  LAW_OF_BACKENDS(an_acceptor_pauses_at_its_limit_and_goes_on, models)        \
  LAW_OF_BACKENDS(an_acceptor_without_descriptors_tries_again_later, models)
// clang-format on
