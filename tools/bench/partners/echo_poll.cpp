// SPDX-License-Identifier: MIT
/// @file TCP echo on raw poll(2): one array of descriptors, answered as soon as they are read.

#include <bench/support/arguments.hpp>
#include <bench/support/net.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <vector>

#include <poll.h>

namespace {

class server {
 public:
  explicit server(int listener) { add(listener, POLLIN); }

  [[noreturn]] void run() {
    for (;;) {
      int left = ::poll(watched_.data(), watched_.size(), -1);
      if (watched_[0].revents != 0) {
        --left;
        accept();
      }
      for (std::size_t at = 1; at < watched_.size() && left > 0; ++at) {
        if (watched_[at].revents == 0) continue;
        --left;
        if (!(unsent_[at].empty() ? echo(at) : flush(at))) remove(at--);
      }
    }
  }

 private:
  void add(int socket, short events) {
    watched_.push_back({.fd = socket, .events = events, .revents = 0});
    unsent_.emplace_back();
  }

  /// The last one takes its place, with what was seen of it.
  void remove(std::size_t at) {
    ::close(watched_[at].fd);
    watched_[at] = watched_.back();
    unsent_[at] = std::move(unsent_.back());
    watched_.pop_back();
    unsent_.pop_back();
  }

  void accept() {
    for (int i = 0; i < 64; ++i) {
      int socket = accept4(watched_[0].fd, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
      if (socket < 0) return;
      bench::no_delay(socket);
      add(socket, POLLIN);
    }
  }

  /// One read and its answer; false when the connection has ended.
  auto echo(std::size_t at) -> bool {
    int socket = watched_[at].fd;
    auto received = ::recv(socket, buffer_.data(), buffer_.size(), 0);
    if (received <= 0) return received < 0 && errno == EAGAIN;
    auto sent = ::send(socket, buffer_.data(), static_cast<std::size_t>(received), MSG_NOSIGNAL);
    if (sent == received) return true;
    if (sent < 0 && errno != EAGAIN) return false;
    unsent_[at].assign(buffer_.data() + (sent < 0 ? 0 : sent), buffer_.data() + received);
    watched_[at].events = POLLOUT;
    return true;
  }

  /// Sends what could not be sent before, and reads again only when all of it is gone.
  auto flush(std::size_t at) -> bool {
    auto& rest = unsent_[at];
    auto sent = ::send(watched_[at].fd, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent < 0) return errno == EAGAIN;
    rest.erase(rest.begin(), rest.begin() + sent);
    if (rest.empty()) watched_[at].events = POLLIN;
    return true;
  }

  std::vector<pollfd> watched_;                 // the listener first
  std::vector<std::vector<std::byte>> unsent_;  // of each, only when its peer does not take all at once
  std::array<std::byte, bench::buffer_bytes> buffer_;
};

}  // namespace

int main(int argc, char** argv) {
  bench::arguments given{argc, argv, {"--port"}};
  server{bench::start_server(given.number("--port", 0), SOCK_NONBLOCK)}.run();
}
