// SPDX-License-Identifier: MIT
// redis_like [--port N]: keys and values in memory, for clients of Redis: GET, SET, INCR, EXPIRE and their kin, one command after the other
// or many at once. Port 0, the default, takes any free one.
//
// One thread serves all connections, so a command needs no lock: nothing else runs between two waits. Each connection is a task that reads
// what there is, does all commands in it, and sends their replies together.

#include "support/drain.hpp"
#include "support/key_session.hpp"
#include "support/key_store.hpp"
#include "support/limits.hpp"
#include "support/number.hpp"
#include <sluice/sluice.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <string_view>
#include <utility>

namespace {

namespace ip = sluice::ip;

struct app : sluice::config<> {};  // every default
using coro = sluice::coro_of<app>;

void converse(coro::tcp_stream peer, support::key_server& server) {
  support::key_session session{server};
  for (bool more = true; more;) {
    const auto room = session.room();
    if (room.empty()) return;
    const auto received = peer.read_some(room);
    if (!received || *received == 0) return;
    session.add(*received);
    do {
      more = session.work();
      if (!session.replies().empty() && !peer.write_all(session.replies())) return;
    } while (more && session.has_more());
  }
  support::drain<coro>(peer, std::chrono::seconds{1});  // the last reply is for the client, whatever else it sends
}

auto serve(std::uint16_t port) -> sluice::result<void> {
  auto listener = coro::tcp_listener::bind({ip::loopback, port});
  if (!listener) return std::unexpected{listener.error()};
  const auto where = listener->local();
  if (!where) return std::unexpected{where.error()};
  std::printf("listening on %s\n", where->text().c_str());
  std::fflush(stdout);

  support::key_server server;
  coro::scope tasks{{.on_failure = sluice::on_failure::keep}};
  tasks.spawn([&server] {
    while (coro::sleep(std::chrono::milliseconds{100})) server.store().sweep(support::milliseconds_now());
  });
  while (auto peer = listener->accept()) tasks.spawn(converse, std::move(*peer), std::ref(server));
  return {};
}

}  // namespace

int main(int argc, char** argv) {
  const bool given = argc == 3 && std::string_view{argv[1]} == "--port";
  const auto port = support::number<std::uint16_t>(given ? argv[2] : "0");
  if ((argc != 1 && !given) || !port) {
    std::fprintf(stderr, "usage: redis_like [--port N]\n");
    return 2;
  }
  support::raise_descriptor_limit();
  return coro::main([&] { return serve(*port); });
}
