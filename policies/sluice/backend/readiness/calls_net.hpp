// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations on sockets as plain calls. Part of the policy backend::readiness.

#include <sluice/backend/readiness/calls.hpp>
#include <sluice/op/net.hpp>
#include <sluice/os/native_flags.hpp>
#include <sluice/os/sockaddr.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <ctime>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace sluice::inline v0::detail::readiness {

template <>
struct scratch<op::accept> : request {
  ::sockaddr_storage address;
  ::socklen_t length;
};

/// Whether a call on a descriptor would not block now, by the system's word.
template <class Os>
auto is_ready(int descriptor, short events) noexcept -> bool {
  ::pollfd one{.fd = descriptor, .events = events, .revents = 0};
  const ::timespec at_once{};
  return uninterrupted([&]() noexcept { return Os::poll(&one, 1, &at_once); }) != 0;
}

/// Whether nobody may block on an open file description. It is asked each time: the number may have got another file.
template <class Os>
auto is_non_blocking(int descriptor) noexcept -> bool {
  const int flags = Os::status_flags(descriptor);
  return flags >= 0 && (flags & O_NONBLOCK) != 0;
}

/// An option of the socket's own level that is a number, or -1.
template <class Os>
auto socket_option_of(int descriptor, int option) noexcept -> int {
  int value = -1;
  ::socklen_t length = sizeof(value);
  return Os::getsockopt(descriptor, SOL_SOCKET, option, &value, &length) < 0 ? -1 : value;
}

/// The type of a socket, or -1.
template <class Os>
auto socket_type_of(int descriptor) noexcept -> int {
  return socket_option_of<Os>(descriptor, SO_TYPE);
}

/// Receives from a local stream socket; `cut`: it may have stopped before the end of the data. It does so behind data that brought
/// descriptors, which are dropped as there is no room for them, and where the credentials of writers are asked for and differ. Only
/// `MSG_CTRUNC` tells that from a receive that has emptied the socket. \src unix(7), recvmsg(2)
template <class Os>
[[gnu::noinline]] auto receive_locally(int descriptor, std::byte* data, std::size_t size, int bits, bool& cut) noexcept -> std::int64_t {
  ::iovec part{.iov_base = data, .iov_len = size};
  ::msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const auto outcome = uninterrupted([&]() noexcept { return Os::recvmsg(descriptor, &message, bits | MSG_DONTWAIT); });
  cut = (message.msg_flags & MSG_CTRUNC) != 0;
  return outcome;
}

/// recv(2) without blocking, and the mark on the row if that took all there was.
template <class Os>
[[gnu::always_inline]] inline auto receive(int descriptor, std::byte* data, std::size_t size, int bits, row& of) noexcept -> std::int64_t {
  bool cut = false;
  const auto outcome = of.stops ? receive_locally<Os>(descriptor, data, size, bits, cut)
                                : uninterrupted([&]() noexcept { return Os::recv(descriptor, data, size, bits | MSG_DONTWAIT); });
  if (of.runs_dry && !cut && outcome > 0 && static_cast<std::size_t>(outcome) < size && bits == 0) of.dry |= readiness_bits::in;
  return outcome;
}

/// Moves the whole of a buffer, in as many calls as it takes: `call(offset)` is one of them. What was moved before an error or a cancel is
/// the result.
template <class Os, class Call>
[[gnu::noinline]] auto transfer_all(int descriptor, request& keep, std::size_t size, Call&& call) noexcept -> step {
  for (;;) {
    const auto outcome = uninterrupted([&]() noexcept { return call(keep.progress); });
    if (outcome == -EAGAIN) return must_wait;
    if (outcome < 0) return over(keep.progress != 0 ? static_cast<std::int64_t>(keep.progress) : outcome);
    keep.progress += static_cast<std::size_t>(outcome);
    if (outcome == 0 || keep.progress >= size) return over(static_cast<std::int64_t>(keep.progress));
    // A datagram is whole, however short.
    if (const int type = socket_type_of<Os>(descriptor); type != SOCK_STREAM && type != SOCK_SEQPACKET)
      return over(static_cast<std::int64_t>(keep.progress));
  }
}

template <>
struct calls<op::recv> {
  static constexpr auto how = served::reading;
  static auto must_try(const op::recv& op) noexcept -> bool { return has(op.flags, recv_flags::dont_wait); }

  template <class Os>
  [[gnu::always_inline]] static auto attempt(const op::recv& op, request& keep, row& of) noexcept -> step {
    const int bits = os::recv_bits(op.flags);
    if ((bits & (MSG_WAITALL | MSG_DONTWAIT)) == MSG_WAITALL) [[unlikely]]
      return attempt_all<Os>(op, keep, bits & ~MSG_WAITALL);
    const std::size_t size = os::length_bits(op.buffer.size());
    const auto outcome = receive<Os>(op.socket.native(), op.buffer.data(), size, bits, of);
    if (outcome == -EAGAIN && (bits & MSG_DONTWAIT) == 0) return must_wait;
    return over(outcome);
  }

 private:
  template <class Os>
  [[gnu::noinline]] static auto attempt_all(const op::recv& op, request& keep, int bits) noexcept -> step {
    const std::size_t size = os::length_bits(op.buffer.size());
    if ((bits & MSG_PEEK) != 0) {
      // Nothing is taken, so each attempt sees all there is.
      const auto outcome =
          uninterrupted([&]() noexcept { return Os::recv(op.socket.native(), op.buffer.data(), size, bits | MSG_DONTWAIT); });
      const bool short_of_it =
          outcome > 0 && static_cast<std::size_t>(outcome) < size && outcome != static_cast<std::int64_t>(keep.progress);
      if (outcome != -EAGAIN && !(short_of_it && socket_type_of<Os>(op.socket.native()) == SOCK_STREAM)) return over(outcome);
      keep.progress = outcome > 0 ? static_cast<std::size_t>(outcome) : 0;
      return must_wait;
    }
    return transfer_all<Os>(op.socket.native(), keep, size, [&](std::size_t done) noexcept {
      return Os::recv(op.socket.native(), op.buffer.data() + done, size - done, bits | MSG_DONTWAIT);
    });
  }
};

