// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations on sockets. Layer: op.

#include <sluice/address.hpp>
#include <sluice/bitmask.hpp>
#include <sluice/handle.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::inline v0 {

/// What a socket's addresses look like.
/// \src socket(2)
enum class socket_domain : std::uint8_t {
  ipv4,   ///< `AF_INET`
  ipv6,   ///< `AF_INET6`
  local,  ///< `AF_UNIX`
};

/// How a socket carries data.
/// \src socket(2)
enum class socket_type : std::uint8_t {
  stream,            ///< a stream of bytes
  datagram,          ///< single messages
  sequenced_packet,  ///< a stream of messages
};

/// Which half of a connection is shut down.
enum class shutdown_how : std::uint8_t {
  receive,  ///< nothing more is read
  send,     ///< nothing more is written; the peer reads to its end
  both,     ///< both
};

/// How bytes are received. The values are Linux's own, so that nothing is translated there.
/// \src recv(2)
enum class recv_flags : std::uint32_t {
  none = 0,              ///< as usual
  out_of_band = 0x1,     ///< urgent data
  peek = 0x2,            ///< leaves them to be received again
  truncate = 0x20,       ///< gives a datagram's real length even if the buffer was shorter
  dont_wait = 0x40,      ///< an error instead of a wait
  wait_all = 0x100,      ///< waits until the buffer is full, the stream ends or fails
  error_queue = 0x2000,  ///< an error that the system has queued, instead of data; for `recv_msg`
};
/// Bits.
template <>
inline constexpr bool is_bitmask<recv_flags> = true;

/// How bytes are sent. The values are Linux's own, so that nothing is translated there.
/// \src send(2)
enum class send_flags : std::uint32_t {
  none = 0,                 ///< as usual
  out_of_band = 0x1,        ///< urgent data
  dont_route = 0x4,         ///< to hosts on this network only
  dont_wait = 0x40,         ///< an error instead of a wait
  end_of_record = 0x80,     ///< ends a record on sockets that have them
  wait_all = 0x100,         ///< goes on until all is sent or the stream fails
  confirm = 0x800,          ///< the peer has answered lately, so it need not be looked for again
  more = 0x8000,            ///< more follows at once; may be held back to fill a packet
  fast_open = 0x2000'0000,  ///< opens the connection with the first data
};
/// Bits.
template <>
inline constexpr bool is_bitmask<send_flags> = true;

/// A property of a socket that is a number.
/// \src socket(7), tcp(7), ipv6(7)
enum class socket_option : std::uint8_t {
  reuse_address,   ///< binds although connections of a former owner linger
  reuse_port,      ///< several sockets bind to one port and share its connections
  no_delay,        ///< sends small segments at once
  keep_alive,      ///< probes a silent peer
  receive_buffer,  ///< bytes the system buffers for reading
  send_buffer,     ///< bytes the system buffers for writing
  broadcast,       ///< may send to a broadcast address
  ipv6_only,       ///< an IPv6 socket takes no IPv4 traffic
  error,           ///< the pending error, as the system's own number; reading takes it; cannot be set
};

/// A connection that was accepted.
struct accepted {
  socket_handle socket = {};  ///< the new socket, which the caller closes
  socket_address peer;        ///< who connected; none for an unnamed peer
};

/// Who made the other end of a local connection.
struct peer_credentials {
  int process = 0;          ///< its number
  std::uint32_t user = 0;   ///< its user
  std::uint32_t group = 0;  ///< its group
};

namespace op {

/// Makes a socket, close-on-exec. Result: the handle, which the caller closes.
/// \errors those of socket(2)  \src socket(2)
struct socket {
  socket_domain domain = socket_domain::ipv4;         ///< which addresses
  socket_type type = socket_type::stream;             ///< which kind of traffic
  int protocol = 0;                                   ///< 0: the only or usual one
  using result_type = socket_handle;                  ///< the new handle
  static constexpr std::string_view name = "socket";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("domain", &socket::domain);
    visit("type", &socket::type);
    visit("protocol", &socket::protocol);
  }
};

/// Gives a socket its own address. Result: nothing.
/// \errors those of bind(2)  \os a plain call before Linux 6.11  \src bind(2)
struct bind {
  socket_handle socket = {};                        ///< not bound
  socket_address address = {};                      ///< port 0: any free one
  using result_type = void;                         ///< nothing
  static constexpr std::string_view name = "bind";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("socket", &bind::socket);
    visit("address", &bind::address);
  }
};

/// Makes a socket take connections. Result: nothing.
/// \errors those of listen(2)  \os a plain call before Linux 6.11  \src listen(2)
struct listen {
  socket_handle socket = {};                          ///< bound
  int backlog = 4096;                                 ///< connections that may wait; the system caps it
  using result_type = void;                           ///< nothing
  static constexpr std::string_view name = "listen";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("socket", &listen::socket);
    visit("backlog", &listen::backlog);
  }
};

