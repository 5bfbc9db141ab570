// SPDX-License-Identifier: MIT
#include "fixture.hpp"

#include <boost/test/unit_test.hpp>

#include <optional>
#include <string>
#include <thread>
#include <tuple>
#include <vector>

#include <netinet/in.h>

namespace {

namespace op = sluice::op;
using namespace std::chrono_literals;
using fixture::open_descriptors;
using fixture::roomy;

struct by_ring : sluice::config<roomy, sluice::backend::io_uring<>> {};
struct by_small_ring : sluice::config<roomy, sluice::backend::io_uring<{.entries = 2, .completions = 4}>> {};
struct by_epoll : sluice::config<roomy, sluice::backend::epoll<>> {};
struct by_poll : sluice::config<roomy, sluice::backend::poll<>> {};
using configs = std::tuple<by_ring, by_small_ring, by_epoll, by_poll>;

/// A socket that listens on the loopback interface.
struct server {
  int socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ::sockaddr_in address{};

  server() {
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::socklen_t length = sizeof(address);
    BOOST_REQUIRE(::bind(socket, reinterpret_cast<::sockaddr*>(&address), length) == 0);
    BOOST_REQUIRE(::listen(socket, 64) == 0);
    BOOST_REQUIRE(::getsockname(socket, reinterpret_cast<::sockaddr*>(&address), &length) == 0);
  }
  server(const server&) = delete;
  auto operator=(const server&) -> server& = delete;
  ~server() { ::close(socket); }

  /// From any thread, so nothing is checked here: one that is not connected serves for nothing.
  [[nodiscard]] auto client() const -> int {
    const int made = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    (void)::connect(made, reinterpret_cast<const ::sockaddr*>(&address), sizeof(address));
    return made;
  }
};

void put(sluice::socket_handle to, std::string_view text) {
  BOOST_REQUIRE(::send(to.native(), text.data(), text.size(), MSG_NOSIGNAL) == static_cast<::ssize_t>(text.size()));
}

auto text_of(const sluice::buffer_lease& lease) -> std::string {
  return {reinterpret_cast<const char*>(lease.bytes().data()), lease.bytes().size()};
}

void finish(sluice::socket_handle& one) { ::close(std::exchange(one, {}).native()); }

}  // namespace

BOOST_AUTO_TEST_SUITE(coro)
BOOST_AUTO_TEST_SUITE(stream)

