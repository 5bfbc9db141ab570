// SPDX-License-Identifier: MIT
/// @file TCP echo on a raw ring with multishot accept, multishot receive and a ring of provided buffers, out of which it sends.

#include <bench/support/arguments.hpp>
#include <bench/support/net.hpp>
#include <bench/support/uring.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <sys/mman.h>

namespace {

/// The kernel takes a buffer from here for each receive; it comes back when its bytes are sent.
class buffer_ring {
 public:
  static constexpr unsigned count = 2048;
  static constexpr std::uint16_t group = 1;

  explicit buffer_ring(io_uring* ring) : bytes_(std::size_t{count} * bench::buffer_bytes) {
    auto* memory = mmap(nullptr, count * sizeof(io_uring_buf), PROT_READ | PROT_WRITE, MAP_ANONYMOUS | MAP_PRIVATE, -1, 0);
    if (memory == MAP_FAILED) bench::give_up("mmap");
    entries_ = static_cast<io_uring_buf_ring*>(memory);
    io_uring_buf_ring_init(entries_);
    io_uring_buf_reg registration{};
    registration.ring_addr = reinterpret_cast<std::uintptr_t>(entries_);
    registration.ring_entries = count;
    registration.bgid = group;
    bench::ring::check(io_uring_register_buf_ring(ring, &registration, 0), "io_uring_register_buf_ring");
    for (unsigned id = 0; id < count; ++id) give_back(static_cast<std::uint16_t>(id));
    publish();
  }

  auto operator[](std::uint16_t id) noexcept -> std::byte* { return bytes_.data() + std::size_t{id} * bench::buffer_bytes; }

  void give_back(std::uint16_t id) noexcept {
    io_uring_buf_ring_add(entries_, (*this)[id], bench::buffer_bytes, id, io_uring_buf_ring_mask(count), unpublished_++);
  }

  /// Shows the kernel what came back since the last time; false when that was nothing.
  auto publish() noexcept -> bool {
    if (unpublished_ == 0) return false;
    io_uring_buf_ring_advance(entries_, unpublished_);
    unpublished_ = 0;
    return true;
  }

 private:
  io_uring_buf_ring* entries_ = nullptr;
  std::vector<std::byte> bytes_;
  int unpublished_ = 0;
};

/// What a buffer holds while it waits for its turn to be sent on its connection.
struct piece {
  unsigned length = 0;
  unsigned sent = 0;
  int next = -1;
};

struct connection {
  int socket;
  int first = -1;  ///< buffer that is being sent
  int last = -1;   ///< newest buffer that waits
  bool armed = false;
  bool ended = false;

  explicit connection(int accepted) : socket{accepted} {}
};

/// The low bits of `user_data` tell what was asked for.
enum what : std::uintptr_t { accepting = 0, receiving = 1, sending = 2, closing = 3 };

class server {
 public:
  explicit server(int listener) : listener_{listener} {}

  [[noreturn]] void run() {
    accept();
    for (;;) {
      ring_.turn(1, [this](const io_uring_cqe& done) { take(done); });
      if (!buffers_.publish()) continue;
      auto starved = std::move(starved_);
      starved_.clear();
      for (auto* peer : starved) receive(*peer);
    }
  }

 private:
  static auto tag(connection* peer, what asked) -> std::uint64_t { return reinterpret_cast<std::uintptr_t>(peer) | asked; }

  void accept() {
    auto* entry = ring_.entry();
    io_uring_prep_multishot_accept(entry, listener_, nullptr, nullptr, SOCK_CLOEXEC);
    io_uring_sqe_set_data64(entry, tag(nullptr, accepting));
  }

  void receive(connection& peer) {
    auto* entry = ring_.entry();
    io_uring_prep_recv_multishot(entry, peer.socket, nullptr, 0, 0);
    entry->flags |= IOSQE_BUFFER_SELECT;
    entry->buf_group = buffer_ring::group;
    io_uring_sqe_set_data64(entry, tag(&peer, receiving));
    peer.armed = true;
  }

  void send_first(connection& peer) {
    auto id = static_cast<std::uint16_t>(peer.first);
    const auto& part = pieces_[id];
    auto* entry = ring_.entry();
    io_uring_prep_send(entry, peer.socket, buffers_[id] + part.sent, part.length - part.sent, 0);
    io_uring_sqe_set_data64(entry, tag(&peer, sending));
  }

  void close_when_idle(connection* peer) {
    if (peer->armed || peer->first >= 0) return;
    auto* entry = ring_.entry();
    io_uring_prep_close(entry, peer->socket);
    io_uring_sqe_set_data64(entry, tag(nullptr, closing));
    delete peer;
  }

  void accepted(const io_uring_cqe& done) {
    if (done.res >= 0) {
      bench::no_delay(done.res);
      receive(*new connection{done.res});
    }
    if ((done.flags & IORING_CQE_F_MORE) == 0) accept();
  }

  void received(connection& peer, const io_uring_cqe& done) {
    peer.armed = (done.flags & IORING_CQE_F_MORE) != 0;
    if (done.res == -ENOBUFS) {
      starved_.push_back(&peer);
      peer.armed = true;
      return;
    }
    if (done.res <= 0) {
      if ((done.flags & IORING_CQE_F_BUFFER) != 0) buffers_.give_back(static_cast<std::uint16_t>(done.flags >> IORING_CQE_BUFFER_SHIFT));
      peer.ended = true;
      return close_when_idle(&peer);
    }
    auto id = static_cast<int>(done.flags >> IORING_CQE_BUFFER_SHIFT);
    pieces_[static_cast<std::size_t>(id)] = {.length = static_cast<unsigned>(done.res), .sent = 0, .next = -1};
    if (peer.first < 0) {
      peer.first = peer.last = id;
      send_first(peer);
    } else {
      pieces_[static_cast<std::size_t>(peer.last)].next = id;
      peer.last = id;
    }
    if (!peer.armed) receive(peer);
  }

  void sent(connection& peer, int result) {
    auto& part = pieces_[static_cast<std::size_t>(peer.first)];
    if (result > 0) {
      part.sent += static_cast<unsigned>(result);
      if (part.sent < part.length) return send_first(peer);
    }
    buffers_.give_back(static_cast<std::uint16_t>(peer.first));
    peer.first = part.next;
    if (result <= 0) {
      for (; peer.first >= 0; peer.first = pieces_[static_cast<std::size_t>(peer.first)].next) {
        buffers_.give_back(static_cast<std::uint16_t>(peer.first));
      }
    }
    if (peer.first >= 0) return send_first(peer);
    if (peer.ended) close_when_idle(&peer);
  }

  void take(const io_uring_cqe& done) {
    auto* peer = reinterpret_cast<connection*>(done.user_data & ~std::uintptr_t{3});
    switch (static_cast<what>(done.user_data & 3)) {
      case accepting: return accepted(done);
      case receiving: return received(*peer, done);
      case sending: return sent(*peer, done.res);
      case closing: return;
    }
  }

  bench::ring ring_{512, 4096};
  buffer_ring buffers_{ring_.native()};
  std::array<piece, buffer_ring::count> pieces_{};
  std::vector<connection*> starved_;
  int listener_;
};

}  // namespace

int main(int argc, char** argv) {
  bench::arguments given{argc, argv, {"--port"}};
  server{bench::start_server(given.number("--port", 0))}.run();
}