template <>
struct calls<op::send> {
  static constexpr auto how = served::writing;
  static auto must_try(const op::send& op) noexcept -> bool { return has(op.flags, send_flags::dont_wait); }

  template <class Os>
  [[gnu::always_inline]] static auto attempt(const op::send& op, request& keep, row& of) noexcept -> step {
    const int bits = os::send_bits(op.flags);
    const std::size_t size = os::length_bits(op.buffer.size());
    if ((bits & (MSG_WAITALL | MSG_DONTWAIT)) == MSG_WAITALL) [[unlikely]]
      return transfer_all<Os>(op.socket.native(), keep, size, [&](std::size_t done) noexcept {
        return Os::send(op.socket.native(), op.buffer.data() + done, size - done, (bits & ~MSG_WAITALL) | MSG_DONTWAIT);
      });
    const auto outcome =
        uninterrupted([&]() noexcept { return Os::send(op.socket.native(), op.buffer.data(), size, bits | MSG_DONTWAIT); });
    if (outcome == -EAGAIN && (bits & MSG_DONTWAIT) == 0) return must_wait;
    if (of.runs_dry && outcome >= 0 && static_cast<std::size_t>(outcome) < size) [[unlikely]]
      of.dry |= readiness_bits::out;
    return over(outcome);
  }
};

/// accept4(2) can be asked not to wait only through the listener's open file description, which may be others', too. A listener that
/// blocks is therefore left to a thread once it has a connection: another process may take that one first, and then the thread waits for
/// the next, not the loop.
template <>
struct calls<op::accept> {
  static constexpr auto how = served::reading;
  static constexpr bool makes_descriptor = true;

  template <class Os>
  static auto attempt(const op::accept& op, scratch<op::accept>& keep, row&) noexcept -> step {
    const int descriptor = op.socket.native();
    if (!is_non_blocking<Os>(descriptor)) {
      // What is no listener gives its error, and waits for nothing.
      if (socket_option_of<Os>(descriptor, SO_ACCEPTCONN) > 0) return is_ready<Os>(descriptor, POLLIN) ? needs_thread_alone : must_wait;
    }
    const auto outcome = once<Os>(op, keep);
    return outcome == -EAGAIN ? must_wait : over(outcome);
  }

  template <class Os>
  static auto block(const op::accept& op, scratch<op::accept>& keep) noexcept -> std::int64_t {
    // It was ready when the thread was asked; the later this is sure, the less can happen in between.
    return is_ready<Os>(op.socket.native(), POLLIN) ? once<Os>(op, keep) : -EAGAIN;
  }

 private:
  template <class Os>
  static auto once(const op::accept& op, scratch<op::accept>& keep) noexcept -> int {
    return uninterrupted([&]() noexcept {
      keep.length = sizeof(keep.address);
      return Os::accept4(op.socket.native(), reinterpret_cast<::sockaddr*>(&keep.address), &keep.length, SOCK_CLOEXEC);
    });
  }
};

/// A socket of `op::socket` is non-blocking: it is asked again when it is writable. One that blocks connects on a thread, unless its type
/// never waits.
template <>
struct calls<op::connect> {
  static constexpr auto how = served::writing;

  template <class Os>
  static auto attempt(const op::connect& op, scratch<op::connect>& keep, row&) noexcept -> step {
    const int descriptor = op.socket.native();
    const bool again = keep.progress != 0;
    if (!again && !is_non_blocking<Os>(descriptor)) {
      const int type = socket_type_of<Os>(descriptor);
      if (type == SOCK_STREAM || type == SOCK_SEQPACKET) return needs_thread;
    }
    const auto outcome = once<Os>(op);
    switch (outcome) {
      case -EINTR:
      case -EINPROGRESS: keep.progress = 1; return must_wait;
      case -EALREADY: return again ? must_wait : over(outcome);
      case -EISCONN: return over(again ? 0 : outcome);
      // A local listener whose backlog is full: nothing reports when it is not.
      case -EAGAIN: return needs_thread;
      default: return over(outcome);
    }
  }

  template <class Os>
  static auto block(const op::connect& op, scratch<op::connect>& keep) noexcept -> std::int64_t {
    for (;;) {
      const auto outcome = once<Os>(op);
      if (outcome == -EAGAIN && !__atomic_load_n(&keep.unwanted, __ATOMIC_RELAXED)) {
        const ::timespec moment{.tv_sec = 0, .tv_nsec = 1'000'000};
        (void)Os::poll(nullptr, 0, &moment);
        continue;
      }
      return outcome == -EAGAIN ? -ECANCELED : outcome;
    }
  }

 private:
  template <class Os>
  static auto once(const op::connect& op) noexcept -> int {
    ::sockaddr_storage address;
    const auto length = os::encode(op.address, address);
    return Os::connect(op.socket.native(), reinterpret_cast<const ::sockaddr*>(&address), length);
  }
};

template <>
struct calls<op::socket> {
  static constexpr auto how = served::at_once;
  static constexpr bool makes_descriptor = true;

  template <class Os>
  static auto attempt(const op::socket& op, request&, row&) noexcept -> step {
    return over(uninterrupted(
        [&]() noexcept { return Os::socket(os::domain_bits(op.domain), os::type_bits(op.type) | SOCK_NONBLOCK, op.protocol); }));
  }
};

}  // namespace sluice::inline v0::detail::readiness

#endif
