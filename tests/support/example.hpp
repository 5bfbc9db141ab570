// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Runs the root task of an example server in the test's own process, and asks it to end at one moment after the other of its talk with a
/// client. The test includes the example's source, its main() under another name.

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>
#include <thread>

#include <arpa/inet.h>
#include <coro/fixture.hpp>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace example {

/// A port that nobody listens on.
inline auto free_port() -> std::uint16_t {
  const int one = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ::sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  ::socklen_t length = sizeof(where);
  ::bind(one, reinterpret_cast<const ::sockaddr*>(&where), length);
  ::getsockname(one, reinterpret_cast<::sockaddr*>(&where), &length);
  ::close(one);
  return ::ntohs(where.sin_port);
}

/// A client that takes what comes: it connects as soon as somebody listens, and gives up whenever the other side does.
class client {
 public:
  explicit client(std::uint16_t port) {
    ::sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = ::htons(port);
    where.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    for (int i = 0; i != 2000; ++i) {
      socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const ::timeval patience{.tv_sec = 5, .tv_usec = 0};
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
      if (::connect(socket_, reinterpret_cast<const ::sockaddr*>(&where), sizeof(where)) == 0) return;
      ::close(socket_);
      socket_ = -1;
      std::this_thread::sleep_for(std::chrono::microseconds{10});
    }
  }
  client(const client&) = delete;
  auto operator=(const client&) -> client& = delete;
  ~client() {
    if (socket_ >= 0) ::close(socket_);
  }

  /// Sends a text and receives until what came ends with another one. Whether it did.
  auto talk(std::string_view text, std::string_view expected) -> bool {
    if (socket_ < 0 || ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<::ssize_t>(text.size())) return false;
    for (std::string got; !got.ends_with(expected);) {
      char some[4096];
      const auto bytes = ::recv(socket_, some, sizeof(some), 0);
      if (bytes <= 0) return false;
      got.append(some, static_cast<std::size_t>(bytes));
    }
    return true;
  }

 private:
  int socket_ = -1;
};

/// Runs `serve(port)` as the root task, and `talk(client)` on two threads beside it, again and again; each time the root task is asked to
/// end a little later, until the talk has been over before that several times. Nothing may be left.
template <class Coro, class Serve, class Talk>
void ask_to_end_at_each_moment(Serve serve, Talk talk) {
  using namespace std::chrono_literals;
  (void)Coro::run([] {});
  // The example says where it listens, again and again.
  std::fflush(stdout);
  const int said = ::dup(1);
  const fixture::scratch_file nowhere;
  ::dup2(nowhere.handle.native(), 1);
  const int descriptors = fixture::open_descriptors();
  int rounds = 0;
  int whole = 0;
  // In small steps as far as a talk usually lasts, and in larger ones on a machine that has other things to do.
  for (auto moment = 0us; whole < 5 && rounds < 200; moment += rounds < 100 ? 40us : moment / 10, ++rounds) {
    const auto port = free_port();
    bool served = true;
    auto home = Coro::scheduler::make();
    if (!home.has_value()) break;
    std::thread others[2];
    bool talked[2] = {};
    for (int i = 0; i != 2; ++i)
      others[i] = std::thread{[&, i] {
        client one{port};
        talked[i] = talk(one);
      }};
    home->spawn({.name = "driver"}, [&] {
      auto root = Coro::spawn({.name = "example"}, [&] { return serve(port); });
      // By its first turn it listens, so that nobody waits in vain for long.
      Coro::yield();
      (void)Coro::sleep(moment);
      root.request_cancel();
      const auto outcome = root.join();
      served = outcome || outcome.error() == std::errc::operation_canceled;
    });
    const auto outcome = home->run();
    for (auto& one : others) one.join();
    const bool clean = outcome.has_value() && served && home->live() == 0 && home->ring().in_flight() == 0 && home->ring().timers() == 0;
    if (!clean) {
      BOOST_TEST(outcome.has_value());
      BOOST_TEST(served);
      BOOST_TEST(home->live() == 0U);
      BOOST_TEST(home->ring().in_flight() == 0U);
      BOOST_TEST(home->ring().timers() == 0U);
      break;
    }
    whole += talked[0] && talked[1] ? 1 : 0;
  }
  std::fflush(stdout);
  const int left = fixture::open_descriptors();
  ::dup2(said, 1);
  ::close(said);
  BOOST_TEST(left == descriptors);
  BOOST_TEST(whole == 5);
  BOOST_TEST(rounds > 5);
}

}  // namespace example
