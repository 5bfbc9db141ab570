// SPDX-License-Identifier: MIT
/// @file TCP echo on sluice with streams: one task a connection, which sends out of the buffer that the kernel has filled.

#include <bench/support/arguments.hpp>
#include <bench/support/net.hpp>
#include <sluice/sluice.hpp>

#ifndef BENCH_BACKEND
#define BENCH_BACKEND io_uring
#endif

namespace {

namespace op = sluice::op;

struct app : sluice::config<sluice::backend::BENCH_BACKEND<>> {};
using coro = sluice::coro_of<app>;

void echo(sluice::socket_handle peer, const coro::buffer_group& buffers) {
  {
    auto data = coro::stream(op::recv_many{.socket = peer, .buffers = buffers});
    while (auto lease = data.next()) {
      auto left = lease->bytes();
      while (!left.empty()) {
        auto sent = coro::io(op::send{.socket = peer, .buffer = left});
        if (!sent) break;
        left = left.subspan(*sent);
      }
      if (!left.empty()) break;
    }
  }
  (void)coro::io(op::close_socket{.socket = peer});
}

void serve(sluice::socket_handle listener) {
  const auto buffers = coro::buffer_group::make({.count = 2048, .bytes = bench::buffer_bytes}).value();
  coro::scope clients;
  auto peers = coro::stream(op::accept_many{.socket = listener});
  while (auto peer = peers.next()) {
    bench::no_delay(peer->native());
    clients.spawn([&buffers, socket = *peer] { echo(socket, buffers); });
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::arguments given{argc, argv, {"--port"}};
  sluice::socket_handle listener{bench::start_server(given.number("--port", 0))};
  coro::run([=] { serve(listener); });
}
