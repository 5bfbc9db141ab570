// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What sockets of all kinds have in common, and connected ones. Layer: io.

#include <sluice/address.hpp>
#include <sluice/buffer.hpp>
#include <sluice/io/byte_stream.hpp>
#include <sluice/io/object.hpp>
#include <sluice/op/message.hpp>
#include <sluice/op/net.hpp>
#include <sluice/result.hpp>

#include <cstddef>
#include <span>
#include <system_error>

namespace sluice::inline v0::io {

/// \cond
inline auto domain_of(const ip::endpoint& where) noexcept -> socket_domain {
  return where.address.is_v6() ? socket_domain::ipv6 : socket_domain::ipv4;
}
inline auto endpoint_of(const result<socket_address>& from) noexcept -> result<ip::endpoint> {
  if (!from) return std::unexpected{from.error()};
  return from->as_ip().value_or(ip::endpoint{});
}
/// \endcond

/// A socket with an owner.
template <class Config>
class basic_socket : public basic_object<Config, socket_handle> {
 public:
  using basic_object<Config, socket_handle>::basic_object;

  /// Its own address. Never waits. \errors those of getsockname(2)
  [[nodiscard]] auto local_address() const noexcept -> result<socket_address> {
    return basic_socket::perform(op::getsockname{.socket = this->handle()});
  }
  /// Sets a property. Never waits. \errors those of setsockopt(2)
  auto set(socket_option option, int value = 1) noexcept -> result<void> {
    return basic_socket::perform(op::setsockopt{.socket = this->handle(), .option = option, .value = value});
  }
  /// Reads a property. Never waits. \errors those of getsockopt(2)
  [[nodiscard]] auto get(socket_option option) const noexcept -> result<int> {
    return basic_socket::perform(op::getsockopt{.socket = this->handle(), .option = option});
  }
};

/// One end of a connection that carries bytes in order. One task may read while another one writes.
template <class Config, class Self>
class basic_connection : public basic_socket<Config>, public reading<Self>, public writing<Self> {
 public:
  using basic_socket<Config>::basic_socket;
  using writing<Self>::write_all;

  /// Receives at most `buffer.size()` bytes. Result: bytes received, 0 at the end of the stream.
  /// \units bytes  \errors those of recv(2); `operation_canceled`
  [[nodiscard]] auto read_some(std::span<std::byte> buffer) noexcept -> result<std::size_t> {
    return basic_connection::perform(op::recv{.socket = this->handle(), .buffer = buffer});
  }
  /// Fills the whole buffer. \errors as above; `errc::end_of_stream` if the stream ends before: what came is in the buffer
  [[nodiscard]] auto read_exactly(std::span<std::byte> buffer) noexcept -> result<void> {
    // One operation as a rule. What is cut short by a cancel gives what it has, and the next one says why.
    while (!buffer.empty()) {
      const auto got = basic_connection::perform(op::recv{.socket = this->handle(), .buffer = buffer, .flags = recv_flags::wait_all});
      if (!got) return std::unexpected{got.error()};
      if (*got == 0) return ended_early();
      buffer = buffer.subspan(*got);
    }
    return {};
  }
  /// Sends at most `buffer.size()` bytes. Result: bytes sent.
  /// \units bytes  \errors those of send(2), `broken_pipe` for a closed peer, never a signal; `operation_canceled`
  [[nodiscard]] auto write_some(std::span<const std::byte> buffer) noexcept -> result<std::size_t> {
    return basic_connection::perform(op::send{.socket = this->handle(), .buffer = buffer});
  }
  /// Sends what the system takes of several pieces, at most 1024 of them. Result: bytes sent.
  /// \units bytes  \errors as above; `invalid_argument` for more pieces
  [[nodiscard]] auto write_some(std::span<const const_buffer> pieces) noexcept -> result<std::size_t> {
    return send_gathered(pieces, send_flags::none);
  }
  /// Sends all of it. \errors as above; some of the bytes may have been sent then
  [[nodiscard]] auto write_all(std::span<const std::byte> buffer) noexcept -> result<void> {
    while (!buffer.empty()) {
      const auto put = basic_connection::perform(op::send{.socket = this->handle(), .buffer = buffer, .flags = send_flags::wait_all});
      if (!put) return std::unexpected{put.error()};
      buffer = buffer.subspan(*put);
    }
    return {};
  }
  /// Sends several pieces, as one message as far as the system takes them. \errors as above
  [[nodiscard]] auto write_all(std::span<const const_buffer> pieces) noexcept -> result<void> {
    return write_gathered(*this, pieces,
                          [this](std::span<const const_buffer> some) noexcept { return send_gathered(some, send_flags::wait_all); });
  }
  /// Ends one half of the connection, or both: after `send` the peer reads to its end, and this side may read on.
  /// \errors those of shutdown(2)
  auto shutdown(shutdown_how how = shutdown_how::send) noexcept -> result<void> {
    return basic_connection::perform(op::shutdown{.socket = this->handle(), .how = how});
  }

 private:
  // Where the other side has ended its half some systems cannot wait for room by readiness, but in a call only; that for several pieces
  // then heeds O_NONBLOCK, which the socket may have been given with. The one for a single piece waits.
  auto send_gathered(std::span<const const_buffer> pieces, send_flags flags) noexcept -> result<std::size_t> {
    const auto sent = basic_connection::perform(op::send_msg{.socket = this->handle(), .buffers = pieces, .flags = flags});
    if (!sent && sent.error() == std::errc::resource_unavailable_try_again) [[unlikely]]
      for (const auto& one : pieces)
        if (one.size != 0) return write_some(std::span<const std::byte>{one.data, one.size});
    return sent;
  }
};

}  // namespace sluice::inline v0::io
