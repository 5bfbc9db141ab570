// SPDX-License-Identifier: MIT
// A kernel that does not go on by itself, or takes no buffers, or neither: the results are the same, by one entry each.
#include <laws/backend_acceptors.hpp>
#include <laws/backend_buffers.hpp>
#include <laws/backend_streams.hpp>
#include <sluice/backend/io_uring.hpp>
#include <sluice/native.hpp>

#include <boost/test/unit_test.hpp>
#include <liburing.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <tuple>

namespace {

using laws::backend::facts;
using sluice::trace::counters;

/// Takes no groups of buffers (`Buffers` false), and no entry that asks for many results (`Many` false).
template <bool Buffers, bool Many>
struct older_os : sluice::os::linux_ {
  using real = sluice::os::linux_;
  static inline unsigned refused = 0;
  static inline ::io_uring_sq queues[16] = {};

  static auto uring_register(unsigned descriptor, unsigned what, const void* argument, unsigned count) noexcept -> int {
    if (!Buffers && what == sluice::detail::uring::register_buffers_code) {
      ++refused;
      return -EINVAL;
    }
    return real::uring_register(descriptor, what, argument, count);
  }
  static auto uring_queue_init(unsigned entries, ::io_uring* ring, ::io_uring_params* params) noexcept -> int {
    const int outcome = real::uring_queue_init(entries, ring, params);
    for (auto& queue : queues)
      if (outcome == 0 && queue.khead == nullptr) {
        queue = ring->sq;
        break;
      }
    return outcome;
  }
  static void uring_queue_exit(::io_uring* ring) noexcept {
    for (auto& queue : queues)
      if (queue.khead == ring->sq.khead) queue.khead = nullptr;
    real::uring_queue_exit(ring);
  }
  static auto uring_enter(unsigned descriptor, unsigned submit, unsigned wait, unsigned flags, void* argument, std::size_t bytes) noexcept
      -> int {
    for (const auto& queue : queues) {
      if (Many || queue.khead == nullptr) continue;
      for (unsigned i = *queue.khead; i != *queue.ktail; ++i) refuse(queue.sqes[queue.array[i & *queue.kring_mask]]);
    }
    return real::uring_enter(descriptor, submit, wait, flags, argument, bytes);
  }

 private:
  static void refuse(::io_uring_sqe& e) noexcept {
    const bool many = (e.opcode == IORING_OP_ACCEPT && (e.ioprio & IORING_ACCEPT_MULTISHOT) != 0) ||
                      (e.opcode == IORING_OP_RECV && (e.ioprio & IORING_RECV_MULTISHOT) != 0) ||
                      (e.opcode == IORING_OP_POLL_ADD && (e.len & IORING_POLL_ADD_MULTI) != 0);
    if (!many) return;
    ++refused;
    e.opcode = 250;  // there is none
  }
};

template <bool Buffers, bool Many>
using uring = sluice::backend::io_uring<{}, older_os<Buffers, Many>>;

struct without_buffers : sluice::config<uring<false, true>, counters>, facts<> {};
struct without_many : sluice::config<uring<true, false>, counters>, facts<> {};
struct without_either : sluice::config<uring<false, false>, counters>, facts<> {};

struct check_refusals {
  ~check_refusals() {
    BOOST_TEST((older_os<false, true>::refused != 0));
    BOOST_TEST((older_os<true, false>::refused != 0));
    BOOST_TEST((older_os<false, false>::refused != 0));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_AUTO_TEST_SUITE(io_uring_without_multishot)

using model = std::tuple<without_buffers, without_many, without_either>;
LAWS_OF_BACKEND_STREAMS(model)
LAWS_OF_BACKEND_ACCEPTORS(model)
LAWS_OF_BACKEND_BUFFERS(model)

BOOST_AUTO_TEST_CASE(the_kernel_was_asked_and_has_refused) { const check_refusals at_the_end; }

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
