// SPDX-License-Identifier: MIT
/// @file TCP echo on sluice: one task a connection, written as if it blocked.

#include <bench/support/arguments.hpp>
#include <bench/support/net.hpp>
#include <sluice/sluice.hpp>

#include <array>
#include <cstddef>
#include <span>

namespace {

#ifndef BENCH_BACKEND
#define BENCH_BACKEND io_uring
constexpr int listener_flags = 0;
#else
constexpr int listener_flags = SOCK_NONBLOCK;  // as the partners' are; with one that blocks, a thread takes the connections
#endif

namespace op = sluice::op;

struct app : sluice::config<sluice::backend::BENCH_BACKEND<>> {};
using coro = sluice::coro_of<app>;

void echo(sluice::socket_handle peer) {
  std::array<std::byte, bench::buffer_bytes> buffer;
  for (;;) {
    auto received = coro::io(op::recv{.socket = peer, .buffer = buffer});
    if (!received || *received == 0) break;
    auto left = std::span{buffer}.first(*received);
    while (!left.empty()) {
      auto sent = coro::io(op::send{.socket = peer, .buffer = left});
      if (!sent) break;
      left = left.subspan(*sent);
    }
    if (!left.empty()) break;
  }
  (void)coro::io(op::close_socket{.socket = peer});
}

void serve(sluice::socket_handle listener) {
  coro::scope clients;
  for (;;) {
    auto peer = coro::io(op::accept{.socket = listener});
    if (!peer) continue;
    bench::no_delay(peer->socket.native());
    clients.spawn([socket = peer->socket] { echo(socket); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::arguments given{argc, argv, {"--port"}};
  sluice::socket_handle listener{bench::start_server(given.number("--port", 0), listener_flags)};
  coro::run([=] { serve(listener); });
}
