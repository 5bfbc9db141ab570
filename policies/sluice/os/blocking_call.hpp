// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// One operation as one call of Linux that the thread waits in, for code that has no ring. A policy's part.

#include <sluice/concept/backend.hpp>
#include <sluice/op/event.hpp>
#include <sluice/op/file.hpp>
#include <sluice/op/link.hpp>
#include <sluice/op/net.hpp>
#include <sluice/op/pipe.hpp>
#include <sluice/op/poll.hpp>
#include <sluice/op/process.hpp>
#include <sluice/op/time.hpp>
#include <sluice/op/tty.hpp>
#include <sluice/os/event_tokens.hpp>
#include <sluice/os/native_flags.hpp>
#include <sluice/os/native_op.hpp>
#include <sluice/os/sigpipe.hpp>
#include <sluice/os/sockaddr.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <type_traits>

#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace sluice::inline v0::os {

/// \cond
template <class Call>
auto until_not_interrupted(Call&& call) noexcept -> std::int32_t {
  for (;;) {
    const auto outcome = static_cast<std::int32_t>(call());
    if (outcome != -EINTR) return outcome;
  }
}

/// Whether the caller of an operation wants an error rather than a wait.
template <class Op>
constexpr auto never_waits([[maybe_unused]] const Op& op) noexcept -> bool {
  if constexpr (requires { std::remove_cvref_t<decltype(op.flags)>::dont_wait; })
    return has(op.flags, std::remove_cvref_t<decltype(op.flags)>::dont_wait);
  else
    return false;
}

// The calls that `native_op` does not describe, because backends make them in other ways.

template <class Os, bool Reads>
auto transfer_waiting(int descriptor, const ::iovec* parts, std::size_t count, std::uint64_t offset) noexcept -> std::int32_t {
  constexpr std::size_t most = std::numeric_limits<int>::max();
  const int number = static_cast<int>(count < most ? count : most);
  const auto call = [&](::off_t where) noexcept {
    return until_not_interrupted([&]() noexcept {
      if constexpr (Reads)
        return Os::preadv2(descriptor, parts, number, where, 0);
      else
        return Os::pwritev2(descriptor, parts, number, where, 0);
    });
  };
  const auto outcome = call(offset == current_position ? ::off_t{-1} : static_cast<::off_t>(offset));
  // What has no position is read or written where it stands.
  return outcome == -ESPIPE && offset != current_position ? call(-1) : outcome;
}

template <class Op>
constexpr auto offset_of(const Op& op) noexcept -> std::uint64_t {
  if constexpr (requires { op.offset; })
    return op.offset;
  else
    return current_position;
}

template <class Op>
inline constexpr bool reads_file = std::is_same_v<Op, op::read> || std::is_same_v<Op, op::readv> || std::is_same_v<Op, op::read_tty>;
template <class Op>
inline constexpr bool writes_file = std::is_same_v<Op, op::write> || std::is_same_v<Op, op::writev>;
template <class Op>
inline constexpr bool may_raise_sigpipe = writes_file<Op> || std::is_same_v<Op, op::splice>;

template <class Os, class Op, class Keep>
  requires(reads_file<Op> || writes_file<Op>)
