// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// One submission entry for each operation, and what an operation keeps beside it. Part of the policy backend::io_uring.

#include <sluice/concept/operation.hpp>
#include <sluice/interval.hpp>
#include <sluice/op/list.hpp>
#include <sluice/os/native_flags.hpp>
#include <sluice/os/native_net.hpp>
#include <sluice/os/native_op.hpp>
#include <sluice/os/sockaddr.hpp>
#include <sluice/os/socket_options.hpp>

#if defined(__linux__)

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include <sys/socket.h>

namespace sluice::inline v0::detail::uring {

/// Opcodes newer than the oldest header that is supported, and codes of ours for operations that are always a plain call.
namespace opcode {
inline constexpr std::uint8_t first_newer = 49;
inline constexpr std::uint8_t waitid = 50;
inline constexpr std::uint8_t ftruncate = 55;
inline constexpr std::uint8_t bind = 56;
inline constexpr std::uint8_t listen = 57;
inline constexpr std::uint8_t pipe = 62;
inline constexpr std::uint8_t first_plain = 224;
inline constexpr std::uint8_t plain_op = first_plain;
}  // namespace opcode

/// Never in the system's own headers of the oldest distribution.
inline constexpr unsigned timeout_etime_success = 1U << 5U;
inline constexpr unsigned timeout_boottime = 1U << 2U;
inline constexpr unsigned timeout_realtime = 1U << 3U;

/// The extended argument of a wait, as the kernel has it; newer headers call its third field by another name.
/// \src io_uring_enter2(2)
struct wait_argument {
  std::uint64_t signal_mask;
  std::uint32_t signal_mask_bytes;
  std::uint32_t gather_microseconds;
  std::uint64_t deadline;
};
static_assert(sizeof(wait_argument) == sizeof(::io_uring_getevents_arg));

/// What the kernel reads or writes while an operation is in flight, beside the user's own buffers.
template <class Op>
struct scratch {};
template <os::has_native_op Op>
struct scratch<Op> : os::native_op<Op>::kept {};

template <>
struct scratch<op::accept> {
  ::sockaddr_storage address;
  ::socklen_t length;
};
template <>
struct scratch<op::connect> {
  ::sockaddr_storage address;
};
template <>
struct scratch<op::timeout> {
  ::__kernel_timespec when;
};
template <>
struct scratch<op::link_timeout> : scratch<op::timeout> {};
template <>
struct scratch<op::wait_event> {
  std::uint64_t token;
};

using os::domain_bits;
using os::length_bits;
using os::recv_bits;
using os::send_bits;
using os::shutdown_bits;
using os::type_bits;

inline auto timespec_of(std::int64_t nanoseconds) noexcept -> ::__kernel_timespec {
  constexpr std::int64_t second = 1'000'000'000;
  if (nanoseconds < 0) nanoseconds = 0;
  return {.tv_sec = nanoseconds / second, .tv_nsec = nanoseconds % second};
}

/// How long to wait, for an entry into the kernel.
struct timed_wait {
  ::__kernel_timespec when;
  wait_argument argument{};

