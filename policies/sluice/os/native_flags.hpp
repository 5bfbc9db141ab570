// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Portable flags of operations in the system's own bits. A policy's part.

#include <sluice/op/file.hpp>
#include <sluice/op/net.hpp>

#if defined(__linux__)

#include <cstddef>

#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

namespace sluice::inline v0::os {

static_assert(sizeof(mutable_buffer) == sizeof(::iovec) && offsetof(mutable_buffer, size) == offsetof(::iovec, iov_len));
static_assert(sizeof(const_buffer) == sizeof(::iovec) && offsetof(const_buffer, size) == offsetof(::iovec, iov_len));

/// \src open(2)
constexpr auto open_bits(open_flags flags) noexcept -> int {
  int bits = O_CLOEXEC;
  if (has(flags, open_flags::read) && has(flags, open_flags::write))
    bits |= O_RDWR;
  else if (has(flags, open_flags::write) || (has(flags, open_flags::append) && !has(flags, open_flags::read)))
    bits |= O_WRONLY;
  constexpr struct {
    open_flags portable;
    int native;
  } table[] = {{open_flags::create, O_CREAT},          {open_flags::exclusive, O_EXCL},      {open_flags::truncate, O_TRUNC},
               {open_flags::append, O_APPEND},         {open_flags::directory, O_DIRECTORY}, {open_flags::no_follow, O_NOFOLLOW},
               {open_flags::direct, O_DIRECT},         {open_flags::sync, O_SYNC},           {open_flags::data_sync, O_DSYNC},
               {open_flags::non_blocking, O_NONBLOCK}, {open_flags::path_only, O_PATH}};
  for (const auto& row : table)
    if (has(flags, row.portable)) bits |= row.native;
  if (has(flags, open_flags::inherit)) bits &= ~O_CLOEXEC;
  return bits;
}

static_assert(static_cast<int>(recv_flags::out_of_band) == MSG_OOB && static_cast<int>(recv_flags::peek) == MSG_PEEK &&
              static_cast<int>(recv_flags::truncate) == MSG_TRUNC && static_cast<int>(recv_flags::dont_wait) == MSG_DONTWAIT &&
              static_cast<int>(recv_flags::wait_all) == MSG_WAITALL);
static_assert(static_cast<int>(send_flags::out_of_band) == MSG_OOB && static_cast<int>(send_flags::dont_route) == MSG_DONTROUTE &&
              static_cast<int>(send_flags::dont_wait) == MSG_DONTWAIT && static_cast<int>(send_flags::end_of_record) == MSG_EOR &&
              static_cast<int>(send_flags::wait_all) == MSG_WAITALL && static_cast<int>(send_flags::more) == MSG_MORE);

/// \src recv(2)
constexpr auto recv_bits(recv_flags flags) noexcept -> int { return static_cast<int>(flags); }

/// Never with a signal. \src send(2)
constexpr auto send_bits(send_flags flags) noexcept -> int { return static_cast<int>(flags) | MSG_NOSIGNAL; }

/// \src socket(2)
constexpr auto domain_bits(socket_domain domain) noexcept -> int {
  return domain == socket_domain::ipv4 ? AF_INET : domain == socket_domain::ipv6 ? AF_INET6 : AF_UNIX;
}

/// Close-on-exec. \src socket(2)
constexpr auto type_bits(socket_type type) noexcept -> int {
  return (type == socket_type::stream ? SOCK_STREAM : type == socket_type::datagram ? SOCK_DGRAM : SOCK_SEQPACKET) | SOCK_CLOEXEC;
}

/// \src shutdown(2)
constexpr auto shutdown_bits(shutdown_how how) noexcept -> int {
  return how == shutdown_how::receive ? SHUT_RD : how == shutdown_how::send ? SHUT_WR : SHUT_RDWR;
}

/// One call carries at most this many bytes; a longer buffer is a short transfer, which is no error.
constexpr auto length_bits(std::size_t bytes) noexcept -> unsigned {
  constexpr std::size_t most = 0x7fff'f000;
  return static_cast<unsigned>(bytes < most ? bytes : most);
}

}  // namespace sluice::inline v0::os

#endif
