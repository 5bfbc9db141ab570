// SPDX-License-Identifier: MIT
/// @file The key server of the examples on a raw ring: each connection receives, does what it was asked, sends the replies.

#include <bench/support/arguments.hpp>
#include <bench/support/net.hpp>
#include <bench/support/uring.hpp>

#include <cstddef>

#include <examples/support/key_session.hpp>
#include <examples/support/key_store.hpp>

namespace {

struct connection {
  int socket;
  bool sending = false;
  bool more = true;
  std::size_t sent = 0;
  support::key_session session;

  connection(int accepted, support::key_server& server) : socket{accepted}, session{server} {}
};

class server {
 public:
  explicit server(int listener) : listener_{listener} {}

  [[noreturn]] void run() {
    accept();
    for (;;) {
      ring_.turn(1, [this](const io_uring_cqe& done) { take(done); });
    }
  }

 private:
  void accept() { ring_.accept(listener_, this); }

  void receive(connection& peer) {
    const auto room = peer.session.room();
    if (room.empty()) return close(&peer);
    peer.sending = false;
    auto* entry = ring_.entry();
    io_uring_prep_recv(entry, peer.socket, room.data(), room.size(), 0);
    io_uring_sqe_set_data(entry, &peer);
  }

  void send(connection& peer) {
    const auto rest = peer.session.replies().substr(peer.sent);
    peer.sending = true;
    auto* entry = ring_.entry();
    io_uring_prep_send(entry, peer.socket, rest.data(), rest.size(), MSG_NOSIGNAL);
    io_uring_sqe_set_data(entry, &peer);
  }

  void work(connection& peer) {
    peer.more = peer.session.work();
    peer.sent = 0;
    if (!peer.session.replies().empty()) return send(peer);
    go_on(peer);
  }

  void go_on(connection& peer) {
    if (!peer.more) return close(&peer);
    if (peer.session.has_more()) return work(peer);
    receive(peer);
  }

  void close(connection* peer) {
    ring_.close(peer->socket);
    delete peer;
  }

  void take(const io_uring_cqe& done) {
    auto* data = io_uring_cqe_get_data(&done);
    if (data == nullptr) return;  // a close
    if (data == this) {
      if (done.res >= 0) {
        bench::no_delay(done.res);
        receive(*new connection{done.res, server_});
      }
      accept();
      return;
    }
    auto* peer = static_cast<connection*>(data);
    if (done.res <= 0) return close(peer);
    if (!peer->sending) {
      peer->session.add(static_cast<std::size_t>(done.res));
      return work(*peer);
    }
    peer->sent += static_cast<std::size_t>(done.res);
    if (peer->sent < peer->session.replies().size()) return send(*peer);
    go_on(*peer);
  }

  bench::ring ring_{512, 4096};
  support::key_server server_;
  int listener_;
};

}  // namespace

int main(int argc, char** argv) {
  bench::arguments given{argc, argv, {"--port"}};
  server{bench::start_server(given.number("--port", 0))}.run();
}
