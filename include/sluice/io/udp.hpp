// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// UDP sockets. Layer: io.

#include <sluice/address.hpp>
#include <sluice/buffer.hpp>
#include <sluice/io/socket.hpp>
#include <sluice/op/message.hpp>
#include <sluice/op/net.hpp>
#include <sluice/result.hpp>

#include <cstddef>
#include <span>
#include <system_error>
#include <utility>

namespace sluice::inline v0::io {

/// How a UDP socket is made.
struct udp_options {
  bool reuse_address = false;  ///< others may bind to the same endpoint, who all set this; for multicast
  bool reuse_port = false;     ///< several sockets bind to one port and share its datagrams, one a core for example
  bool broadcast = false;      ///< may send to a broadcast address
  bool only_v6 = false;        ///< an IPv6 socket takes no IPv4 traffic
};

/// A datagram that was received.
struct datagram {
  std::size_t bytes = 0;   ///< in the buffer; 0 is a datagram without data, not an end
  ip::endpoint peer;       ///< who sent it
  bool truncated = false;  ///< the buffer was too small; the rest of it is gone
};

/// A UDP socket. Datagrams may be lost, doubled or change places on their way; one that arrives is whole. Several tasks may send and
/// receive at once. \src udp(7)
template <class Config>
class basic_udp_socket : public basic_socket<Config> {
 public:
  using basic_socket<Config>::basic_socket;

  /// A socket without an endpoint: the system gives it one when it first sends or connects.
  /// \errors those of socket(2) and setsockopt(2); `address_family_not_supported` for local sockets
  [[nodiscard]] static auto open(socket_domain family = socket_domain::ipv4, const udp_options& options = {}) noexcept
      -> result<basic_udp_socket> {
    if (family == socket_domain::local) return failure(std::errc::address_family_not_supported);
    const auto made = basic_udp_socket::perform(op::socket{.domain = family, .type = socket_type::datagram});
    if (!made) return std::unexpected{made.error()};
    basic_udp_socket socket{*made};
    const std::pair<socket_option, bool> switches[] = {{socket_option::reuse_address, options.reuse_address},
                                                       {socket_option::reuse_port, options.reuse_port},
                                                       {socket_option::broadcast, options.broadcast},
                                                       {socket_option::ipv6_only, options.only_v6 && family == socket_domain::ipv6}};
    for (const auto& [option, wanted] : switches) {
      if (!wanted) continue;
      if (const auto set = socket.set(option); !set) return std::unexpected{set.error()};
    }
    return socket;
  }
  /// A socket that receives at an endpoint; port 0 takes any free one, which `local` tells.
  /// \errors as above; those of bind(2), `address_in_use` for one
  [[nodiscard]] static auto bind(ip::endpoint where, const udp_options& options = {}) noexcept -> result<basic_udp_socket> {
    auto socket = open(domain_of(where), options);
    if (!socket) return socket;
    if (const auto bound = basic_udp_socket::perform(op::bind{.socket = socket->handle(), .address = where}); !bound)
      return std::unexpected{bound.error()};
    return socket;
  }

  /// Chooses the peer that `send` sends to and whose datagrams alone are received from then on; may be called again for another one.
  /// \errors those of connect(2)
  auto connect(ip::endpoint peer) noexcept -> result<void> {
    return basic_udp_socket::perform(op::connect{.socket = this->handle(), .address = peer});
  }

  /// Sends one datagram. It is sent whole or not at all.
  /// \errors those of sendmsg(2): `message_size` for more than fits into one, `permission_denied` for a broadcast address without the
  /// option, `connection_refused` where a former one met nobody; `operation_canceled`
  auto send_to(std::span<const std::byte> data, ip::endpoint peer) noexcept -> result<void> {
    const const_buffer one{data};
    return whole(basic_udp_socket::perform(op::send_msg{.socket = this->handle(), .buffers = {&one, 1}, .address = peer}), data);
  }
  /// Waits for the next datagram.
  /// \errors those of recvmsg(2), `connection_refused` on a connected socket whose datagrams met nobody; `operation_canceled`
  [[nodiscard]] auto receive_from(std::span<std::byte> buffer) noexcept -> result<datagram> {
    const mutable_buffer one{buffer};
    const auto got = basic_udp_socket::perform(op::recv_msg{.socket = this->handle(), .buffers = {&one, 1}});
    if (!got) return std::unexpected{got.error()};
    return datagram{.bytes = got->bytes,
                    .peer = got->peer.as_ip().value_or(ip::endpoint{}),
                    .truncated = (got->flags & message_flags::truncated) != message_flags::none};
  }

  /// Sends one datagram to the peer that it is connected to. \errors those of `send_to`; `destination_address_required` without a peer
  auto send(std::span<const std::byte> data) noexcept -> result<void> {
    return whole(basic_udp_socket::perform(op::send{.socket = this->handle(), .buffer = data}), data);
  }
  /// Waits for the next datagram, whoever it is from. Result: its bytes, of which there may be none.
  /// \units bytes  \errors those of `receive_from`; `message_size` if it was longer than the buffer, which has its beginning
  [[nodiscard]] auto receive(std::span<std::byte> buffer) noexcept -> result<std::size_t> {
    const auto got = basic_udp_socket::perform(op::recv{.socket = this->handle(), .buffer = buffer, .flags = recv_flags::truncate});
    if (got && *got > buffer.size()) return failure(std::errc::message_size);
    return got;
  }
  /// `receive`, as `byte_source` names it: one datagram. \units bytes  \errors as above
  [[nodiscard]] auto read_some(std::span<std::byte> buffer) noexcept -> result<std::size_t> { return receive(buffer); }
  /// `send`, as `byte_sink` names it: one datagram. Result: all of its bytes. \units bytes  \errors as above
  auto write_some(std::span<const std::byte> data) noexcept -> result<std::size_t> {
    if (const auto sent = send(data); !sent) return std::unexpected{sent.error()};
    return data.size();
  }

  /// Its own endpoint. \errors those of getsockname(2)
  [[nodiscard]] auto local() const noexcept -> result<ip::endpoint> { return endpoint_of(this->local_address()); }

 private:
  static auto whole(const result<std::size_t>& sent, std::span<const std::byte> data) noexcept -> result<void> {
    if (!sent) return std::unexpected{sent.error()};
    if (*sent != data.size()) return failure(std::errc::message_size);
    return {};
  }
};

}  // namespace sluice::inline v0::io
