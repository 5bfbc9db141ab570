// SPDX-License-Identifier: MIT
// proxy LISTEN TARGET: passes TCP connections on to another address.
//
// Each connection is two tasks, one a direction. A task takes bytes only after it has got rid of those before, so that whoever sends more
// than the other end takes is held up by TCP itself. The bytes go through a pipe and never through this program, unless there is no pipe.
//
// An end of the stream is passed on alone: the other direction lives until it has its own. A connection that fails on one side is reset on
// the other, which must not take a part for the whole. SIGTERM or SIGINT ends the accepting; what runs may run on for a while.

#include "support/limits.hpp"
#include "support/number.hpp"
#include "support/owned.hpp"
#include <sluice/sluice.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <getopt.h>
#include <sys/socket.h>

namespace {

namespace ip = sluice::ip;
namespace op = sluice::op;
using clock_type = std::chrono::steady_clock;
using count = sluice::result<std::size_t>;
using status = sluice::result<void>;
using std::chrono::nanoseconds;

struct uring_app : sluice::config<sluice::backend::io_uring<>> {};
struct epoll_app : sluice::config<sluice::backend::epoll<>> {};

struct request {
  ip::endpoint from;
  ip::endpoint to;
  nanoseconds connect_limit = std::chrono::seconds{5};
  nanoseconds idle_limit = std::chrono::minutes{5};
  nanoseconds grace = std::chrono::seconds{10};
  bool splice = true;
  bool verbose = false;
};

// The next close of it is seen as a reset by the peer.
void make_close_a_reset(sluice::socket_handle socket) {
  const ::linger at_once{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(socket.native(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

template <class Config>
class connection {
 public:
  using coro = sluice::coro_of<Config>;
  using owned_socket = support::owned_socket<coro>;
  using owned_file = support::owned_file<coro>;

  connection(const request& wanted, owned_socket client, std::uint64_t number)
      : wanted_{wanted}, client_{std::move(client)}, number_{number} {}

  void serve() {
    const auto done = pass_on();
    if (!done) {
      make_close_a_reset(client_.get());
      make_close_a_reset(server_.get());
    }
    if (wanted_.verbose) {
      std::fprintf(stderr, "proxy: connection %llu: %llu bytes there, %llu back, %s\n", static_cast<unsigned long long>(number_),
                   static_cast<unsigned long long>(there_), static_cast<unsigned long long>(back_),
                   done ? "complete" : done.error().message().c_str());
    }
  }

 private:
  auto pass_on() -> status {
    if (const auto connected = connect(); !connected) {
      if (connected.error() != std::errc::operation_canceled)
        std::fprintf(stderr, "proxy: %s: %s\n", wanted_.to.text().c_str(),
                     connected.error() == sluice::errc::timed_out ? "does not answer" : connected.error().message().c_str());
      return connected;
    }
    touched_ = clock_type::now();
    typename coro::scope both;  // a direction that fails ends the other
    both.spawn([this] { return forward(client_.get(), server_.get(), there_); });
    both.spawn([this] { return forward(server_.get(), client_.get(), back_); });
    return both.join();
  }

  auto connect() -> status {
    const auto made =
        coro::io(op::socket{.domain = wanted_.to.address.is_v6() ? sluice::socket_domain::ipv6 : sluice::socket_domain::ipv4});
    if (!made) return std::unexpected{made.error()};
    server_ = owned_socket{*made};
    if (const auto set = coro::io(op::setsockopt{.socket = *made, .option = sluice::socket_option::no_delay}); !set) return set;
    return coro::io(op::timed(op::connect{.socket = *made, .address = wanted_.to}, wanted_.connect_limit));
  }

  auto forward(sluice::socket_handle from, sluice::socket_handle to, std::uint64_t& moved) -> status {
    const auto done = wanted_.splice ? through_pipe(from, to, moved) : through_buffer(from, to, moved);
    if (!done) return done;
    const auto ended = coro::io(op::shutdown{.socket = to, .how = sluice::shutdown_how::send});
    // Whoever has gone meanwhile need not be told.
    return ended || ended.error() == std::errc::not_connected ? status{} : ended;
  }

  auto through_pipe(sluice::socket_handle from, sluice::socket_handle to, std::uint64_t& moved) -> status {
    const auto made = coro::io(op::pipe{});
    // Pipes are limited like other things, and for each user.
    if (!made) return through_buffer(from, to, moved);
    const owned_file out{made->read};
    const owned_file in{made->write};
    // A splice knows no flag that keeps it from waiting for a socket; nobody else has these sockets, so they may be set for good.
    for (const auto socket : {from, to}) ::fcntl(socket.native(), F_SETFL, O_RDWR | O_NONBLOCK);
    for (;;) {
      const auto got = move(from, in.get(), piece, from, sluice::poll_events::readable);
      if (!got) return std::unexpected{got.error()};
      if (*got == 0) return {};
      for (std::size_t left = *got; left != 0;) {
        const auto put = move(out.get(), to, left, to, sluice::poll_events::writable);
        if (!put) return std::unexpected{put.error()};
        left -= *put;
        moved += *put;
      }
    }
  }

  // Moves what can be moved. A socket that is not ready is waited for by a poll, for which no thread of the kernel stands by.
  auto move(sluice::any_handle from, sluice::any_handle to, std::size_t most, sluice::socket_handle socket, sluice::poll_events events)
      -> count {
    for (;;) {
      const auto moved = coro::io(
          op::splice{.handle = from, .to = to, .length = most, .flags = sluice::splice_flags::move | sluice::splice_flags::dont_wait});
      if (moved) touched_ = clock_type::now();
      if (moved || moved.error() != std::errc::resource_unavailable_try_again) return moved;
      if (const auto ready = patiently(op::poll_once{.handle = socket, .events = events}); !ready) return std::unexpected{ready.error()};
    }
  }

  auto through_buffer(sluice::socket_handle from, sluice::socket_handle to, std::uint64_t& moved) -> status {
    const auto memory = std::make_unique_for_overwrite<std::byte[]>(piece);
    for (;;) {
      const auto got = patiently(op::recv{.socket = from, .buffer = {memory.get(), piece}});
      if (!got) return std::unexpected{got.error()};
      if (*got == 0) return {};
      touched_ = clock_type::now();
      for (std::span<const std::byte> left{memory.get(), *got}; !left.empty();) {
        const auto put = patiently(op::send{.socket = to, .buffer = left});
        if (!put) return std::unexpected{put.error()};
        touched_ = clock_type::now();
        left = left.subspan(*put);
        moved += *put;
      }
    }
  }

  // The connection is idle when neither direction moves anything: whose time is up looks whether the other one did.
  template <class Op>
  auto patiently(const Op& operation) -> sluice::result<typename Op::result_type> {
    for (;;) {
      const auto left = touched_ + wanted_.idle_limit - clock_type::now();
      auto done = coro::io(op::timed(operation, left));
      if (done || done.error() != sluice::errc::timed_out || touched_ + wanted_.idle_limit <= clock_type::now()) return done;
    }
  }

  static constexpr std::size_t piece = 64 * 1024;  // what a pipe holds

  const request& wanted_;
  owned_socket client_;
  owned_socket server_{sluice::socket_handle{}};
  std::uint64_t number_;
  std::uint64_t there_ = 0;
  std::uint64_t back_ = 0;
  clock_type::time_point touched_;
};

template <class Config>
auto serve(const request& wanted) -> status {
  using coro = sluice::coro_of<Config>;
  using owned_socket = support::owned_socket<coro>;
  auto listener = coro::tcp_listener::bind(wanted.from);
  if (!listener) return std::unexpected{listener.error()};
  const auto where = listener->local();
  if (!where) return std::unexpected{where.error()};
  std::printf("listening on %s\n", where->text().c_str());
  std::fflush(stdout);

  // What becomes of one connection is no concern of the others.
  typename coro::scope connections{{.on_failure = sluice::on_failure::keep}};
  for (std::uint64_t number = 1; auto client = listener->accept(); ++number)
    connections.spawn([&wanted, number, peer = owned_socket{client->release()}]() mutable {
      connection<Config>{wanted, std::move(peer), number}.serve();
    });
  (void)listener->close();
  // The request to end stops here for a while, and reaches the connections by the deadline.
  return coro::shield([&] {
    return coro::with_timeout(wanted.grace, [&]() -> status {
      (void)connections.join();
      return {};
    });
  });
}

constexpr const char* usage =
    "usage: proxy [OPTION...] LISTEN TARGET\n"
    "Passes TCP connections to LISTEN on to TARGET. Both are ADDRESS:PORT, as 127.0.0.1:80 or [::1]:80; port 0 of LISTEN takes any free one.\n"
    "      --connect-timeout SECONDS  how long TARGET may take to answer (5)\n"
    "      --idle SECONDS             how long a connection may live without moving anything (300)\n"
    "      --grace SECONDS            how long connections may run on after SIGTERM or SIGINT (10)\n"
    "      --no-splice                copy through a buffer, not through pipes\n"
    "  -v, --verbose                  say which backend is used, and what became of each connection\n"
    "      --help                     print this\n"
    "Exit code: 0; 1 if it cannot listen; 2 for a wrong command line.\n";

auto wrong(const std::string& what) -> int {
  std::fprintf(stderr, "proxy: %s\n%s", what.c_str(), usage);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  static constexpr ::option known[] = {{"connect-timeout", 1, nullptr, 'c'},
                                       {"idle", 1, nullptr, 'i'},
                                       {"grace", 1, nullptr, 'g'},
                                       {"no-splice", 0, nullptr, 'n'},
                                       {"verbose", 0, nullptr, 'v'},
                                       {"help", 0, nullptr, 'h'},
                                       {}};
  request wanted;
  const auto take_time = [](nanoseconds& into) {
    const auto given = support::seconds(optarg);
    if (given) into = *given;
    return given.has_value();
  };
  for (int one = 0; (one = ::getopt_long(argc, argv, "v", known, nullptr)) != -1;) {
    switch (one) {
      case 'c':
        if (!take_time(wanted.connect_limit)) return wrong("--connect-timeout takes seconds");
        break;
      case 'i':
        if (!take_time(wanted.idle_limit)) return wrong("--idle takes seconds");
        break;
      case 'g':
        if (!take_time(wanted.grace)) return wrong("--grace takes seconds");
        break;
      case 'n': wanted.splice = false; break;
      case 'v': wanted.verbose = true; break;
      case 'h': std::fputs(usage, stdout); return 0;
      default: std::fputs(usage, stderr); return 2;
    }
  }
  if (argc - optind != 2) return wrong("it takes two addresses");
  const auto from = ip::endpoint::parse(argv[optind]);
  if (!from) return wrong("not an address and a port: " + std::string{argv[optind]});
  const auto to = ip::endpoint::parse(argv[optind + 1]);
  if (!to || to->port == 0) return wrong("not an address and a port: " + std::string{argv[optind + 1]});
  wanted.from = *from;
  wanted.to = *to;

  support::raise_descriptor_limit();
  return sluice::first_available<uring_app, epoll_app>([&]<class Config>(sluice::chosen<Config> why) {
    if (wanted.verbose) std::fputs(why.text().c_str(), stderr);
    return sluice::coro_of<Config>::main([&] { return serve<Config>(wanted); });
  });
}
