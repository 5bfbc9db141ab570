// SPDX-License-Identifier: MIT
// multicore_http --root DIR [--port N] [--threads N] [--idle SECONDS] [--limit SECONDS]: static files over HTTP, by one scheduler on each
// of several threads that share nothing but the port: each has a listener of its own, and the system spreads the connections over them.
//
// How it ends: the first core takes SIGTERM and SIGINT, and asks all to end. Each then does what http_server does.

#include "support/http_connection.hpp"
#include "support/site_options.hpp"
#include <sluice/sluice.hpp>

#include <atomic>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string>
#include <system_error>
#include <utility>

namespace {

namespace ip = sluice::ip;
namespace op = sluice::op;

struct app : sluice::config<sluice::stack::guarded<{.bytes = 192 * 1024}>> {};
using coro = sluice::coro_of<app>;
using core = coro::runtime::core;

void converse(const coro::tcp_stream& peer, const support::site& from) { support::http_connection<coro>{from, peer.handle()}.serve(); }

// All listen on one port, which a socket that nobody is sent to finds and holds. It is closed with the program.
auto hold_port(std::uint16_t port) -> sluice::result<ip::endpoint> {
  const auto holder = coro::io(op::socket{});
  if (!holder) return std::unexpected{holder.error()};
  for (const auto option : {sluice::socket_option::reuse_address, sluice::socket_option::reuse_port})
    if (const auto set = coro::io(op::setsockopt{.socket = *holder, .option = option}); !set) return std::unexpected{set.error()};
  if (const auto bound = coro::io(op::bind{.socket = *holder, .address = ip::endpoint{ip::loopback, port}}); !bound)
    return std::unexpected{bound.error()};
  const auto where = coro::io(op::getsockname{.socket = *holder});
  if (!where) return std::unexpected{where.error()};
  return where->as_ip().value_or(ip::endpoint{});
}

// What one core does. It has everything of its own: listener, root folder, connections.
auto serve(support::site from, const char* root, ip::endpoint where, const auto& tell) -> sluice::result<void> {
  const auto opened = coro::io(op::open_at{.path = root, .flags = sluice::open_flags::path_only | sluice::open_flags::directory});
  if (!opened) return std::unexpected{opened.error()};
  const support::owned_file<coro> folder{*opened};
  from.root = sluice::directory_handle{opened->native()};
  auto listener = coro::tcp_listener::bind(where, {.reuse_port = true});
  if (!listener) return std::unexpected{listener.error()};
  tell();

  coro::scope connections{{.on_failure = sluice::on_failure::keep}};
  while (auto peer = listener->accept()) connections.spawn(converse, std::move(*peer), std::cref(from));
  from.ending = true;
  return listener->close();
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = support::site_options::read(argc, argv);
  if (!options) {
    std::fprintf(stderr, "usage: multicore_http --root DIR [--port N] [--threads N] [--idle SECONDS] [--limit SECONDS]\n");
    return 2;
  }
  const auto fail = [](const std::error_code& why) {
    std::fprintf(stderr, "multicore_http: %s\n", why.message().c_str());
    return 1;
  };
  // Before there is any other thread, so that all inherit that these signals are taken by nobody but who waits for them.
  const auto signals = coro::io(op::open_signals{.signals = {SIGINT, SIGTERM}});
  if (!signals) return fail(signals.error());
  const auto endpoint = hold_port(options->port);
  if (!endpoint) return fail(endpoint.error());

  // Whoever is told where it listens finds all that listen there.
  std::atomic<std::size_t> listening{0};
  const auto told = [&](const core& mine) {
    if (listening.fetch_add(1) + 1 != mine.count()) return;
    std::printf("listening on %s\n", endpoint->text().c_str());
    std::fflush(stdout);
  };
  const auto outcome = coro::runtime::run({.threads = options->threads, .pin = true}, [&](core& mine) -> sluice::result<void> {
    coro::scope all;
    if (mine.index() == 0) {
      all.spawn([&] {
        if (coro::io(op::wait_signal{.file = *signals})) mine.cancel_all();
      });
    }
    auto served = serve(options->site, options->root, *endpoint, [&] { told(mine); });
    all.cancel();  // one that cannot serve does not wait for a signal
    return served;
  });
  return outcome ? 0 : fail(outcome.error());
}