BOOST_AUTO_TEST_CASE_TEMPLATE(an_echo_server_of_streams_serves_its_clients, Config, configs) {
  using coro = sluice::coro_of<Config>;
  const int before = open_descriptors();
  constexpr int clients = 8;
  int served = 0;
  const auto outcome = coro::run([&] {
    const server here;
    auto buffers = coro::buffer_group::make({.count = 16, .bytes = 64}).value();
    auto peers = coro::stream(op::accept_many{.socket = sluice::socket_handle{here.socket}});
    std::thread others{[&] {
      for (int i = 0; i < clients; ++i) {
        const int socket = here.client();
        const std::string text(static_cast<std::size_t>(100 + i * 50), static_cast<char>('a' + i));
        (void)::send(socket, text.data(), text.size(), MSG_NOSIGNAL);
        ::shutdown(socket, SHUT_WR);
        std::string echoed;
        char some[64];
        for (::ssize_t got = 0; (got = ::recv(socket, some, sizeof(some), 0)) > 0;) echoed.append(some, static_cast<std::size_t>(got));
        if (echoed == text) ++served;
        ::close(socket);
      }
    }};
    {
      typename coro::scope tasks;
      for (int i = 0; i < clients; ++i) {
        const auto peer = peers.next();
        BOOST_TEST_REQUIRE(peer.has_value());
        tasks.spawn([&buffers, socket = *peer] {
          {
            auto data = coro::stream(op::recv_many{.socket = socket, .buffers = buffers, .limit = 4});
            while (const auto lease = data.next())
              BOOST_TEST(coro::io(op::send{.socket = socket, .buffer = lease->bytes(), .flags = sluice::send_flags::wait_all}).has_value());
            BOOST_TEST(data.end().has_value());
            BOOST_TEST((data.next().error() == sluice::errc::closed));
          }
          BOOST_TEST(coro::io(op::close_socket{.socket = socket}).has_value());
        });
      }
    }
    others.join();
    BOOST_TEST(buffers.state().in_use() == 0U);
    BOOST_TEST((peers.end().error() == sluice::errc::in_progress));
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(served == clients);
  BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_slow_consumer_loses_nothing_and_keeps_nobody_waiting, Config, configs) {
  using coro = sluice::coro_of<Config>;
  fixture::socket_pair slow;
  fixture::socket_pair quick;
  std::string received;
  std::string sent;
  int pings = 0;
  coro::run([&] {
    auto buffers = coro::buffer_group::make({.count = 128, .bytes = 32}).value();
    typename coro::scope tasks;
    tasks.spawn([&] {
      auto data = coro::stream(op::recv_many{.socket = slow.left, .buffers = buffers, .limit = 2});
      while (const auto lease = data.next()) {
        received += text_of(*lease);
        coro::sleep(200us);
      }
    });
    tasks.spawn([&] {
      auto data = coro::stream(op::recv_many{.socket = quick.left, .buffers = buffers, .limit = 2});
      while (const auto lease = data.next()) ++pings;
    });
    for (int i = 0; i < 50; ++i) {
      sent += std::string(200, static_cast<char>('a' + i % 26));
      put(slow.right, std::string_view{sent}.substr(sent.size() - 200));
      put(quick.right, "ping");
      const int seen = pings;
      for (int turn = 0; pings == seen && turn < 10'000; ++turn) coro::sleep(20us);
      BOOST_TEST(pings > seen);
    }
    finish(slow.right);
    finish(quick.right);
  });
  BOOST_TEST(pings == 50);
  BOOST_TEST(received == sent);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_task_cancelled_in_next_leaves_the_stream_to_others, Config, configs) {
  using coro = sluice::coro_of<Config>;
  fixture::socket_pair pair;
  coro::run([&] {
    auto buffers = coro::buffer_group::make({.count = 4, .bytes = 32}).value();
    auto data = coro::stream(op::recv_many{.socket = pair.left, .buffers = buffers});
    auto waits = coro::spawn([&] { return data.next().error(); });
    coro::yield();
    BOOST_TEST((data.next().error() == sluice::errc::in_progress));  // one at a time
    waits.request_cancel();
    const auto cut = waits.join();
    BOOST_TEST((!cut || *cut == std::errc::operation_canceled));
    BOOST_TEST((data.end().error() == sluice::errc::in_progress));
    put(pair.right, "still there");
    const auto lease = data.next();
    BOOST_TEST_REQUIRE(lease.has_value());
    BOOST_TEST(text_of(*lease) == "still there");
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_deadline_around_next_ends_the_wait_only, Config, configs) {
  using coro = sluice::coro_of<Config>;
  fixture::socket_pair pair;
  coro::run([&] {
    auto buffers = coro::buffer_group::make({.count = 4, .bytes = 32}).value();
    auto data = coro::stream(op::recv_many{.socket = pair.left, .buffers = buffers});
    const auto late = coro::with_timeout(3ms, [&] { return data.next(); });
    BOOST_TEST_REQUIRE(!late.has_value());
    BOOST_TEST((late.error() == sluice::errc::timed_out));
    put(pair.right, "now");
    const auto lease = coro::with_timeout(5s, [&] { return data.next(); });
    BOOST_TEST_REQUIRE(lease.has_value());
    BOOST_TEST(text_of(*lease) == "now");
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_cancelled_scope_ends_readers_and_acceptors, Config, configs) {
  using coro = sluice::coro_of<Config>;
  const int before = open_descriptors();
  {
    fixture::socket_pair pair;
    const server here;
    std::vector<int> clients;
    int ends = 0;
    coro::run([&] {
      auto buffers = coro::buffer_group::make({.count = 4, .bytes = 8}).value();
      typename coro::scope tasks;
      tasks.spawn([&] {
        auto data = coro::stream(op::recv_many{.socket = pair.left, .buffers = buffers, .limit = 1});
        while (const auto lease = data.next()) coro::yield();
        ++ends;
      });
      tasks.spawn([&] {
        auto peers = coro::stream(op::accept_many{.socket = sluice::socket_handle{here.socket}});
        while (const auto peer = peers.next()) ::close(peer->native());
        ++ends;
      });
      // Nobody takes what this one accepts.
      tasks.spawn([&] {
        auto ignored = coro::stream(op::accept_many{.socket = sluice::socket_handle{here.socket}});
        auto ticks = coro::stream(op::timer_many{.every = 1ms});
        while (ticks.next()) {}
        ++ends;
      });
      for (int i = 0; i < 10; ++i) {
        clients.push_back(here.client());
        put(pair.right, "some bytes for it");
        coro::sleep(1ms);
      }
      tasks.cancel();
      BOOST_TEST(tasks.join().has_value());
      BOOST_TEST(buffers.state().in_use() == 0U);
    });
    BOOST_TEST(ends == 3);
    for (const int client : clients) ::close(client);
  }
  BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_stream_is_told_to_end_and_gives_what_arrived, Config, configs) {
  using coro = sluice::coro_of<Config>;
  fixture::socket_pair pair;
  coro::run([&] {
    auto buffers = coro::buffer_group::make({.count = 8, .bytes = 8}).value();
    auto data = coro::stream(op::recv_many{.socket = pair.left, .buffers = buffers, .limit = 0});
    put(pair.right, "12345678abcdefgh");
    auto first = data.next();
    BOOST_TEST_REQUIRE(first.has_value());
    // The rest is in a buffer of the group, too, as soon as it has arrived.
    fixture::run_others_until<coro>([&] { return buffers.state().in_use() == 2; });
    data.cancel();
    std::string rest;
    while (const auto lease = data.next()) rest += text_of(*lease);
    BOOST_TEST((data.end().error() == std::errc::operation_canceled));
    BOOST_TEST(text_of(*first) == "12345678");
    BOOST_TEST(rest == "abcdefgh");
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(leases_are_kept_beyond_their_stream_and_their_scheduler, Config, configs) {
  using coro = sluice::coro_of<Config>;
  fixture::socket_pair pair;
  std::optional<sluice::buffer_lease> kept;
  coro::run([&] {
    auto buffers = coro::buffer_group::make({.count = 2, .bytes = 16}).value();
    {
      auto data = coro::stream(op::recv_many{.socket = pair.left, .buffers = buffers});
      put(pair.right, "kept");
      kept.emplace(std::move(data.next().value()));
    }
    BOOST_TEST(buffers.state().in_use() == 1U);
  });
  BOOST_TEST(text_of(*kept) == "kept");
  kept.reset();
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_close_ends_the_stream_of_another_task, Config, configs) {
  using coro = sluice::coro_of<Config>;
  fixture::socket_pair pair;
  coro::run([&] {
    auto buffers = coro::buffer_group::make({.count = 2, .bytes = 16}).value();
    auto reads = coro::spawn([&] {
      auto data = coro::stream(op::recv_many{.socket = pair.left, .buffers = buffers});
      while (data.next()) {}
      return data.end().error();
    });
    coro::sleep(1ms);
    BOOST_TEST(coro::io(op::close_socket{.socket = std::exchange(pair.left, {})}).has_value());
    const auto why = reads.join();
    BOOST_TEST_REQUIRE(why.has_value());
    BOOST_TEST((*why == std::errc::operation_canceled));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_reader_with_much_to_do_lets_others_run, Config, configs) {
  using coro = sluice::coro_of<Config>;
  fixture::socket_pair pair;
  coro::run([&] {
    auto buffers = coro::buffer_group::make({.count = 64, .bytes = 1}).value();
    int turns = 0;
    bool over = false;
    auto other = coro::spawn([&] {
      while (!over) {
        ++turns;
        coro::yield();
      }
    });
    auto data = coro::stream(op::recv_many{.socket = pair.left, .buffers = buffers, .limit = 0});
    put(pair.right, std::string(400, 'x'));
    finish(pair.right);
    std::size_t count = 0;
    while (const auto lease = data.next()) count += lease->bytes().size();
    over = true;
    BOOST_TEST(other.join().has_value());
    BOOST_TEST(count == 400U);
    BOOST_TEST(turns >= 400 / 64);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_stream_that_cannot_start_says_why, Config, configs) {
  using coro = sluice::coro_of<Config>;
  coro::run([&] {
    auto data = coro::stream(op::recv_many{.socket = sluice::socket_handle{}});
    BOOST_TEST((data.next().error() == std::errc::invalid_argument));
    BOOST_TEST((data.end().error() == std::errc::invalid_argument));
    auto never = coro::stream(op::timer_many{});
    BOOST_TEST((never.next().error() == std::errc::invalid_argument));
    BOOST_TEST((coro::buffer_group::make({.count = 0}).error() == std::errc::invalid_argument));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_thread_without_tasks_blocks_in_next, Config, configs) {
  using coro = sluice::coro_of<Config>;
  fixture::socket_pair pair;
  auto buffers = coro::buffer_group::make({.count = 4, .bytes = 16}).value();
  auto data = coro::stream(op::recv_many{.socket = pair.left, .buffers = buffers});
  std::thread other{[&] {
    std::this_thread::sleep_for(3ms);
    (void)::send(pair.right.native(), "from afar", 9, MSG_NOSIGNAL);
  }};
  const auto lease = data.next();
  other.join();
  BOOST_TEST_REQUIRE(lease.has_value());
  BOOST_TEST(text_of(*lease) == "from afar");
  auto ticks = coro::stream(op::timer_many{.every = 1ms});
  for (int i = 0; i < 3; ++i) BOOST_TEST(ticks.next().has_value());
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
