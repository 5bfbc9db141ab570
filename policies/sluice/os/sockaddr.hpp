// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// `socket_address` in the system's form and back. Layer: os.

#include <sluice/address.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

#if defined(__linux__)

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace sluice::inline v0 {

namespace detail {

inline auto network_port(const in_port_t& field) noexcept -> std::uint16_t {
  unsigned char bytes[2];
  std::memcpy(bytes, &field, sizeof bytes);
  return static_cast<std::uint16_t>(bytes[0] << 8 | bytes[1]);
}

inline void set_network_port(in_port_t& field, std::uint16_t port) noexcept {
  const unsigned char bytes[2] = {static_cast<unsigned char>(port >> 8), static_cast<unsigned char>(port & 0xff)};
  std::memcpy(&field, bytes, sizeof bytes);
}

// `size` bytes of the path, as the system counts them.
[[gnu::noinline, gnu::cold]] inline auto decode_unix(const sockaddr_storage& from, std::size_t size) noexcept -> socket_address {
  sockaddr_un local;
  std::memcpy(&local, &from, sizeof local);
  if (size > sizeof local.sun_path) size = sizeof local.sun_path;
  std::string_view bytes{local.sun_path, size};
  if (bytes.front() != '\0') {
    std::size_t length = 1;
    while (length < size && bytes[length] != '\0') ++length;
    bytes = bytes.substr(0, length);
  }
  if (const auto path = unix_path::from_bytes(bytes)) return *path;
  return {};
}

}  // namespace detail

namespace os {

/// Writes an address as `bind`, `connect` and `sendto` take it. Gives the length to pass with it, 0 for an address that is nowhere.
/// \src ip(7), ipv6(7), unix(7)
[[nodiscard, gnu::noinline, gnu::cold]] inline auto encode(const socket_address& address, sockaddr_storage& out) noexcept -> socklen_t {
  if (const auto where = address.as_ip()) {
    if (where->address.is_v4()) {
      sockaddr_in four{};
      four.sin_family = AF_INET;
      detail::set_network_port(four.sin_port, where->port);
      const auto bytes = where->address.to_v4();
      std::memcpy(&four.sin_addr, bytes.data(), bytes.size());
      std::memcpy(&out, &four, sizeof four);
      return sizeof four;
    }
    sockaddr_in6 six{};
    six.sin6_family = AF_INET6;
    detail::set_network_port(six.sin6_port, where->port);
    std::memcpy(&six.sin6_addr, where->address.to_v6().data(), sizeof six.sin6_addr);
    six.sin6_scope_id = where->address.scope();
    std::memcpy(&out, &six, sizeof six);
    return sizeof six;
  }
  if (const auto path = address.as_unix()) {
    sockaddr_un local{};
    local.sun_family = AF_UNIX;
    const std::string_view bytes = path->bytes();
    static_assert(sizeof local.sun_path == unix_path::capacity);
    std::memcpy(local.sun_path, bytes.data(), bytes.size());
    std::memcpy(&out, &local, sizeof local);
    // An abstract name is as long as its length says; a path ends with a zero byte, which is counted where there is room for it.
    const bool closing_zero = !path->is_abstract() && bytes.size() < sizeof local.sun_path;
    return static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + bytes.size() + (closing_zero ? 1 : 0));
  }
  return 0;
}

/// Reads an address that `accept`, `getsockname` or `recvfrom` wrote. `length` is what the system gave, which may be beyond the storage's
/// size. An unnamed socket and a family that has no portable form are nowhere.
/// \src ip(7), ipv6(7), unix(7)
[[nodiscard, gnu::noinline]] inline auto decode(const sockaddr_storage& from, socklen_t length) noexcept -> socket_address {
  constexpr std::size_t path_begins = offsetof(sockaddr_un, sun_path);
  if (length < sizeof from.ss_family) return {};
  if (from.ss_family == AF_INET && length >= sizeof(sockaddr_in)) {
    sockaddr_in four;
    std::memcpy(&four, &from, sizeof four);
    ip::v4_bytes bytes;
    std::memcpy(bytes.data(), &four.sin_addr, bytes.size());
    return ip::endpoint{bytes, detail::network_port(four.sin_port)};
  }
  if (from.ss_family == AF_INET6 && length >= sizeof(sockaddr_in6)) {
    sockaddr_in6 six;
    std::memcpy(&six, &from, sizeof six);
    ip::v6_bytes bytes;
    std::memcpy(bytes.data(), &six.sin6_addr, bytes.size());
    return ip::endpoint{ip::address{bytes, six.sin6_scope_id}, detail::network_port(six.sin6_port)};
  }
  if (from.ss_family == AF_UNIX && length > path_begins) return detail::decode_unix(from, length - path_begins);
  return {};
}

}  // namespace os

}  // namespace sluice::inline v0

#endif