  explicit timed_wait(interval limit) noexcept : when{timespec_of(limit.count)} {
    if (limit != interval::max()) argument.deadline = reinterpret_cast<std::uintptr_t>(&when);
  }
  timed_wait(const timed_wait&) = delete;
  auto operator=(const timed_wait&) -> timed_wait& = delete;
};

template <class Timeout>
auto timeout_bits(const Timeout& op, ::__kernel_timespec& when) noexcept -> unsigned {
  const bool absolute = op.at != time_point{};
  when = timespec_of(absolute ? op.at.count : op.after.count);
  const unsigned clock = op.clock == clock_kind::boot ? timeout_boottime : op.clock == clock_kind::wall ? timeout_realtime : 0U;
  return clock | (absolute ? IORING_TIMEOUT_ABS : 0U);
}

/// Writes an entry but for its `user_data` and what is behind that, which is zero in every entry that the queue gives: each byte once.
[[gnu::always_inline]] inline void set_entry(::io_uring_sqe& e, std::uint8_t code, int fd, const void* address, unsigned length,
                                             std::uint64_t offset, unsigned flags = 0) noexcept {
  e.opcode = code;
  e.flags = 0;
  e.ioprio = 0;
  e.fd = fd;
  e.off = offset;
  e.addr = reinterpret_cast<std::uintptr_t>(address);
  e.len = length;
  e.rw_flags = static_cast<int>(flags);
}

/// Clears what newer headers leave to whoever takes an entry: the fields that an operation does not use.
inline void clear_entry(::io_uring_sqe& e) noexcept { set_entry(e, 0, 0, nullptr, 0, 0); }

/// Whether preparing an operation writes all that this clears.
template <class Op>
inline constexpr bool sets_whole_entry = std::is_same_v<Op, op::nop> || std::is_same_v<Op, op::read> || std::is_same_v<Op, op::write> ||
                                         std::is_same_v<Op, op::recv> || std::is_same_v<Op, op::send>;

inline void prepare_raw(::io_uring_sqe& e, std::uint8_t code, int fd, const void* address, unsigned length, std::uint64_t offset) noexcept {
  set_entry(e, code, fd, address, length, offset);
}

inline void prepare(::io_uring_sqe& e, const op::nop&, scratch<op::nop>&) noexcept { set_entry(e, IORING_OP_NOP, -1, nullptr, 0, 0); }
inline void prepare(::io_uring_sqe& e, const op::read& op, scratch<op::read>&) noexcept {
  set_entry(e, IORING_OP_READ, op.file.native(), op.buffer.data(), length_bits(op.buffer.size()), op.offset);
}
inline void prepare(::io_uring_sqe& e, const op::write& op, scratch<op::write>&) noexcept {
  set_entry(e, IORING_OP_WRITE, op.file.native(), op.buffer.data(), length_bits(op.buffer.size()), op.offset);
}
inline void prepare(::io_uring_sqe& e, const op::readv& op, scratch<op::readv>&) noexcept {
  ::io_uring_prep_rw(IORING_OP_READV, &e, op.file.native(), op.buffers.data(), length_bits(op.buffers.size()), op.offset);
}
inline void prepare(::io_uring_sqe& e, const op::writev& op, scratch<op::writev>&) noexcept {
  ::io_uring_prep_rw(IORING_OP_WRITEV, &e, op.file.native(), op.buffers.data(), length_bits(op.buffers.size()), op.offset);
}
inline void prepare(::io_uring_sqe& e, const op::fsync& op, scratch<op::fsync>&) noexcept {
  ::io_uring_prep_fsync(&e, op.file.native(), op.data_only ? IORING_FSYNC_DATASYNC : 0U);
}
inline void prepare(::io_uring_sqe& e, const op::close_file& op, scratch<op::close_file>&) noexcept {
  ::io_uring_prep_close(&e, op.file.native());
}
inline void prepare(::io_uring_sqe& e, const op::close_socket& op, scratch<op::close_socket>&) noexcept {
  ::io_uring_prep_close(&e, op.socket.native());
}
inline void prepare(::io_uring_sqe& e, const op::socket& op, scratch<op::socket>&) noexcept {
  ::io_uring_prep_socket(&e, domain_bits(op.domain), type_bits(op.type), op.protocol, 0);
}
inline void prepare(::io_uring_sqe& e, const op::bind& op, scratch<op::bind>& keep) noexcept {
  const auto length = os::encode(op.address, keep.address);
  prepare_raw(e, opcode::bind, op.socket.native(), &keep.address, 0, length);
}
inline void prepare(::io_uring_sqe& e, const op::listen& op, scratch<op::listen>&) noexcept {
  prepare_raw(e, opcode::listen, op.socket.native(), nullptr, static_cast<unsigned>(op.backlog), 0);
}
inline void prepare(::io_uring_sqe& e, const op::accept& op, scratch<op::accept>& keep) noexcept {
  keep.length = sizeof(keep.address);
  ::io_uring_prep_accept(&e, op.socket.native(), reinterpret_cast<::sockaddr*>(&keep.address), &keep.length, SOCK_CLOEXEC);
}
inline void prepare(::io_uring_sqe& e, const op::connect& op, scratch<op::connect>& keep) noexcept {
  const auto length = os::encode(op.address, keep.address);
  ::io_uring_prep_connect(&e, op.socket.native(), reinterpret_cast<::sockaddr*>(&keep.address), length);
}
inline void prepare(::io_uring_sqe& e, const op::recv& op, scratch<op::recv>&) noexcept {
  set_entry(e, IORING_OP_RECV, op.socket.native(), op.buffer.data(), length_bits(op.buffer.size()), 0,
            static_cast<unsigned>(recv_bits(op.flags)));
}
inline void prepare(::io_uring_sqe& e, const op::send& op, scratch<op::send>&) noexcept {
  set_entry(e, IORING_OP_SEND, op.socket.native(), op.buffer.data(), length_bits(op.buffer.size()), 0,
            static_cast<unsigned>(send_bits(op.flags)));
}
inline void prepare(::io_uring_sqe& e, const op::shutdown& op, scratch<op::shutdown>&) noexcept {
  ::io_uring_prep_shutdown(&e, op.socket.native(), shutdown_bits(op.how));
}
inline void prepare(::io_uring_sqe& e, const op::timeout& op, scratch<op::timeout>& keep) noexcept {
  const unsigned bits = timeout_bits(op, keep.when);
  ::io_uring_prep_timeout(&e, &keep.when, 0, bits | timeout_etime_success);
}
inline void prepare(::io_uring_sqe& e, const op::link_timeout& op, scratch<op::link_timeout>& keep) noexcept {
  const unsigned bits = timeout_bits(op, keep.when);
  // The library pairs it with the operation that it bounds; to the kernel it is a timeout of its own.
  ::io_uring_prep_timeout(&e, &keep.when, 0, bits);
}
inline void prepare(::io_uring_sqe& e, const op::cancel& op, scratch<op::cancel>&) noexcept {
  ::io_uring_prep_cancel64(&e, reinterpret_cast<std::uintptr_t>(op.operation), 0);
}
inline void prepare(::io_uring_sqe& e, const op::wait_event& op, scratch<op::wait_event>& keep) noexcept {
  const int descriptor = event_source_state::descriptor_in(op.source.state()->word.load(std::memory_order_acquire));
  ::io_uring_prep_read(&e, descriptor, &keep.token, sizeof(keep.token), 0);
}

/// A user's own operation: `prepare(io_uring_sqe&, const Op&)` is found by argument-dependent lookup.
template <class Op>
concept foreign_operation = operation_struct<Op> && requires(::io_uring_sqe& e, const Op& op) { prepare(e, op); };

/// Whether preparing an operation writes what is behind `user_data`, which then has to be cleared for whoever comes next.
template <class Op>
inline constexpr bool writes_tail = foreign_operation<Op>;

template <foreign_operation Op>
void prepare_foreign(::io_uring_sqe& e, const Op& op) noexcept {
  prepare(e, op);
}

}  // namespace sluice::inline v0::detail::uring

#endif
