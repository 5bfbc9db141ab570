// SPDX-License-Identifier: MIT
// http_server --root DIR [--port N] [--idle SECONDS] [--limit SECONDS]: static files over HTTP.
//
// How it ends: SIGTERM or SIGINT asks every task to end. A connection that waits for its next request is closed at once.
// A request in hand is answered to its last byte, because that part runs under a shield; so that it cannot keep the
// server for ever, it has a deadline. The connection is closed when the client has the answer, or has taken nothing of it for a second.

#include "support/http_connection.hpp"
#include "support/site_options.hpp"
#include <sluice/sluice.hpp>

#include <cstdint>
#include <cstdio>
#include <functional>
#include <utility>

namespace {

namespace ip = sluice::ip;
namespace op = sluice::op;

// Beast's parser and the buffers of a download want more than the usual stack. Memory that is never touched costs nothing.
struct app : sluice::config<sluice::stack::guarded<{.bytes = 192 * 1024}>> {};
using coro = sluice::coro_of<app>;
using owned_file = support::owned_file<coro>;

void converse(const coro::tcp_stream& peer, const support::site& from) { support::http_connection<coro>{from, peer.handle()}.serve(); }

auto serve(support::site from, const char* root, std::uint16_t port) -> sluice::result<void> {
  const auto opened = coro::io(op::open_at{.path = root, .flags = sluice::open_flags::path_only | sluice::open_flags::directory});
  if (!opened) return std::unexpected{opened.error()};
  const owned_file folder{*opened};
  from.root = sluice::directory_handle{folder.get().native()};

  auto listener = coro::tcp_listener::bind({ip::loopback, port});
  if (!listener) return std::unexpected{listener.error()};
  const auto where = listener->local();
  if (!where) return std::unexpected{where.error()};
  std::printf("listening on %s\n", where->text().c_str());
  std::fflush(stdout);

  coro::scope connections{{.on_failure = sluice::on_failure::keep}};
  while (auto peer = listener->accept()) connections.spawn(converse, std::move(*peer), std::cref(from));
  // From here on nobody can connect, and answers say that they are the last. The end of the scope waits for those in hand.
  from.ending = true;
  return listener->close();
}

}  // namespace

int main(int argc, char** argv) {
  const auto options = support::site_options::read(argc, argv);
  if (!options) {
    std::fprintf(stderr, "usage: http_server --root DIR [--port N] [--idle SECONDS] [--limit SECONDS]\n");
    return 2;
  }
  return coro::main([&] { return serve(options->site, options->root, options->port); });
}
