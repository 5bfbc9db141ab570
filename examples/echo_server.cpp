// SPDX-License-Identifier: MIT
// echo_server [--port N]: sends back whatever arrives, one task a connection. Port 0, the default, takes any free one.
//
// SIGTERM or SIGINT asks the root task to end: its accept is cut short, leaving the scope asks every connection to end,
// and their receives are cut short in turn. Whatever way a connection ends, its socket is closed.

#include "support/net.hpp"
#include <sluice/sluice.hpp>

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
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

void echo(const owned_socket& peer) {
  std::array<std::byte, 4096> buffer;
  while (const auto received = coro::io(op::recv{.socket = peer.get(), .buffer = buffer})) {
    if (*received == 0) break;  // the client has sent its last byte and has all of it back
    const auto whole = std::span{buffer}.first(*received);
    if (!coro::io(op::send{.socket = peer.get(), .buffer = whole, .flags = sluice::send_flags::wait_all})) break;
  }
}

auto serve(std::uint16_t port) -> sluice::result<void> {
  // A connection that is accepted inherits `no_delay`, which spares a system call for each.
  const auto listener =
      support::listen_on<coro>({ip::loopback, port}, sluice::socket_option::reuse_address, sluice::socket_option::no_delay);
  if (!listener) return std::unexpected{listener.error()};
  std::printf("listening on %s\n", listener->address.text().c_str());
  std::fflush(stdout);

  // What becomes of one connection is no concern of the others.
  coro::scope connections{{.on_failure = sluice::on_failure::keep}};
  while (auto peer = support::accept_next<coro>(listener->socket.get())) connections.spawn(echo, std::move(*peer));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  std::uint16_t port = 0;
  const bool given = argc == 3 && std::string_view{argv[1]} == "--port";
  const std::string_view text = given ? argv[2] : "0";
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if ((argc != 1 && !given) || error != std::errc{} || end != text.data() + text.size()) {
    std::fprintf(stderr, "usage: echo_server [--port N]\n");
    return 2;
  }
  return coro::main([port] { return serve(port); });
}
