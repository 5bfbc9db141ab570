// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Portable names of socket options in the system's own numbers. A policy's part.

#include <sluice/op/net.hpp>

#if defined(__unix__) || defined(__APPLE__)

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

namespace sluice::inline v0::os {

/// Where the system keeps an option.
struct native_option {
  int level;  ///< protocol
  int name;   ///< number within it
};

/// The system's own numbers for an option.
[[nodiscard]] constexpr auto option_of(socket_option option) noexcept -> native_option {
  switch (option) {
    case socket_option::reuse_address: return {SOL_SOCKET, SO_REUSEADDR};
    case socket_option::reuse_port: return {SOL_SOCKET, SO_REUSEPORT};
    case socket_option::no_delay: return {IPPROTO_TCP, TCP_NODELAY};
    case socket_option::keep_alive: return {SOL_SOCKET, SO_KEEPALIVE};
    case socket_option::receive_buffer: return {SOL_SOCKET, SO_RCVBUF};
    case socket_option::send_buffer: return {SOL_SOCKET, SO_SNDBUF};
    case socket_option::broadcast: return {SOL_SOCKET, SO_BROADCAST};
    case socket_option::ipv6_only: return {IPPROTO_IPV6, IPV6_V6ONLY};
    case socket_option::error: return {SOL_SOCKET, SO_ERROR};
  }
  return {-1, -1};
}

/// Whether a handle is a stream socket.
template <class Os>
[[nodiscard]] auto is_stream_socket(int handle) noexcept -> bool {
  int type = 0;
  ::socklen_t length = sizeof(type);
  return Os::getsockopt(handle, SOL_SOCKET, SO_TYPE, &type, &length) == 0 && type == SOCK_STREAM;
}

}  // namespace sluice::inline v0::os

#endif
