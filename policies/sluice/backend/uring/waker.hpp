// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Ending a poll that sleeps, from another thread or a foreign loop. Part of the policy backend::io_uring.

#include <sluice/backend/uring/prepare.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/result.hpp>

#if defined(__linux__)

#include <liburing.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include <sys/eventfd.h>

namespace sluice::inline v0::detail::uring {

/// Values newer than the oldest header that is supported.
inline constexpr unsigned taskrun_bit = 1U << 2U;
inline constexpr unsigned register_send_msg_ring = 31;
inline constexpr std::uint8_t opcode_msg_ring = 40;
inline constexpr unsigned feature_min_timeout = 1U << 15U;
inline constexpr unsigned feature_rw_attr = 1U << 16U;

/// What waking a ring needs from the system.
struct waker_parts {
  int ring = -1;          ///< the ring's descriptor
  int event = -1;         ///< an event descriptor that the ring reads; -1 where messages do
  bool messages = false;  ///< the kernel takes a message for a ring from a thread that has none
};

/// Sends a ring the message that wakes it; to the ring it is a completion of `call`.
template <class Os>
[[gnu::cold]] auto send_wake_message(int ring, const aio::record* call) noexcept -> int {
  ::io_uring_sqe e{};
  e.opcode = opcode_msg_ring;
  e.fd = ring;
  e.off = reinterpret_cast<std::uintptr_t>(call);
  return Os::uring_register(~0U, register_send_msg_ring, &e, 1);
}

/// Finds out how a ring can be woken.
template <class Os>
[[gnu::cold]] auto open_waker(waker_parts& parts, const ::io_uring& ring) noexcept -> result<void> {
  parts.ring = ring.ring_fd;
  // The feature came after the call; a kernel that does not show it is asked by a call that can only fail.
  parts.messages = (ring.features & feature_rw_attr) != 0 || send_wake_message<Os>(-1, nullptr) == -EBADF;
  if (parts.messages) return {};
  parts.event = Os::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (parts.event < 0) return failure(errc::ring_descriptors);
  return {};
}

/// Ends a poll that sleeps: by a message where the kernel takes one from a thread without a ring, else by an event descriptor that the ring
/// always reads. Neither is used while the loop is awake.
template <class Os>
class waker {
 public:
  explicit waker(const waker_parts& parts) noexcept : parts_{parts}, arm_{!parts.messages} {}
  waker(const waker&) = delete;
  auto operator=(const waker&) -> waker& = delete;
  ~waker() {
    for (const int descriptor : {parts_.event, completions_})
      if (descriptor >= 0) (void)Os::close(descriptor);
  }

  /// Whether anybody may call. To be said on the ring's own thread, before those who may are told of the ring; then no sleep has to be
  /// announced to other threads as long as nobody may.
  void expect_calls(bool any) noexcept { expected_ = any; }

  /// Before a call that may sleep. False: do not, somebody has called.
  [[nodiscard]] auto about_to_sleep() noexcept -> bool {
    if (!expected_) [[likely]]
      return true;
    asleep_.store(true, std::memory_order_seq_cst);
    if (called_.load(std::memory_order_seq_cst) == 0) return true;
    awake();
    return false;
  }

  /// After it. A ring inside a foreign loop counts as asleep again when `take` was called.
  void awake() noexcept { asleep_.store(false, std::memory_order_relaxed); }

  /// Any thread.
  void wake() noexcept {
    called_.store(1, std::memory_order_seq_cst);
    if (!asleep_.exchange(false, std::memory_order_seq_cst)) return;
    if (parts_.messages) {
      // One that the kernel has no memory for is to be sent again: nobody else will, unless the ring has been woken by something else.
      while (is_not_yet(send_wake_message<Os>(parts_.ring, &call_)) && was_called()) Os::yield_processor();
    } else {
      const std::uint64_t one = 1;
      while (Os::write(parts_.event, &one, sizeof(one)) == -EINTR) {}
    }
  }

  /// What completes when a call arrives.
  [[nodiscard]] auto call() noexcept -> aio::internal_record& { return call_; }

  /// It has.
  void arrived() noexcept { arm_ = !parts_.messages; }

  /// Whether `before_poll` has anything to do: a cheap look.
  [[nodiscard]] auto has_chores() const noexcept -> bool { return arm_ || completions_ >= 0; }

  /// Before the system is entered: arms the descriptor that wakes, if there is one, with an entry from `queue`; takes the signal of the
  /// one that a foreign loop waits for, so that only completions that come later than this signal it again.
  template <class Queue>
  void before_poll(Queue&& queue) noexcept {
    if (arm_) arm(queue);
    if (completions_ >= 0) {
      std::uint64_t count = 0;
      (void)Os::read(completions_, &count, sizeof(count));
    }
  }

  /// Whether the descriptor that wakes must be armed again before a foreign loop sleeps.
  [[nodiscard]] auto unarmed() const noexcept -> bool { return foreign_ && arm_; }

  /// Reads the descriptor that wakes, with an entry from `queue(record, code, fd)`.
  template <class Queue>
  void arm(Queue&& queue) noexcept {
    ::io_uring_sqe* const e = queue(call_, IORING_OP_READ, parts_.event);
    if (e == nullptr) return;
    e->addr = reinterpret_cast<std::uintptr_t>(&tokens_);
    e->len = sizeof(tokens_);
    arm_ = false;
  }

  /// Whether somebody has called and `take` has not told yet.
  [[nodiscard]] auto was_called() const noexcept -> bool { return calls() != 0; }
  /// The same as a number, 0 or 1.
  [[nodiscard]] auto calls() const noexcept -> unsigned { return called_.load(std::memory_order_relaxed); }

  /// Whether `take` has anything to do: a cheap look.
  [[nodiscard]] auto has_news() const noexcept -> bool { return foreign_ || was_called(); }

  /// Whether somebody has called since the last time.
  auto take() noexcept -> bool {
    // From here on a call must signal again, or the foreign loop sleeps through it.
    if (foreign_) asleep_.store(true, std::memory_order_seq_cst);
    if (called_.load(std::memory_order_seq_cst) == 0) return false;
    // What the callers did before they called is visible after this.
    return called_.exchange(0, std::memory_order_seq_cst) != 0;
  }

  [[nodiscard]] auto completion_descriptor(int ring) noexcept -> result<int> {
    if (completions_ < 0) {
      const int made = Os::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
      if (made < 0) return system_error(-made);
      if (const int outcome = Os::uring_register(static_cast<unsigned>(ring), IORING_REGISTER_EVENTFD, &made, 1); outcome < 0) {
        (void)Os::close(made);
        return system_error(-outcome);
      }
      completions_ = made;
      foreign_ = true;
      asleep_.store(true, std::memory_order_seq_cst);
    }
    return completions_;
  }

 private:
  [[nodiscard]] static constexpr auto is_not_yet(int outcome) noexcept -> bool {
    return outcome == -EINTR || outcome == -ENOMEM || outcome == -EAGAIN || outcome == -EOVERFLOW;
  }

  waker_parts parts_;
  int completions_ = -1;
  bool foreign_ = false;
  bool expected_ = true;
  bool arm_;
  std::uint64_t tokens_ = 0;
  aio::internal_record call_;
  alignas(64) std::atomic<bool> asleep_{false};
  std::atomic<std::uint8_t> called_{0};
};

}  // namespace sluice::inline v0::detail::uring

#endif
