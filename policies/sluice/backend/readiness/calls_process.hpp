// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations on messages, pipes, processes and signals that wait for a descriptor. Part of the policy backend::readiness.

#include <sluice/backend/readiness/calls.hpp>
#include <sluice/backend/readiness/calls_net.hpp>
#include <sluice/backend/readiness/watches.hpp>
#include <sluice/op/poll.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <fcntl.h>
#include <poll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

namespace sluice::inline v0::detail::readiness {

/// A message, or bytes of a stream. With `wait_all` on a stream it takes as many calls as it needs; what comes beside the data comes with
/// the first one.
template <class Op, bool Reads>
struct message_calls {
  static constexpr auto how = Reads ? served::reading : served::writing;

  template <class Os>
  static auto attempt(const Op& op, scratch<Op>& keep, row&) noexcept -> step {
    constexpr std::size_t most_buffers = 1024;
    if (op.buffers.size() > most_buffers) return over(-EINVAL);
    const int bits = bits_of(op);
    const bool may_fail = (bits & MSG_DONTWAIT) != 0;
    const bool whole = (bits & MSG_WAITALL) != 0 && !may_fail && (bits & MSG_PEEK) == 0;
    for (;;) {
      const auto outcome = uninterrupted([&]() noexcept { return once<Os>(op, keep, (bits & ~MSG_WAITALL) | MSG_DONTWAIT); });
      if (outcome == -EAGAIN && !may_fail) return must_wait;
      if (outcome < 0) return over(keep.progress != 0 ? static_cast<std::int64_t>(keep.progress) : outcome);
      keep.progress += static_cast<std::size_t>(outcome);
      if (!whole || outcome == 0 || keep.progress >= total(op)) return over(static_cast<std::int64_t>(keep.progress));
      // A datagram is whole, however short.
      if (const int type = socket_type_of<Os>(op.socket.native()); type != SOCK_STREAM && type != SOCK_SEQPACKET)
        return over(static_cast<std::int64_t>(keep.progress));
    }
  }

 private:
  static auto bits_of(const Op& op) noexcept -> int {
    if constexpr (Reads)
      return os::message_bits(op.flags);
    else
      return os::send_bits(op.flags);
  }

  static auto total(const Op& op) noexcept -> std::size_t {
    std::size_t sum = 0;
    for (const auto& part : op.buffers) sum += part.size;
    return sum;
  }

  template <class Os>
  static auto once(const Op& op, scratch<Op>& keep, int bits) noexcept -> std::int64_t {
    if (keep.progress == 0) {
      os::native_op<Op>::describe(op, keep);
      return call<Os>(op, keep.message, bits);
    }
    // The rest of a whole, one buffer at a time.
    const auto* const parts = reinterpret_cast<const ::iovec*>(op.buffers.data());
    std::size_t first = 0;
    std::size_t skip = keep.progress;
    while (skip >= parts[first].iov_len) skip -= parts[first++].iov_len;
    ::iovec rest{.iov_base = static_cast<std::byte*>(parts[first].iov_base) + skip, .iov_len = parts[first].iov_len - skip};
    ::msghdr message{};
    message.msg_iov = &rest;
    message.msg_iovlen = 1;
    return call<Os>(op, message, bits);
  }

  template <class Os>
  static auto call(const Op& op, ::msghdr& message, int bits) noexcept -> std::int64_t {
    if constexpr (Reads)
      return Os::recvmsg(op.socket.native(), &message, bits);
    else
      return Os::sendmsg(op.socket.native(), &message, bits);
  }
};

template <>
struct calls<op::recv_msg> : message_calls<op::recv_msg, true> {};
template <>
struct calls<op::send_msg> : message_calls<op::send_msg, false> {};

/// It waits for whichever side is not ready. Pipes can be asked not to wait, and so can sockets that nobody may block on; a transfer
/// between a pipe and anything else is made by a thread, once both sides are ready.
template <class Op>
struct moving_calls {
  static constexpr auto how = served::reading;
  static constexpr bool has_two = true;
  static constexpr bool raises_sigpipe = true;

