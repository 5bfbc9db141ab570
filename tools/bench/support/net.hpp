// SPDX-License-Identifier: MIT
#pragma once
/// @file Plain sockets for the benchmark programs: set up the same way for every subject, outside what is measured.

#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace bench {

/// Set-up that fails ends a benchmark program: a figure without its set-up is none.
[[noreturn]] inline void give_up(const char* what) {
  std::perror(what);
  std::exit(1);
}

/// What cannot be measured on this machine ends the program, too, with a status of its own: `run` prints why and goes on.
[[noreturn]] inline void impossible(const char* why) {
  std::fprintf(stderr, "%s\n", why);
  std::exit(77);
}

/// Gives back `value` when it is not negative.
inline auto must(int value, const char* what) -> int {
  if (value < 0) give_up(what);
  return value;
}

/// Bytes a server reads at most at once, the same in every subject.
inline constexpr unsigned buffer_bytes = 4096;

/// Sends small messages at once.
inline void no_delay(int socket) noexcept {
  int on = 1;
  setsockopt(socket, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

/// Raises the descriptor limit as far as this process may.
inline void raise_descriptor_limit() noexcept {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
  }
}

/// SIGTERM ends the process at once: a benchmark's server owns nothing that would need a graceful end. SIGPIPE does not.
inline void set_up_signals() noexcept {
  struct sigaction action{};
  action.sa_handler = [](int) { _exit(0); };
  sigaction(SIGTERM, &action, nullptr);
  action.sa_handler = SIG_IGN;
  sigaction(SIGPIPE, &action, nullptr);
}

/// The loopback address with `port`.
inline auto loopback(std::uint16_t port) noexcept -> sockaddr_in {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// The port to which `socket` is bound.
inline auto port_of(int socket) -> std::uint16_t {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  must(getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length), "getsockname");
  return ntohs(address.sin_port);
}

/// Tells the harness where the server is.
inline void announce(std::uint16_t port) {
  std::printf("listening on 127.0.0.1:%u\n", unsigned{port});
  std::fflush(stdout);
}

/// A listening socket on the loopback device; `type_flags` may add SOCK_NONBLOCK. Port 0 takes a free one.
inline auto listen_on(std::uint16_t port, int type_flags = 0) -> int {
  int socket = must(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | type_flags, 0), "socket");
  int on = 1;
  setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  auto address = loopback(port);
  must(::bind(socket, reinterpret_cast<sockaddr*>(&address), sizeof address), "bind");
  must(::listen(socket, 4096), "listen");
  return socket;
}

/// What each echo server does first: limits, signals, a listening socket, the announcement.
inline auto start_server(std::uint64_t port, int type_flags = 0) -> int {
  raise_descriptor_limit();
  set_up_signals();
  int listener = listen_on(static_cast<std::uint16_t>(port), type_flags);
  announce(port_of(listener));
  return listener;
}

/// Two ends of one TCP connection over the loopback device.
inline auto tcp_pair() -> std::pair<int, int> {
  int listener = listen_on(0);
  int client = must(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
  auto address = loopback(port_of(listener));
  must(::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof address), "connect");
  int server = must(::accept(listener, nullptr, nullptr), "accept");
  ::close(listener);
  no_delay(client);
  no_delay(server);
  return {client, server};
}

/// Two ends of one local stream.
inline auto local_pair() -> std::pair<int, int> {
  int ends[2];
  must(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), "socketpair");
  return {ends[0], ends[1]};
}

}  // namespace bench
