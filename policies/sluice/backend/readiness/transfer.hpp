// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Reading and writing whatever a descriptor is, without blocking on it. Part of the policy backend::readiness.

#include <sluice/backend/readiness/calls.hpp>
#include <sluice/backend/readiness/calls_net.hpp>
#include <sluice/buffer.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>

namespace sluice::inline v0::detail::readiness {

/// One read or write of several buffers. Each attempt is a call that is asked not to wait (RWF_NOWAIT), which needs no knowledge of what
/// the descriptor is; only where it cannot be asked that, or says no more than that it would wait, is the kind of file found out:
/// * a regular file or block device goes to a thread, which moves the rest;
/// * a socket is asked by the calls for sockets;
/// * a pipe and whatever else can be asked waits until it is ready;
/// * what cannot be asked (terminals, pipes of old kernels, devices) goes to a thread once it is ready, one call at a time; a description
///   that never blocks is simply called.
/// A regular file gives less than asked only at its end, as it does with a system that runs the call itself.
template <class Os, bool Reads>
struct transfer {
  int descriptor;
  const ::iovec* parts;
  std::size_t count;
  std::uint64_t offset;

  static constexpr short events = Reads ? POLLIN : POLLOUT;

  /// Without blocking. What one call moves as a whole, as most do, asks for nothing more.
  [[gnu::always_inline]] auto attempt(request& keep, row& of) const noexcept -> step {
    if (keep.progress != 0 || of.kind == file_kind::device || of.kind == file_kind::socket) [[unlikely]]
      return attempt_again(keep, of);
    const auto outcome = uninterrupted([&]() noexcept { return call(parts, count, 0, RWF_NOWAIT); });
    if (outcome > 0 && static_cast<std::size_t>(outcome) == total()) [[likely]]
      return over(outcome);
    return go_on(keep, of, outcome);
  }

  /// With blocking, on a thread.
  auto block(request& keep) const noexcept -> std::int64_t {
    const bool whole = !keep.alone;
    // The later this is sure, the less can somebody else have done in between.
    if (!whole && !is_ready<Os>(descriptor, events)) return -EAGAIN;
    for (;;) {
      const auto outcome = uninterrupted([&]() noexcept { return call(keep.progress, 0); });
      if (outcome <= 0) return keep.progress != 0 ? static_cast<std::int64_t>(keep.progress) : outcome;
      keep.progress += static_cast<std::size_t>(outcome);
      if (!whole || keep.progress >= total()) return static_cast<std::int64_t>(keep.progress);
    }
  }

 private:
  [[gnu::noinline]] auto attempt_again(request& keep, row& of) const noexcept -> step {
    if (of.kind == file_kind::device) return device(of);
    if (of.kind == file_kind::socket) return by_socket(of);
    return go_on(keep, of, uninterrupted([&]() noexcept { return call(keep.progress, RWF_NOWAIT); }));
  }

  /// After a call that was asked not to wait.
  [[gnu::noinline]] auto go_on(request& keep, row& of, std::int64_t outcome) const noexcept -> step {
    for (;;) {
      if (outcome == -EAGAIN) return would_wait(keep, of);
      if (outcome == -EOPNOTSUPP || outcome == -ENOSYS) return unasked(of);
      if (outcome <= 0) return over(keep.progress != 0 ? static_cast<std::int64_t>(keep.progress) : outcome);
      keep.progress += static_cast<std::size_t>(outcome);
      if (of.kind == file_kind::stream || keep.progress >= total()) return over(static_cast<std::int64_t>(keep.progress));
      if (find_out(of) != file_kind::regular) return over(static_cast<std::int64_t>(keep.progress));
      outcome = uninterrupted([&]() noexcept { return call(keep.progress, RWF_NOWAIT); });
    }
  }

  [[nodiscard, gnu::always_inline]] auto total() const noexcept -> std::size_t {
    std::size_t sum = 0;
    for (std::size_t i = 0; i < count; ++i) sum += parts[i].iov_len;
    return sum;
  }