auto simple_call(const Op& op, Keep&) noexcept -> std::int32_t {
  if constexpr (requires { op.buffers; }) {
    return transfer_waiting<Os, reads_file<Op>>(op.file.native(), reinterpret_cast<const ::iovec*>(op.buffers.data()), op.buffers.size(),
                                                offset_of(op));
  } else {
    const ::iovec one{.iov_base = const_cast<std::byte*>(op.buffer.data()), .iov_len = length_bits(op.buffer.size())};
    return transfer_waiting<Os, reads_file<Op>>(op.file.native(), &one, 1, offset_of(op));
  }
}
template <class Os, class Keep>
auto simple_call(const op::fsync& op, Keep&) noexcept -> std::int32_t {
  return until_not_interrupted([&]() noexcept { return op.data_only ? Os::fdatasync(op.file.native()) : Os::fsync(op.file.native()); });
}
template <class Os, class Keep>
auto simple_call(const op::recv& op, Keep&) noexcept -> std::int32_t {
  return until_not_interrupted(
      [&]() noexcept { return Os::recv(op.socket.native(), op.buffer.data(), length_bits(op.buffer.size()), recv_bits(op.flags)); });
}
template <class Os, class Keep>
auto simple_call(const op::send& op, Keep&) noexcept -> std::int32_t {
  return until_not_interrupted(
      [&]() noexcept { return Os::send(op.socket.native(), op.buffer.data(), length_bits(op.buffer.size()), send_bits(op.flags)); });
}
template <class Os, class Keep>
auto simple_call(const op::accept& op, Keep& keep) noexcept -> std::int32_t {
  return until_not_interrupted([&]() noexcept {
    keep.length = sizeof(keep.address);
    return Os::accept4(op.socket.native(), reinterpret_cast<::sockaddr*>(&keep.address), &keep.length, SOCK_CLOEXEC);
  });
}
/// A call that was interrupted, or never blocks, goes on connecting: what comes of it is asked when the socket is writable.
template <class Os, class Keep>
auto simple_call(const op::connect& op, Keep&) noexcept -> std::int32_t {
  ::sockaddr_storage address;
  const auto length = encode(op.address, address);
  const int descriptor = op.socket.native();
  if (const int outcome = Os::connect(descriptor, reinterpret_cast<const ::sockaddr*>(&address), length);
      outcome != -EINTR && outcome != -EINPROGRESS)
    return outcome;
  ::pollfd one{.fd = descriptor, .events = POLLOUT, .revents = 0};
  if (const auto waited = until_not_interrupted([&]() noexcept { return Os::poll(&one, 1, nullptr); }); waited < 0) return waited;
  int error = 0;
  ::socklen_t bytes = sizeof(error);
  const int asked = Os::getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &bytes);
  return asked < 0 ? asked : -error;
}
template <class Os, class Keep>
auto simple_call(const op::poll_once& op, Keep&) noexcept -> std::int32_t {
  if (op.handle.native() < 0) return -EBADF;
  ::pollfd one{.fd = op.handle.native(), .events = static_cast<short>(op.events), .revents = 0};
  const auto waited = until_not_interrupted([&]() noexcept { return Os::poll(&one, 1, nullptr); });
  if (waited < 0) return waited;
  return (one.revents & POLLNVAL) != 0 ? -EBADF : one.revents;
}
template <class Os, class Keep>
auto simple_call(const op::timeout& op, Keep&) noexcept -> std::int32_t {
  const bool absolute = op.at != time_point{};
  // What is counted from now on does not follow steps of the wall clock.
  const clock_kind clock = !absolute && op.clock == clock_kind::wall ? clock_kind::steady : op.clock;
  const time_point end = absolute ? op.at : Os::now(clock) + op.after;
  return until_not_interrupted([&]() noexcept { return Os::sleep_until(clock, end); });
}
template <class Os, class Keep>
auto simple_call(const op::wait_event& op, Keep&) noexcept -> std::int32_t {
  return take_token(op.source) ? static_cast<std::int32_t>(sizeof(std::uint64_t)) : takes_a_ring;
}
/// The number is gone even if the call was interrupted.
template <class Os, class Op, class Keep>
  requires(detail::closes_handle<Op>)
auto simple_call(const Op& op, Keep&) noexcept -> std::int32_t {
  const int outcome = Os::close(detail::handle_of(op));
  return outcome == -EINTR ? 0 : outcome;
}
/// \endcond

/// Whether an operation may be one call. The end of a process is none: taking it is another step.
template <class Op, class Os, class Keep>
concept has_blocking_call =
    (has_native_op<Op> && !std::is_same_v<Op, op::child_exit>) || requires(const Op& op, Keep& keep) { simple_call<Os>(op, keep); };

/// What a backend derives from to have a `blocking_call`; see `backend_policy`.
template <class Os>
struct blocking_calls {
  /// Makes the call of an operation and waits in it, again for as long as a signal interrupts it. The raw result, or `takes_a_ring`.
  template <class Op, class Keep>
    requires has_blocking_call<Op, Os, Keep>
  static auto blocking_call(const Op& op, Keep& keep) noexcept -> std::int32_t {
    sigpipe_block<Os> block;
    if constexpr (may_raise_sigpipe<Op>) block.take();
    std::int32_t outcome = 0;
    if constexpr (has_native_op<Op>)
      outcome = make_call<Os>(op, keep);
    else
      outcome = simple_call<Os>(op, keep);
    if constexpr (may_raise_sigpipe<Op>) block.drop();
    return outcome == -EAGAIN && !never_waits(op) ? takes_a_ring : outcome;
  }
};

}  // namespace sluice::inline v0::os

#endif
