// SPDX-License-Identifier: MIT
/// @file TCP echo on Boost.Asio with what it offers for speed: the concrete executor, no locks, no composed write.

#include <bench/support/arguments.hpp>
#include <bench/support/net.hpp>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/basic_socket_acceptor.hpp>
#include <boost/asio/basic_stream_socket.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/use_awaitable.hpp>

#include <array>
#include <cstddef>
#include <utility>

namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using executor = asio::io_context::executor_type;
using socket = asio::basic_stream_socket<tcp, executor>;
using listener = asio::basic_socket_acceptor<tcp, executor>;
template <class T>
using awaitable = asio::awaitable<T, executor>;
constexpr asio::use_awaitable_t<executor> use_awaitable;

auto echo(socket peer) -> awaitable<void> {
  std::array<std::byte, bench::buffer_bytes> buffer;
  boost::system::error_code error;
  auto wait = asio::redirect_error(use_awaitable, error);
  for (;;) {
    auto received = co_await peer.async_read_some(asio::buffer(buffer), wait);
    if (error) co_return;
    for (std::size_t sent = 0; sent < received;) {
      sent += co_await peer.async_write_some(asio::buffer(buffer.data() + sent, received - sent), wait);
      if (error) co_return;
    }
  }
}

auto serve(listener acceptor) -> awaitable<void> {
  for (;;) {
    boost::system::error_code error;
    auto peer = co_await acceptor.async_accept(asio::redirect_error(use_awaitable, error));
    if (error) continue;
    peer.set_option(tcp::no_delay{true}, error);
    asio::co_spawn(acceptor.get_executor(), echo(std::move(peer)), asio::detached);
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::arguments given{argc, argv, {"--port"}};
  asio::io_context context{BOOST_ASIO_CONCURRENCY_HINT_UNSAFE};
  listener acceptor{context, tcp::v4(), bench::start_server(given.number("--port", 0))};
  asio::co_spawn(context.get_executor(), serve(std::move(acceptor)), asio::detached);
  context.run();
}
