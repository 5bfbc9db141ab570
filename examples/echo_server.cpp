// SPDX-License-Identifier: MIT
// echo_server [--port N]: sends back whatever arrives, one task a connection. Port 0, the default, takes any free one.
//
// SIGTERM or SIGINT asks the root task to end: its accept is cut short, leaving the scope asks every connection to end,
// and their receives are cut short in turn. Whatever way a connection ends, its socket is closed.

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

struct app : sluice::config<> {};  // every default
using coro = sluice::coro_of<app>;

void echo(coro::tcp_stream peer) {
  std::array<std::byte, 4096> buffer;
  while (const auto received = peer.read_some(buffer)) {
    if (*received == 0) break;  // the client has sent its last byte and has all of it back
    if (!peer.write_all(std::span{buffer}.first(*received))) break;
  }
}

auto serve(std::uint16_t port) -> sluice::result<void> {
  auto listener = coro::tcp_listener::bind({ip::loopback, port});
  if (!listener) return std::unexpected{listener.error()};
  const auto where = listener->local();
  if (!where) return std::unexpected{where.error()};
  std::printf("listening on %s\n", where->text().c_str());
  std::fflush(stdout);

  // What becomes of one connection is no concern of the others.
  coro::scope connections{{.on_failure = sluice::on_failure::keep}};
  while (auto peer = listener->accept()) connections.spawn(echo, std::move(*peer));
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
