// SPDX-License-Identifier: MIT
#pragma once
/// @file A ring as the raw io_uring programs use it: one issuer, deferred task work, registered descriptor.

#include <liburing.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include <sys/socket.h>

namespace bench {

/// An io_uring that submits and waits in one system call.
class ring {
 public:
  explicit ring(unsigned entries, unsigned completions) {
    io_uring_params p{};
    p.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL | IORING_SETUP_CLAMP | IORING_SETUP_CQSIZE;
    p.cq_entries = completions;
    check(io_uring_queue_init_params(entries, &ring_, &p), "io_uring_queue_init_params");
    check(io_uring_register_ring_fd(&ring_), "io_uring_register_ring_fd");
  }
  ring(const ring&) = delete;
  auto operator=(const ring&) -> ring& = delete;
  ~ring() { io_uring_queue_exit(&ring_); }

  /// A free submission entry; a full queue is flushed first.
  auto entry() noexcept -> io_uring_sqe* {
    auto* sqe = io_uring_get_sqe(&ring_);
    while (sqe == nullptr) [[unlikely]] {
      io_uring_submit_and_get_events(&ring_);
      sqe = io_uring_get_sqe(&ring_);
    }
    return sqe;
  }

  /// Queues the accept of one connection; its completion carries `whose`.
  void accept(int listener, void* whose) noexcept {
    auto* const sqe = entry();
    io_uring_prep_accept(sqe, listener, nullptr, nullptr, SOCK_CLOEXEC);
    io_uring_sqe_set_data(sqe, whose);
  }
  /// Queues the close of a descriptor; its completion carries null.
  void close(int descriptor) noexcept {
    auto* const sqe = entry();
    io_uring_prep_close(sqe, descriptor);
    io_uring_sqe_set_data(sqe, nullptr);
  }

  /// Submits what is queued, waits for `count` completions and hands every one that is there to `sink`.
  template <class Sink>
  void turn(unsigned count, Sink&& sink) {
    int submitted = io_uring_submit_and_wait(&ring_, count);
    if (submitted < 0 && submitted != -EINTR && submitted != -EAGAIN && submitted != -EBUSY) check(submitted, "submit");
    io_uring_cqe* cqe = nullptr;
    unsigned head = 0;
    unsigned seen = 0;
    io_uring_for_each_cqe(&ring_, head, cqe) {
      ++seen;
      sink(*cqe);
    }
    io_uring_cq_advance(&ring_, seen);
  }

  auto native() noexcept -> io_uring* { return &ring_; }

  /// Ends the program when a liburing call failed.
  static void check(int result, const char* what) {
    if (result >= 0) return;
    std::fprintf(stderr, "%s: %s\n", what, std::strerror(-result));
    std::exit(1);
  }

 private:
  io_uring ring_{};
};

}  // namespace bench
