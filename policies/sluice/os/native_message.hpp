// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations on messages and pipes as calls of Linux. A policy's part.

#include <sluice/op/message.hpp>
#include <sluice/op/pipe.hpp>
#include <sluice/os/linux_processes.hpp>
#include <sluice/os/native_file.hpp>
#include <sluice/os/native_flags.hpp>
#include <sluice/os/native_op.hpp>
#include <sluice/os/sockaddr.hpp>

#if defined(__linux__)

#include <cstddef>
#include <cstdint>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace sluice::inline v0::os {

/// \cond
// What each is, native_op.hpp says.

static_assert(static_cast<int>(recv_flags::error_queue) == MSG_ERRQUEUE && static_cast<int>(send_flags::confirm) == MSG_CONFIRM &&
              static_cast<int>(send_flags::fast_open) == MSG_FASTOPEN);
static_assert(static_cast<int>(message_flags::out_of_band) == MSG_OOB && static_cast<int>(message_flags::control_truncated) == MSG_CTRUNC &&
              static_cast<int>(message_flags::truncated) == MSG_TRUNC && static_cast<int>(message_flags::end_of_record) == MSG_EOR &&
              static_cast<int>(message_flags::error_queue) == MSG_ERRQUEUE);
static_assert(static_cast<unsigned>(splice_flags::move) == SPLICE_F_MOVE &&
              static_cast<unsigned>(splice_flags::dont_wait) == SPLICE_F_NONBLOCK &&
              static_cast<unsigned>(splice_flags::more) == SPLICE_F_MORE);

/// A message header, and the address that it points to.
struct kept_message {
  ::msghdr message;            ///< as the system takes it
  ::sockaddr_storage address;  ///< whom from or whom to
};

/// Descriptors that come along are close-on-exec.
constexpr auto message_bits(recv_flags flags) noexcept -> int { return recv_bits(flags) | MSG_CMSG_CLOEXEC; }

template <>
struct native_op<op::recv_msg> : plain_native_op {
  using kept = kept_message;

  /// Sets the header up.
  static void describe(const op::recv_msg& op, kept& keep) noexcept {
    keep.message = {};
    keep.message.msg_name = &keep.address;
    keep.message.msg_namelen = sizeof(keep.address);
    keep.message.msg_iov = const_cast<::iovec*>(reinterpret_cast<const ::iovec*>(op.buffers.data()));
    keep.message.msg_iovlen = op.buffers.size();
    keep.message.msg_control = op.control.data();
    keep.message.msg_controllen = op.control.size();
  }
  template <class Os>
  static auto call(const op::recv_msg& op, kept& keep) noexcept -> ssize_t {
    describe(op, keep);
    return Os::recvmsg(op.socket.native(), &keep.message, message_bits(op.flags));
  }
  static auto value(const op::recv_msg&, const kept& keep, std::int32_t raw) noexcept -> received_message {
    constexpr auto told = message_flags::out_of_band | message_flags::control_truncated | message_flags::truncated |
                          message_flags::end_of_record | message_flags::error_queue;
    return {.bytes = static_cast<std::size_t>(raw),
            .control_bytes = keep.message.msg_controllen,
            .peer = decode(keep.address, keep.message.msg_namelen),
            .flags = static_cast<message_flags>(keep.message.msg_flags) & told};
  }
};

template <>
struct native_op<op::send_msg> : plain_native_op {
  using kept = kept_message;

  /// Sets the header up.
  static void describe(const op::send_msg& op, kept& keep) noexcept {
    keep.message = {};
    keep.message.msg_namelen = encode(op.address, keep.address);
    if (keep.message.msg_namelen != 0) keep.message.msg_name = &keep.address;
    keep.message.msg_iov = const_cast<::iovec*>(reinterpret_cast<const ::iovec*>(op.buffers.data()));
    keep.message.msg_iovlen = op.buffers.size();
    keep.message.msg_control = const_cast<std::byte*>(op.control.data());
    keep.message.msg_controllen = op.control.size();
  }
  template <class Os>
  static auto call(const op::send_msg& op, kept& keep) noexcept -> ssize_t {
    describe(op, keep);
    return Os::sendmsg(op.socket.native(), &keep.message, send_bits(op.flags));
  }
};

constexpr auto pipe_bits(const op::pipe& op) noexcept -> int { return op.inherit ? 0 : O_CLOEXEC; }

template <>
struct native_op<op::pipe> : plain_native_op {
  static constexpr bool may_block = false;
  struct kept {
    int ends[2];
  };

  template <class Os>
  static auto call(const op::pipe& op, kept& keep) noexcept -> int {
    return Os::pipe2(keep.ends, pipe_bits(op));
  }
  static auto value(const op::pipe&, const kept& keep, std::int32_t) noexcept -> pipe_ends {
    return {.read = file_handle{keep.ends[0]}, .write = file_handle{keep.ends[1]}};
  }
};

template <>
struct native_op<op::splice> : plain_native_op {
  template <class Os>
  static auto call(const op::splice& op, kept&) noexcept -> ssize_t {
    ::off64_t from = signed_bytes(op.offset);
    ::off64_t to = signed_bytes(op.to_offset);
    return Os::splice(op.handle.native(), op.offset == current_position ? nullptr : &from, op.to.native(),
                      op.to_offset == current_position ? nullptr : &to, length_bits(op.length), static_cast<unsigned>(op.flags));
  }
};

template <>
struct native_op<op::tee> : plain_native_op {
  template <class Os>
  static auto call(const op::tee& op, kept&) noexcept -> ssize_t {
    return Os::tee(op.file.native(), op.to.native(), length_bits(op.length), static_cast<unsigned>(op.flags));
  }
};

/// \endcond

}  // namespace sluice::inline v0::os

#endif
