// SPDX-License-Identifier: MIT
/// @file TCP echo on a raw ring with one-shot operations: each connection receives, sends all of it, receives again.

#include <bench/support/arguments.hpp>
#include <bench/support/net.hpp>
#include <bench/support/uring.hpp>

#include <array>
#include <cstddef>

namespace {

struct connection {
  int socket;
  bool sending = false;
  unsigned length = 0;
  unsigned sent = 0;
  std::array<std::byte, bench::buffer_bytes> buffer;

  explicit connection(int accepted) : socket{accepted} {}
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
    peer.sending = false;
    auto* entry = ring_.entry();
    io_uring_prep_recv(entry, peer.socket, peer.buffer.data(), peer.buffer.size(), 0);
    io_uring_sqe_set_data(entry, &peer);
  }

  void send(connection& peer) {
    peer.sending = true;
    auto* entry = ring_.entry();
    io_uring_prep_send(entry, peer.socket, peer.buffer.data() + peer.sent, peer.length - peer.sent, 0);
    io_uring_sqe_set_data(entry, &peer);
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
        receive(*new connection{done.res});
      }
      accept();
      return;
    }
    auto* peer = static_cast<connection*>(data);
    if (done.res <= 0) return close(peer);
    auto bytes = static_cast<unsigned>(done.res);
    if (!peer->sending) {
      peer->length = bytes;
      peer->sent = 0;
      return send(*peer);
    }
    peer->sent += bytes;
    if (peer->sent < peer->length) return send(*peer);
    receive(*peer);
  }

  bench::ring ring_{512, 4096};
  int listener_;
};

}  // namespace

int main(int argc, char** argv) {
  bench::arguments given{argc, argv, {"--port"}};
  server{bench::start_server(given.number("--port", 0))}.run();
}
