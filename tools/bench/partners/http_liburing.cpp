// SPDX-License-Identifier: MIT
/// @file Files over HTTP on a raw ring, for requests of files that fit a buffer: receive, open beneath the root, read, send, close. What a
/// request asks for, and the text of the answer, are made by the code that the example servers use.

#include <bench/support/arguments.hpp>
#include <bench/support/net.hpp>
#include <bench/support/uring.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <system_error>

#include <examples/support/http.hpp>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

struct connection {
  enum class step : std::uint8_t { receives, opens, reads, sends };

  int socket;
  int file = -1;
  step now = step::receives;
  bool keep = true;
  std::size_t used = 0;
  std::size_t filled = 0;
  std::size_t sent = 0;
  std::string path;
  std::string head;
  std::array<std::byte, 8 * 1024> input{};
  std::array<std::byte, 64 * 1024> output{};

  explicit connection(int accepted) : socket{accepted} {}
};

class server {
 public:
  server(int listener, int root) : listener_{listener}, root_{root} {}

  [[noreturn]] void run() {
    accept();
    for (;;) {
      ring_.turn(1, [this](const io_uring_cqe& done) { take(done); });
    }
  }

 private:
  using step = connection::step;

  void accept() { ring_.accept(listener_, this); }
  void receive(connection& peer) {
    peer.now = step::receives;
    auto* entry = ring_.entry();
    io_uring_prep_recv(entry, peer.socket, peer.input.data() + peer.used, peer.input.size() - peer.used, 0);
    io_uring_sqe_set_data(entry, &peer);
  }
  void open(connection& peer) {
    static ::open_how how{.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .mode = 0, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    peer.now = step::opens;
    auto* entry = ring_.entry();
    io_uring_prep_openat2(entry, root_, peer.path.c_str(), &how);
    io_uring_sqe_set_data(entry, &peer);
  }
  void read(connection& peer, std::size_t bytes) {
    peer.now = step::reads;
    auto* entry = ring_.entry();
    io_uring_prep_read(entry, peer.file, peer.output.data() + peer.head.size(), static_cast<unsigned>(bytes), 0);
    io_uring_sqe_set_data(entry, &peer);
  }
  void send(connection& peer) {
    peer.now = step::sends;
    auto* entry = ring_.entry();
    io_uring_prep_send(entry, peer.socket, peer.output.data() + peer.sent, peer.filled - peer.sent, MSG_NOSIGNAL);
    io_uring_sqe_set_data(entry, &peer);
  }
  void close(int descriptor) { ring_.close(descriptor); }
  void end(connection* peer) {
    close(peer->socket);
    delete peer;
  }

  // What was received: a whole head, or a part of one.
  void parse(connection& peer) {
    support::request_head request;
    const auto [consumed, status] = request.put(std::span{peer.input}.first(peer.used));
    std::memmove(peer.input.data(), peer.input.data() + consumed, peer.used - consumed);
    peer.used -= consumed;
    const auto path = status == 0 && request.complete() ? support::local_path(request.target()) : std::nullopt;
    // Answers to anything else are not what is measured.
    if (!path || !request.is_get() || request.has_body()) return end(&peer);
    peer.keep = request.keep_alive();
    peer.path = *path;
    open(peer);
  }

  void begin(connection& peer) {
    struct ::stat about{};
    const bool fits = ::fstat(peer.file, &about) == 0 && S_ISREG(about.st_mode) && about.st_size > 0 && about.st_size < 60 * 1024;
    if (!fits) {
      close(peer.file);
      return end(&peer);
    }
    peer.head.clear();
    support::begin(peer.head, 200, peer.keep, static_cast<std::uint64_t>(about.st_size));
    peer.head.append("Content-Type: ").append(support::content_type(peer.path)).append("\r\nAccept-Ranges: bytes\r\n\r\n");
    std::memcpy(peer.output.data(), peer.head.data(), peer.head.size());
    read(peer, static_cast<std::size_t>(about.st_size));
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
    if (done.res <= 0 && peer->now != step::opens) {
      if (peer->now == step::reads) close(peer->file);
      return end(peer);
    }
    const auto bytes = static_cast<std::size_t>(done.res);
    switch (peer->now) {
      case step::receives: peer->used += bytes; return parse(*peer);
      case step::opens:
        if (done.res < 0) return end(peer);
        peer->file = done.res;
        return begin(*peer);
      case step::reads:
        close(peer->file);
        peer->filled = peer->head.size() + bytes;
        peer->sent = 0;
        return send(*peer);
      case step::sends:
        peer->sent += bytes;
        if (peer->sent < peer->filled) return send(*peer);
        return peer->keep ? receive(*peer) : end(peer);
    }
  }

  bench::ring ring_{512, 4096};
  int listener_;
  int root_;
};

}  // namespace

int main(int argc, char** argv) {
  bench::arguments given{argc, argv, {"--port", "--root"}};
  const int root = ::open(std::string{given.text("--root", ".")}.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC);
  if (root < 0) bench::give_up("open");
  server{bench::start_server(given.number("--port", 0)), root}.run();
}
