// SPDX-License-Identifier: MIT
// The examples chat, proxy and multicore_http, asked to end at each moment of their talk with clients.
// What the examples include comes first: each of them is then read in a namespace of its own.
#define main main_of_example
#include "../../examples/support/drain.hpp"
#include "../../examples/support/http_connection.hpp"
#include "../../examples/support/limits.hpp"
#include "../../examples/support/number.hpp"
#include "../../examples/support/owned.hpp"
#include "../../examples/support/site_options.hpp"
#include <sluice/sluice.hpp>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace chat {
#include "../../examples/chat.cpp"
}  // namespace chat
namespace proxy {
#include "../../examples/proxy.cpp"
}  // namespace proxy
namespace multicore_http {
#include "../../examples/multicore_http.cpp"
}  // namespace multicore_http
#undef main

#include <support/example.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

namespace {

/// Answers each client with what it says, until nobody is left who asks it to.
class echo {
 public:
  echo() {
    ::sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = ::htons(port);
    where.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<const ::sockaddr*>(&where), sizeof(where));
    ::listen(listener_, 16);
    thread_ = std::thread{[this] { serve(); }};
  }
  echo(const echo&) = delete;
  auto operator=(const echo&) -> echo& = delete;
  ~echo() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  const std::uint16_t port = example::free_port();

 private:
  // One at a time is enough: whoever waits is in the backlog.
  void serve() {
    for (int peer = 0; (peer = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; ::close(peer)) {
      char some[256];
      for (::ssize_t bytes = 0; (bytes = ::recv(peer, some, sizeof(some), 0)) > 0;)
        if (::send(peer, some, static_cast<std::size_t>(bytes), MSG_NOSIGNAL) != bytes) break;
    }
  }

  int listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::thread thread_;
};

template <class Config>
void end_proxy(bool splice) {
  const echo target;
  example::ask_to_end_at_each_moment<sluice::coro_of<Config>>(
      [&](std::uint16_t port) {
        // The request outlives the call, as it outlives the root task of the example.
        const proxy::request wanted{.from = {sluice::ip::loopback, port},
                                    .to = {sluice::ip::loopback, target.port},
                                    .grace = std::chrono::milliseconds{1},
                                    .splice = splice};
        return proxy::serve<Config>(wanted);
      },
      [](example::client& peer) { return peer.talk("one\n", "one\n") && peer.talk("two\n", "two\n"); });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ended_servers, *needs::ring())

BOOST_AUTO_TEST_CASE(chat) {
  example::ask_to_end_at_each_moment<::chat::coro>(
      [](std::uint16_t port) { return ::chat::serve(port, 4); },
      [](example::client& peer) {
        const auto name = "n" + std::to_string(std::hash<std::thread::id>{}(std::this_thread::get_id()));
        return peer.talk(name.substr(0, 20) + "\n", "\n") && peer.talk("hello\nyou\nthere\n", "");
      });
}

BOOST_AUTO_TEST_CASE(proxy_through_pipes) { end_proxy<proxy::uring_app>(true); }
BOOST_AUTO_TEST_CASE(proxy_through_buffers_on_epoll) { end_proxy<proxy::epoll_app>(false); }

BOOST_AUTO_TEST_CASE(multicore_http) {
  namespace of_example = ::multicore_http;
  using coro = of_example::coro;
  (void)coro::run([] {});
  example::ask_to_end_at_each_moment_of(
      [](example::client& peer) {
        return peer.talk("GET /etc/passwd HTTP/1.1\r\nHost: here\r\n\r\n", "\n") &&
               peer.talk("GET /none HTTP/1.1\r\nHost: here\r\n\r\n", "Not Found\n");
      },
      [](std::uint16_t port, std::chrono::microseconds moment) -> std::string {
        const support::site site;
        const auto outcome = coro::runtime::run({.threads = 2}, [&](of_example::core& mine) -> sluice::result<void> {
          coro::scope all;
          if (mine.index() == 0)
            all.spawn([&] {
              (void)coro::sleep(moment);
              mine.cancel_all();
            });
          return of_example::serve(site, "/", {sluice::ip::loopback, port}, [] {});
        });
        return outcome || outcome.error() == std::errc::operation_canceled ? "" : "it failed: " + outcome.error().message();
      });
}

BOOST_AUTO_TEST_SUITE_END()