  /// One call for what is left.
  [[nodiscard]] auto call(std::size_t done, int flags) const noexcept -> std::int64_t {
    std::size_t first = 0;
    std::size_t skip = done;
    while (skip != 0 && first < count && skip >= parts[first].iov_len) skip -= parts[first++].iov_len;
    if (skip == 0) return call(parts + first, count - first, done, flags);
    const ::iovec rest{.iov_base = static_cast<std::byte*>(parts[first].iov_base) + skip, .iov_len = parts[first].iov_len - skip};
    return call(&rest, 1, done, flags);
  }

  [[nodiscard]] auto call(const ::iovec* from, std::size_t many, std::size_t done, int flags) const noexcept -> std::int64_t {
    const bool positioned = offset != current_position;
    const auto outcome = call_at(from, many, positioned ? static_cast<::off_t>(offset + done) : ::off_t{-1}, flags);
    // What has no position is read or written where it stands.
    if (outcome == -ESPIPE && positioned) return call_at(from, many, -1, flags);
    return outcome;
  }

  [[nodiscard]] auto call_at(const ::iovec* from, std::size_t many, ::off_t where, int flags) const noexcept -> std::int64_t {
    constexpr std::size_t most = std::numeric_limits<int>::max();
    const int number = static_cast<int>(many < most ? many : most);
    if constexpr (Reads)
      return Os::preadv2(descriptor, from, number, where, flags);
    else
      return Os::pwritev2(descriptor, from, number, where, flags);
  }

  auto find_out(row& of) const noexcept -> file_kind {
    const int type = Os::file_type(descriptor);
    if (type < 0) return of.kind = file_kind::unknown;
    return of.kind = type == S_IFREG || type == S_IFBLK || type == S_IFDIR ? file_kind::regular : file_kind::stream;
  }

  /// It was asked not to wait, and would have.
  auto would_wait(request& keep, row& of) const noexcept -> step {
    if (of.kind == file_kind::stream) return must_wait;
    // A thread must never be given what is no file any more, so this is found out each time.
    if (find_out(of) == file_kind::regular) return needs_thread;
    return keep.progress != 0 ? over(static_cast<std::int64_t>(keep.progress)) : must_wait;
  }

  /// It cannot be asked not to wait.
  auto unasked(row& of) const noexcept -> step {
    const int type = Os::file_type(descriptor);
    if (type < 0) return over(type);
    if (type == S_IFREG || type == S_IFBLK || type == S_IFDIR) {
      of.kind = file_kind::regular;
      return needs_thread;
    }
    of.kind = type == S_IFSOCK ? file_kind::socket : file_kind::device;
    return of.kind == file_kind::socket ? by_socket(of) : device(of);
  }

  auto by_socket(row& of) const noexcept -> step {
    ::msghdr message{};
    message.msg_iov = const_cast<::iovec*>(parts);
    message.msg_iovlen = count;
    const auto outcome = uninterrupted([&]() noexcept {
      if constexpr (Reads)
        return Os::recvmsg(descriptor, &message, MSG_DONTWAIT);
      else
        return Os::sendmsg(descriptor, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
    });
    if (outcome == -EAGAIN) return must_wait;
    if (outcome == -ENOTSOCK) {
      of.kind = file_kind::unknown;
      return unasked(of);
    }
    return over(outcome);
  }

  auto device(row& of) const noexcept -> step {
    if (is_non_blocking<Os>(descriptor)) {
      const auto outcome = uninterrupted([&]() noexcept { return call(0, 0); });
      return outcome == -EAGAIN ? must_wait : over(outcome);
    }
    if (!is_ready<Os>(descriptor, events)) return must_wait;
    const int type = Os::file_type(descriptor);
    if (type < 0) return over(type);
    if (type == S_IFSOCK || type == S_IFREG) of.kind = file_kind::unknown;  // another file since
    if (type == S_IFREG) return needs_thread;
    return needs_thread_alone;
  }
};

}  // namespace sluice::inline v0::detail::readiness

#endif
