// SPDX-License-Identifier: MIT
/// @file TCP echo on Boost.Asio as its tutorials write it: coroutines, the type-erased executor, the composed write.

#include <bench/support/arguments.hpp>
#include <bench/support/net.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <array>
#include <cstddef>
#include <utility>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;

auto echo(tcp::socket peer) -> asio::awaitable<void> {
  std::array<std::byte, bench::buffer_bytes> buffer;
  boost::system::error_code error;
  auto wait = asio::redirect_error(asio::use_awaitable, error);
  for (;;) {
    auto received = co_await peer.async_read_some(asio::buffer(buffer), wait);
    if (error) co_return;
    co_await asio::async_write(peer, asio::buffer(buffer.data(), received), wait);
    if (error) co_return;
  }
}

auto serve(tcp::acceptor acceptor) -> asio::awaitable<void> {
  for (;;) {
    boost::system::error_code error;
    auto peer = co_await acceptor.async_accept(asio::redirect_error(asio::use_awaitable, error));
    if (error) continue;
    peer.set_option(tcp::no_delay{true}, error);
    asio::co_spawn(acceptor.get_executor(), echo(std::move(peer)), asio::detached);
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::arguments given{argc, argv, {"--port"}};
  asio::io_context context{1};
  tcp::acceptor acceptor{context, tcp::v4(), bench::start_server(given.number("--port", 0))};
  asio::co_spawn(context, serve(std::move(acceptor)), asio::detached);
  context.run();
}