  template <class Os>
  static auto attempt(const Op& op, scratch<Op>& keep, row&) noexcept -> step {
    const int from = handle_of(op);
    const int to = op.to.native();
    const int from_type = Os::file_type(from);
    if (from_type < 0) return over(from_type);
    const int to_type = to < 0 ? -EBADF : Os::file_type(to);
    if (to_type < 0) return over(to_type);
    const bool may_fail = has(op.flags, splice_flags::dont_wait);
    const bool from_waits = from_type != S_IFIFO && !(from_type == S_IFSOCK && is_non_blocking<Os>(from));
    const bool to_waits = to_type != S_IFIFO && !(to_type == S_IFSOCK && is_non_blocking<Os>(to));
    // Whatever the system refuses at once is its own error.
    const bool refused = (from_type != S_IFIFO && to_type != S_IFIFO) || (refuses_others && (from_waits || to_waits));
    if (refused || (!from_waits && !to_waits)) {
      constexpr int attempts = 16;
      for (int i = 0; i < attempts; ++i) {
        const auto outcome = os::make_call<Os>(without_waiting(op), keep);
        if (outcome != -EAGAIN || may_fail) return over(outcome);
        if (!is_ready<Os>(from, POLLIN)) return wait_for(keep, readiness_bits::in, to, from);
        if (!is_ready<Os>(to, POLLOUT)) return wait_for(keep, readiness_bits::out, to, from);
      }
      return needs_thread_alone;
    }
    if (!is_ready<Os>(from, POLLIN)) return may_fail ? over(-EAGAIN) : wait_for(keep, readiness_bits::in, to, from);
    if (!is_ready<Os>(to, POLLOUT)) return may_fail ? over(-EAGAIN) : wait_for(keep, readiness_bits::out, to, from);
    return needs_thread_alone;
  }

  template <class Os>
  static auto block(const Op& op, scratch<Op>& keep) noexcept -> std::int64_t {
    // They were ready when the thread was asked; the later this is sure, the less can happen in between.
    if (!is_ready<Os>(handle_of(op), POLLIN) || !is_ready<Os>(op.to.native(), POLLOUT)) return -EAGAIN;
    return os::make_call<Os>(without_waiting(op), keep);
  }

 private:
  static constexpr bool refuses_others = std::is_same_v<Op, op::tee>;

  static auto without_waiting(Op op) noexcept -> Op {
    op.flags = op.flags | splice_flags::dont_wait;
    return op;
  }

  static auto wait_for(request& keep, std::uint8_t way, int to, int from) noexcept -> step {
    if (keep.direction == way) return must_wait;
    keep.other = way == readiness_bits::in ? from : to;
    return must_wait_there;
  }
};

template <>
struct calls<op::splice> : moving_calls<op::splice> {};
template <>
struct calls<op::tee> : moving_calls<op::tee> {};

/// The handle of a process can be read when it has ended.
template <>
struct calls<op::child_exit> {
  static constexpr auto how = served::reading;

  template <class Os>
  static auto attempt(const op::child_exit& op, scratch<op::child_exit>& keep, row&) noexcept -> step {
    keep.outcome = 0;
    const int outcome = uninterrupted([&]() noexcept { return os::native_op<op::child_exit>::call<Os>(op, keep); });
    return outcome == -EAGAIN ? must_wait : over(outcome);
  }
};

/// A handle that was made here never blocks. One that was made elsewhere is asked not to, or, where the system cannot do that, only read
/// when there is a signal.
template <>
struct calls<op::open_signals> {
  static constexpr auto how = served::at_once;

  template <class Os>
  static auto attempt(const op::open_signals& op, request&, row&) noexcept -> step {
    return over(uninterrupted([&]() noexcept { return os::native_op<op::open_signals>::open<Os>(op, SFD_NONBLOCK); }));
  }
};

template <>
struct calls<op::wait_signal> {
  static constexpr auto how = served::reading;

  template <class Os>
  static auto attempt(const op::wait_signal& op, scratch<op::wait_signal>& keep, row&) noexcept -> step {
    const int descriptor = op.file.native();
    const ::iovec part{.iov_base = &keep.info, .iov_len = sizeof(keep.info)};
    auto outcome = uninterrupted([&]() noexcept { return Os::preadv2(descriptor, &part, 1, -1, RWF_NOWAIT); });
    if (outcome == -EOPNOTSUPP || outcome == -ENOSYS) {
      if (!is_non_blocking<Os>(descriptor) && !is_ready<Os>(descriptor, POLLIN)) return must_wait;
      outcome = uninterrupted([&]() noexcept { return Os::read(descriptor, &keep.info, sizeof(keep.info)); });
    }
    return outcome == -EAGAIN ? must_wait : over(outcome);
  }
};

template <>
struct scratch<op::poll_once> : watch_request {};
template <>
struct calls<op::poll_once> {
  static constexpr auto how = served::itself;
};

}  // namespace sluice::inline v0::detail::readiness

#endif
