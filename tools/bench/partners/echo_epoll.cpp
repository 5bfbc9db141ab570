// SPDX-License-Identifier: MIT
/// @file TCP echo on raw epoll: sockets registered once, level triggered, answered as soon as they are read.

#include <bench/support/arguments.hpp>
#include <bench/support/net.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <vector>

#include <sys/epoll.h>

namespace {

struct connection {
  int socket;
  std::vector<std::byte> unsent;  ///< only when the peer does not take all at once
};

class server {
 public:
  explicit server(int listener) : listener_{listener} { watch(listener, nullptr, EPOLL_CTL_ADD, EPOLLIN); }

  [[noreturn]] void run() {
    std::array<epoll_event, 512> ready;
    for (;;) {
      int count = epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), -1);
      for (int i = 0; i < count; ++i) {
        auto* peer = static_cast<connection*>(ready[static_cast<std::size_t>(i)].data.ptr);
        if (peer == nullptr) {
          accept();
        } else if (!(peer->unsent.empty() ? echo(*peer) : flush(*peer))) {
          ::close(peer->socket);
          delete peer;
        }
      }
    }
  }

 private:
  void watch(int socket, connection* peer, int how, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.ptr = peer;
    bench::must(epoll_ctl(epoll_, how, socket, &event), "epoll_ctl");
  }

  void accept() {
    for (int i = 0; i < 64; ++i) {
      int socket = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (socket < 0) return;
      bench::no_delay(socket);
      watch(socket, new connection{.socket = socket, .unsent = {}}, EPOLL_CTL_ADD, EPOLLIN);
    }
  }

  /// One read and its answer; false when the connection has ended.
  auto echo(connection& peer) -> bool {
    auto received = ::recv(peer.socket, buffer_.data(), buffer_.size(), 0);
    if (received <= 0) return received < 0 && errno == EAGAIN;
    auto sent = ::send(peer.socket, buffer_.data(), static_cast<std::size_t>(received), MSG_NOSIGNAL);
    if (sent == received) return true;
    if (sent < 0 && errno != EAGAIN) return false;
    peer.unsent.assign(buffer_.data() + (sent < 0 ? 0 : sent), buffer_.data() + received);
    watch(peer.socket, &peer, EPOLL_CTL_MOD, EPOLLOUT);
    return true;
  }

  /// Sends what could not be sent before, and reads again only when all of it is gone.
  auto flush(connection& peer) -> bool {
    auto sent = ::send(peer.socket, peer.unsent.data(), peer.unsent.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN;
    peer.unsent.erase(peer.unsent.begin(), peer.unsent.begin() + sent);
    if (peer.unsent.empty()) watch(peer.socket, &peer, EPOLL_CTL_MOD, EPOLLIN);
    return true;
  }

  int epoll_ = bench::must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  int listener_;
  std::array<std::byte, bench::buffer_bytes> buffer_;
};

}  // namespace

int main(int argc, char** argv) {
  bench::arguments given{argc, argv, {"--port"}};
  server{bench::start_server(given.number("--port", 0), SOCK_NONBLOCK)}.run();
}
