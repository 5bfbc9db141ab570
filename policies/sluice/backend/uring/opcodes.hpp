// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Which opcode an operation needs, and how it is served where the running kernel lacks that. Part of the policy backend::io_uring.

#include <sluice/backend/uring/plain.hpp>
#include <sluice/backend/uring/prepare.hpp>
#include <sluice/backend/uring/prepare_file.hpp>
#include <sluice/backend/uring/prepare_process.hpp>
#include <sluice/concept/service.hpp>

#if defined(__linux__)

#include <liburing.h>

#include <cstdint>
#include <type_traits>

namespace sluice::inline v0::detail::uring {

/// Opcodes of a kernel, a bit each.
using opcode_set = std::uint64_t;

[[nodiscard]] constexpr auto has(opcode_set known, std::uint8_t code) noexcept -> bool { return code < 64 && (known >> code & 1U) != 0; }

/// What every kernel has that is supported; newer ones are asked for.
inline constexpr opcode_set oldest_opcodes = (opcode_set{1} << opcode::first_newer) - 1;

/// The opcode of an operation's entry; `opcode::first_plain` for one that is always a plain call, and for a user's own.
template <class Op>
inline constexpr std::uint8_t opcode_of = opcode::first_plain;
template <>
inline constexpr std::uint8_t opcode_of<op::nop> = IORING_OP_NOP;
template <>
inline constexpr std::uint8_t opcode_of<op::read> = IORING_OP_READ;
template <>
inline constexpr std::uint8_t opcode_of<op::write> = IORING_OP_WRITE;
template <>
inline constexpr std::uint8_t opcode_of<op::readv> = IORING_OP_READV;
template <>
inline constexpr std::uint8_t opcode_of<op::writev> = IORING_OP_WRITEV;
template <>
inline constexpr std::uint8_t opcode_of<op::fsync> = IORING_OP_FSYNC;
template <>
inline constexpr std::uint8_t opcode_of<op::open_at> = IORING_OP_OPENAT;
template <>
inline constexpr std::uint8_t opcode_of<op::close_file> = IORING_OP_CLOSE;
template <>
inline constexpr std::uint8_t opcode_of<op::socket> = IORING_OP_SOCKET;
template <>
inline constexpr std::uint8_t opcode_of<op::bind> = opcode::bind;
template <>
inline constexpr std::uint8_t opcode_of<op::listen> = opcode::listen;
template <>
inline constexpr std::uint8_t opcode_of<op::accept> = IORING_OP_ACCEPT;
template <>
inline constexpr std::uint8_t opcode_of<op::connect> = IORING_OP_CONNECT;
template <>
inline constexpr std::uint8_t opcode_of<op::recv> = IORING_OP_RECV;
template <>
inline constexpr std::uint8_t opcode_of<op::send> = IORING_OP_SEND;
template <>
inline constexpr std::uint8_t opcode_of<op::shutdown> = IORING_OP_SHUTDOWN;
template <>
inline constexpr std::uint8_t opcode_of<op::close_socket> = IORING_OP_CLOSE;
template <>
inline constexpr std::uint8_t opcode_of<op::timeout> = IORING_OP_TIMEOUT;
template <>
inline constexpr std::uint8_t opcode_of<op::link_timeout> = IORING_OP_TIMEOUT;
template <>
inline constexpr std::uint8_t opcode_of<op::cancel> = IORING_OP_ASYNC_CANCEL;
template <>
inline constexpr std::uint8_t opcode_of<op::wait_event> = IORING_OP_READ;
template <>
inline constexpr std::uint8_t opcode_of<op::truncate> = opcode::ftruncate;
template <>
inline constexpr std::uint8_t opcode_of<op::allocate> = IORING_OP_FALLOCATE;
template <>
inline constexpr std::uint8_t opcode_of<op::advise> = IORING_OP_FADVISE;
template <>
inline constexpr std::uint8_t opcode_of<op::close_directory> = IORING_OP_CLOSE;
template <>
inline constexpr std::uint8_t opcode_of<op::rename_at> = IORING_OP_RENAMEAT;
template <>
inline constexpr std::uint8_t opcode_of<op::unlink_at> = IORING_OP_UNLINKAT;
template <>
inline constexpr std::uint8_t opcode_of<op::mkdir_at> = IORING_OP_MKDIRAT;
template <>
inline constexpr std::uint8_t opcode_of<op::symlink_at> = IORING_OP_SYMLINKAT;
template <>
inline constexpr std::uint8_t opcode_of<op::link_at> = IORING_OP_LINKAT;
template <>
inline constexpr std::uint8_t opcode_of<op::stat_at> = IORING_OP_STATX;
template <>
inline constexpr std::uint8_t opcode_of<op::pipe> = opcode::pipe;
template <>
inline constexpr std::uint8_t opcode_of<op::splice> = IORING_OP_SPLICE;
template <>
inline constexpr std::uint8_t opcode_of<op::tee> = IORING_OP_TEE;
template <>
inline constexpr std::uint8_t opcode_of<op::recv_msg> = IORING_OP_RECVMSG;
template <>
inline constexpr std::uint8_t opcode_of<op::send_msg> = IORING_OP_SENDMSG;
template <>
inline constexpr std::uint8_t opcode_of<op::poll_once> = IORING_OP_POLL_ADD;
template <>
inline constexpr std::uint8_t opcode_of<op::cancel_all> = IORING_OP_ASYNC_CANCEL;
template <>
inline constexpr std::uint8_t opcode_of<op::child_exit> = opcode::waitid;
template <>
inline constexpr std::uint8_t opcode_of<op::close_process> = IORING_OP_CLOSE;
template <>
inline constexpr std::uint8_t opcode_of<op::wait_signal> = IORING_OP_READ;
template <>
inline constexpr std::uint8_t opcode_of<op::read_tty> = IORING_OP_READ;

template <>
inline constexpr std::uint8_t opcode_of<op::accept_many> = IORING_OP_ACCEPT;
template <>
inline constexpr std::uint8_t opcode_of<op::recv_many> = IORING_OP_RECV;
template <>
inline constexpr std::uint8_t opcode_of<op::poll_many> = IORING_OP_POLL_ADD;
template <>
inline constexpr std::uint8_t opcode_of<op::timer_many> = IORING_OP_TIMEOUT;

/// How an operation is started, where it is as others are: its opcode with bits above that.
namespace way {
inline constexpr unsigned opcode = 0xff;
inline constexpr unsigned may_be_plain = 1U << 8U;
inline constexpr unsigned plain_if_alone = 1U << 9U;
inline constexpr unsigned always_plain = 1U << 10U;
inline constexpr unsigned is_one = 1U << 11U;
}  // namespace way

/// The same for a type; 0 for one that has to be looked at, or that needs more than an entry.
template <class Op>
constexpr auto ways_of(bool tries_alone) noexcept -> std::uint16_t {
  if (foreign_operation<Op> || may_not_fit<Op> || has_older_entry<Op> || std::is_same_v<Op, op::cancel_handle> ||
      std::is_same_v<Op, op::wait_event> || std::is_same_v<Op, op::notify_event> ||
      (opcode_of<Op> == opcode::first_plain && !always_plain<Op>))
    return 0;
  return static_cast<std::uint16_t>(opcode_of<Op> | way::is_one | (uring::may_be_plain<Op> ? way::may_be_plain : 0U) |
                                    (never_waits<Op> && tries_alone ? way::plain_if_alone : 0U) |
                                    (uring::always_plain<Op> ? way::always_plain : 0U));
}

/// How the backend serves an operation with a kernel that has these opcodes.
template <class Op>
[[nodiscard]] constexpr auto service_with(opcode_set known) noexcept -> service {
  if (always_plain<Op>) return service::call;
  if (opcode_of<Op> == opcode::first_plain) return foreign_operation<Op> ? service::ring : service::nowhere;
  // What waits must be able to be cancelled.
  constexpr bool waits = !never_waits<Op> && !std::is_same_v<Op, op::nop> && opcode_of<Op> != IORING_OP_CLOSE;
  const bool may_wait = !waits || has(known, IORING_OP_ASYNC_CANCEL);
  if (std::is_same_v<Op, op::open_at> && !has(known, IORING_OP_OPENAT2)) return service::nowhere;
  if (has(known, opcode_of<Op>) && may_wait) return service::ring;
  // Only newer opcodes are looked for before each use.
  if (opcode_of<Op> < opcode::first_newer) return service::nowhere;
  if (has_older_entry<Op>) return has(known, IORING_OP_POLL_ADD) && may_wait ? service::ring : service::nowhere;
  return service::call;
}

}  // namespace sluice::inline v0::detail::uring

#endif