/// Takes the next connection. Result: its socket (close-on-exec) and the peer's address. A success that races with a cancel still gives the
/// socket.
/// \errors those of accept(2)  \src accept4(2)
struct accept {
  socket_handle socket = {};                          ///< listens
  using result_type = accepted;                       ///< socket and peer
  static constexpr std::string_view name = "accept";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) { visit("socket", &accept::socket); }
};

/// Connects to an address. Result: nothing. Where it failed or was cancelled the socket is good for nothing but to be closed.
/// \errors those of connect(2)  \src connect(2)
struct connect {
  socket_handle socket = {};                           ///< not connected
  socket_address address = {};                         ///< the peer's
  using result_type = void;                            ///< nothing
  static constexpr std::string_view name = "connect";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("socket", &connect::socket);
    visit("address", &connect::address);
  }
};

/// Receives at most `buffer.size()` bytes. Result: bytes received, 0 at end of stream.
/// \units bytes  \errors those of recv(2); `operation_canceled`  \src recv(2)
struct recv {
  socket_handle socket = {};                        ///< connected
  std::span<std::byte> buffer = {};                 ///< filled from its start; must live until done
  recv_flags flags = recv_flags::none;              ///< how
  using result_type = std::size_t;                  ///< bytes
  static constexpr std::string_view name = "recv";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("socket", &recv::socket);
    visit("buffer", &recv::buffer);
    visit("flags", &recv::flags);
  }
};

/// Sends at most `buffer.size()` bytes; fewer is no error unless `wait_all` is set. Result: bytes sent. Never raises a signal.
/// One send at a time a stream socket, unless linked: two in flight may change places (asserted in debug builds).
/// \units bytes  \errors those of send(2), `broken_pipe` for a closed peer; `operation_canceled`  \src send(2)
struct send {
  socket_handle socket = {};                        ///< connected
  std::span<const std::byte> buffer = {};           ///< must live, unchanged, until done
  send_flags flags = send_flags::none;              ///< how
  using result_type = std::size_t;                  ///< bytes
  static constexpr bool sends = true;               ///< in order, on a stream
  static constexpr std::string_view name = "send";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("socket", &send::socket);
    visit("buffer", &send::buffer);
    visit("flags", &send::flags);
  }
};

/// Shuts down one or both halves of a connection. Result: nothing.
/// \errors those of shutdown(2)  \src shutdown(2)
struct shutdown {
  socket_handle socket = {};                            ///< connected
  shutdown_how how = shutdown_how::both;                ///< which half
  using result_type = void;                             ///< nothing
  static constexpr std::string_view name = "shutdown";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("socket", &shutdown::socket);
    visit("how", &shutdown::how);
  }
};

/// Closes a socket: first cancels this ring's operations on it, is done after them, and is never skipped. Result: nothing.
/// \errors those of close(2); the handle is gone in any case  \src close(2)
struct close_socket {
  socket_handle socket = {};                                ///< gives up its number
  using result_type = void;                                 ///< nothing
  static constexpr bool closes_handle = true;               ///< never skipped, never cancelled
  static constexpr std::string_view name = "close_socket";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) { visit("socket", &close_socket::socket); }
};

/// Gives a socket's own address, as after a bind to port 0. Never waits. Result: the address.
/// \errors those of getsockname(2)  \src getsockname(2)
struct getsockname {
  socket_handle socket = {};                               ///< any
  using result_type = socket_address;                      ///< its address
  static constexpr std::string_view name = "getsockname";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) { visit("socket", &getsockname::socket); }
};

/// Sets a property of a socket. Never waits. Result: nothing.
/// \errors those of setsockopt(2)  \src setsockopt(2)
struct setsockopt {
  socket_handle socket = {};                              ///< any
  socket_option option = socket_option::reuse_address;    ///< which
  int value = 1;                                          ///< to what; 0 and 1 where it is a switch
  using result_type = void;                               ///< nothing
  static constexpr std::string_view name = "setsockopt";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("socket", &setsockopt::socket);
    visit("option", &setsockopt::option);
    visit("value", &setsockopt::value);
  }
};

/// Reads a property of a socket. Never waits. Result: its value.
/// \errors those of getsockopt(2)  \src getsockopt(2)
struct getsockopt {
  socket_handle socket = {};                              ///< any
  socket_option option = socket_option::reuse_address;    ///< which
  using result_type = int;                                ///< the value
  static constexpr std::string_view name = "getsockopt";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("socket", &getsockopt::socket);
    visit("option", &getsockopt::option);
  }
};

}  // namespace op
}  // namespace sluice::inline v0
