// SPDX-License-Identifier: MIT
// A server and a client in one thread, each a task that reads as if it blocked. The client sends five messages in one
// burst and compares what the server echoes.
//
// When neither can go on, all that both have started reaches the kernel in one system call, which is also the wait. So
// each call of io() takes every operation that can start at that point; the whole exchange takes four such calls.

#include "support/net.hpp"
#include <sluice/sluice.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>

namespace {

namespace ip = sluice::ip;
namespace op = sluice::op;

struct app : sluice::config<> {};  // every default
using coro = sluice::coro_of<app>;
using owned_socket = support::owned_socket<coro>;

constexpr std::string_view burst = "one\ntwo\nthree\nfour\nfive\n";
constexpr std::size_t messages = 5;

// Accepts one client and echoes until that has sent its last byte.
auto serve(owned_socket listener) -> sluice::result<void> {
  const auto accepted = coro::io(op::accept{.socket = listener.get()});
  if (!accepted) return std::unexpected{accepted.error()};
  const owned_socket peer{accepted->socket};

  // The echo of one buffer and the receive into the other start together. `wait_all` makes a send whole.
  std::array<std::array<std::byte, 1024>, 2> buffers;
  std::size_t use = 0;
  auto [received, closed] =
      coro::io(op::recv{.socket = peer.get(), .buffer = buffers[use]}, op::close_socket{.socket = listener.release()});
  while (received && *received != 0) {
    const auto echo = std::span{buffers[use]}.first(*received);
    use = 1 - use;
    auto [sent, next] = coro::io(op::send{.socket = peer.get(), .buffer = echo, .flags = sluice::send_flags::wait_all},
                                 op::recv{.socket = peer.get(), .buffer = buffers[use]});
    received = sent ? next : sent;
  }
  if (!received) return std::unexpected{received.error()};
  return closed;
}

// Sends the burst, waits for as many bytes and compares.
auto converse(const sluice::socket_address& where) -> sluice::result<void> {
  const auto made = coro::io(op::socket{});
  if (!made) return std::unexpected{made.error()};
  const owned_socket socket{*made};
  const auto connected = coro::io(op::connect{.socket = socket.get(), .address = where});
  if (!connected) return connected;

  // No more follows once the burst is out: the server learns of that while it echoes, and ends with the client.
  const auto sent =
      coro::io(op::send{.socket = socket.get(), .buffer = std::as_bytes(std::span{burst}), .flags = sluice::send_flags::wait_all});
  if (!sent) return std::unexpected{sent.error()};
  if (const auto ended = coro::io(op::shutdown{.socket = socket.get(), .how = sluice::shutdown_how::send}); !ended) return ended;
  std::array<std::byte, burst.size()> echo{};
  const auto received = coro::io(op::recv{.socket = socket.get(), .buffer = echo, .flags = sluice::recv_flags::wait_all});
  if (!received) return std::unexpected{received.error()};
  if (std::string_view{reinterpret_cast<const char*>(echo.data()), *received} != burst)
    return std::unexpected{std::make_error_code(std::errc::bad_message)};
  return {};
}

auto echo_once() -> sluice::result<std::size_t> {
  auto listener = support::listen_on<coro>({ip::loopback, 0});
  if (!listener) return std::unexpected{listener.error()};

  // A server that fails closes its sockets, which ends the client; a client that fails returns here, and the end of
  // `server` asks that task to end and waits until it has. Neither outlives the other.
  auto server = coro::spawn(serve, std::move(listener->socket));
  coro::yield();  // the server gets as far as its accept, which then leaves together with the connect
  // Without memory for its stack there is no server, and nobody would close the listener: then there is nothing to converse with.
  const auto conversed = server.done() ? sluice::result<void>{} : converse(listener->address);
  if (!conversed) return std::unexpected{conversed.error()};
  if (const auto served = server.join(); !served) return std::unexpected{served.error()};
  return messages;
}

}  // namespace

// Not coro::main: a program as short as this needs no signal handlers.
int main() {
  const auto echoed = coro::run(echo_once);
  if (!echoed) {
    std::fprintf(stderr, "coro_echo: %s\n", echoed.error().message().c_str());
    return 1;
  }
  std::setvbuf(stdout, nullptr, _IONBF, 0);
  std::printf("%zu messages came back unchanged\n", *echoed);
}
