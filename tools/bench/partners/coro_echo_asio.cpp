// SPDX-License-Identifier: MIT
/// @file The echo example on Boost.Asio: one server and one client coroutine, five messages in one burst, echoed.

// Boost 1.74 uses std::exchange without including it.
// clang-format off
#include <utility>
// clang-format on

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <cstddef>
#include <cstdio>
#include <exception>
#include <stdexcept>
#include <string_view>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

constexpr std::string_view burst = "one\ntwo\nthree\nfour\nfive\n";
constexpr std::size_t messages = 5;

// Accepts one client and echoes until that has sent its last byte.
auto serve(tcp::acceptor listener) -> asio::awaitable<void> {
  auto peer = co_await listener.async_accept(asio::use_awaitable);
  listener.close();
  std::array<std::byte, 1024> buffer;
  boost::system::error_code error;
  for (;;) {
    auto received = co_await peer.async_read_some(asio::buffer(buffer), asio::redirect_error(asio::use_awaitable, error));
    if (error == asio::error::eof) co_return;
    if (error) throw boost::system::system_error{error};
    co_await asio::async_write(peer, asio::buffer(buffer.data(), received), asio::use_awaitable);
  }
}

// Sends the burst, waits for as many bytes and compares.
auto converse(tcp::endpoint where) -> asio::awaitable<void> {
  tcp::socket socket{co_await asio::this_coro::executor};
  co_await socket.async_connect(where, asio::use_awaitable);
  co_await asio::async_write(socket, asio::buffer(burst), asio::use_awaitable);
  socket.shutdown(tcp::socket::shutdown_send);
  std::array<char, burst.size()> echo;
  co_await asio::async_read(socket, asio::buffer(echo), asio::use_awaitable);
  if (std::string_view{echo.data(), echo.size()} != burst) throw std::runtime_error{"the echo differs from what was sent"};
}

void rethrow(std::exception_ptr failure) {
  if (failure) std::rethrow_exception(failure);
}

}  // namespace

int main() try {
  asio::io_context context{1};
  tcp::acceptor listener{context, tcp::endpoint{asio::ip::address_v4::loopback(), 0}};
  auto where = listener.local_endpoint();
  asio::co_spawn(context, serve(std::move(listener)), rethrow);
  asio::co_spawn(context, converse(where), rethrow);
  context.run();
  std::printf("%zu messages came back unchanged\n", messages);
} catch (const std::exception& failure) {
  std::fprintf(stderr, "coro_echo: %s\n", failure.what());
  return 1;
}
