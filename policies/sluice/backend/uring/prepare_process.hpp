// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// One submission entry for each operation on messages, pipes, processes, signals and terminals, and for waiting and cancelling. Part of
/// the policy backend::io_uring.

#include <sluice/backend/uring/plain.hpp>
#include <sluice/backend/uring/prepare.hpp>
#include <sluice/op/poll.hpp>
#include <sluice/op/tty.hpp>
#include <sluice/os/linux.hpp>
#include <sluice/os/native_message.hpp>
#include <sluice/os/native_process.hpp>

#if defined(__linux__)

#include <liburing.h>

#include <cstdint>

#include <poll.h>
#include <sys/wait.h>

namespace sluice::inline v0::detail::uring {

template <>
inline constexpr bool never_waits<op::pipe> = true;
template <>
inline constexpr bool writes_tail<op::splice> = true;
template <>
inline constexpr bool writes_tail<op::tee> = true;
template <>
inline constexpr bool writes_tail<op::child_exit> = true;
template <>
inline constexpr bool always_plain<op::spawn_process> = true;
template <>
inline constexpr bool always_plain<op::open_signals> = true;

static_assert(static_cast<int>(poll_events::readable) == POLLIN && static_cast<int>(poll_events::urgent) == POLLPRI &&
              static_cast<int>(poll_events::writable) == POLLOUT && static_cast<int>(poll_events::failed) == POLLERR &&
              static_cast<int>(poll_events::hung_up) == POLLHUP && static_cast<int>(poll_events::peer_closed) == POLLRDHUP);

inline void prepare(::io_uring_sqe& e, const op::recv_msg& op, scratch<op::recv_msg>& keep) noexcept {
  os::native_op<op::recv_msg>::describe(op, keep);
  ::io_uring_prep_recvmsg(&e, op.socket.native(), &keep.message, static_cast<unsigned>(os::message_bits(op.flags)));
}
inline void prepare(::io_uring_sqe& e, const op::send_msg& op, scratch<op::send_msg>& keep) noexcept {
  os::native_op<op::send_msg>::describe(op, keep);
  ::io_uring_prep_sendmsg(&e, op.socket.native(), &keep.message, static_cast<unsigned>(send_bits(op.flags)));
}
inline void prepare(::io_uring_sqe& e, const op::pipe& op, scratch<op::pipe>& keep) noexcept {
  set_entry(e, opcode::pipe, 0, keep.ends, 0, 0, static_cast<unsigned>(os::pipe_bits(op)));
}
inline void prepare(::io_uring_sqe& e, const op::splice& op, scratch<op::splice>&) noexcept {
  ::io_uring_prep_splice(&e, op.handle.native(), os::signed_bytes(op.offset), op.to.native(), os::signed_bytes(op.to_offset),
                         length_bits(op.length), static_cast<unsigned>(op.flags));
}
inline void prepare(::io_uring_sqe& e, const op::tee& op, scratch<op::tee>&) noexcept {
  ::io_uring_prep_tee(&e, op.file.native(), op.to.native(), length_bits(op.length), static_cast<unsigned>(op.flags));
}
inline void prepare(::io_uring_sqe& e, const op::poll_once& op, scratch<op::poll_once>&) noexcept {
  ::io_uring_prep_poll_add(&e, op.handle.native(), static_cast<unsigned>(op.events));
}
inline void prepare(::io_uring_sqe& e, const op::child_exit& op, scratch<op::child_exit>& keep) noexcept {
  keep.outcome = 0;
  set_entry(e, opcode::waitid, os::waited_for(op.process), nullptr, P_PIDFD, reinterpret_cast<std::uintptr_t>(&keep.info));
  e.file_index = WEXITED;
}
/// Where the kernel lacks the opcode of that.
template <class Os>
void prepare_older(::io_uring_sqe& e, const op::child_exit& op, scratch<op::child_exit>& keep) noexcept {
  os::native_op<op::child_exit>::put_off<Os>(op, keep);
  ::io_uring_prep_poll_add(&e, op.process.native(), POLLIN);
}
inline void prepare(::io_uring_sqe& e, const op::close_process& op, scratch<op::close_process>&) noexcept {
  ::io_uring_prep_close(&e, op.process.native());
}
inline void prepare(::io_uring_sqe& e, const op::wait_signal& op, scratch<op::wait_signal>& keep) noexcept {
  set_entry(e, IORING_OP_READ, op.file.native(), &keep.info, sizeof(keep.info), 0);
}
inline void prepare(::io_uring_sqe& e, const op::read_tty& op, scratch<op::read_tty>&) noexcept {
  set_entry(e, IORING_OP_READ, op.file.native(), op.buffer.data(), length_bits(op.buffer.size()), current_position);
}
inline void prepare(::io_uring_sqe& e, const op::cancel_all&, scratch<op::cancel_all>&) noexcept {
  set_entry(e, IORING_OP_ASYNC_CANCEL, -1, nullptr, 0, 0, IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY);
}

/// Whether an operation has another entry for kernels that lack its opcode.
template <class Op>
inline constexpr bool has_older_entry =
    requires(::io_uring_sqe& e, const Op& op, scratch<Op>& keep) { prepare_older<os::linux_>(e, op, keep); };

}  // namespace sluice::inline v0::detail::uring

#endif
