// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// TCP connections and where they are accepted. Layer: io.

#include <sluice/address.hpp>
#include <sluice/io/acceptor.hpp>
#include <sluice/io/happy_eyeballs.hpp>
#include <sluice/io/resolver.hpp>
#include <sluice/io/socket.hpp>
#include <sluice/result.hpp>

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>

namespace sluice::inline v0::io {

/// How a TCP connection is made.
struct connect_options {
  bool no_delay = true;                                         ///< small segments are sent at once
  ip::endpoint local = {};                                      ///< where from; the default leaves it to the system
  interval attempt_delay = interval::nanoseconds(250'000'000);  ///< how long one address of a host may try alone; RFC 8305 section 5
};

/// One end of a TCP connection. \src tcp(7)
template <class Config>
class basic_tcp_stream : public basic_connection<Config, basic_tcp_stream<Config>> {
 public:
  /// None.
  constexpr basic_tcp_stream() noexcept = default;
  /// Takes over a connected socket, and whom it is connected to, where that is known.
  explicit constexpr basic_tcp_stream(socket_handle connected, ip::endpoint peer = {}) noexcept
      : basic_connection<Config, basic_tcp_stream>{connected}, peer_{peer} {}

  /// Connects to an endpoint.
  /// \errors those of socket(2), bind(2) and connect(2); `operation_canceled`
  [[nodiscard]] static auto connect(ip::endpoint peer, const connect_options& options = {}) noexcept -> result<basic_tcp_stream> {
    auto made = basic_tcp_stream::perform(op::socket{.domain = domain_of(peer)});
    if (!made) return std::unexpected{made.error()};
    basic_tcp_stream stream{*made, peer};
    if (options.no_delay) {
      if (const auto set = stream.set(socket_option::no_delay); !set) return std::unexpected{set.error()};
    }
    if (options.local != ip::endpoint{}) {
      if (const auto bound = basic_tcp_stream::perform(op::bind{.socket = *made, .address = options.local}); !bound)
        return std::unexpected{bound.error()};
    }
    if (const auto connected = basic_tcp_stream::perform(op::connect{.socket = *made, .address = peer}); !connected)
      return std::unexpected{connected.error()};
    return stream;
  }
  /// Finds the addresses of a host, which may be written as an address, and connects to the one that answers first: the addresses of both
  /// protocols in turn, each a little after the one before it unless that has failed, and those that lose are closed.
  /// \errors those of `basic_resolver::resolve`, else those of the last attempt; `operation_canceled`  \allocates  \src RFC 8305
  [[nodiscard]] static auto connect(std::string_view host, std::uint16_t port, const connect_options& options = {})
      -> result<basic_tcp_stream> {
    auto found = basic_resolver<Config>{}.resolve(host, port);
    if (!found) return std::unexpected{found.error()};
    interleave_families(*found);
    return first_to_answer<Config>(*found, options.attempt_delay, [&](ip::endpoint peer) { return connect(peer, options); });
  }

  /// Whom it is connected to, as the one who accepted or connected it knows it.
  [[nodiscard]] constexpr auto peer() const noexcept -> ip::endpoint { return peer_; }
  /// Its own endpoint. \errors those of getsockname(2)
  [[nodiscard]] auto local() const noexcept -> result<ip::endpoint> { return endpoint_of(this->local_address()); }

 private:
  ip::endpoint peer_;
};

/// A socket that TCP connections are accepted from. \src tcp(7)
template <class Config>
class basic_tcp_listener : public basic_socket<Config> {
 public:
  using stream_type = basic_tcp_stream<Config>;  ///< what it accepts
  using basic_socket<Config>::basic_socket;

  /// Listens on an endpoint; port 0 takes any free one, which `local` tells. Connections send small segments at once.
  /// \errors those of socket(2), bind(2) and listen(2), `address_in_use` for one
  [[nodiscard]] static auto bind(ip::endpoint where, const listen_options& options = {}) noexcept -> result<basic_tcp_listener> {
    auto made = basic_tcp_listener::perform(op::socket{.domain = domain_of(where)});
    if (!made) return std::unexpected{made.error()};
    basic_tcp_listener listener{*made};
    const std::pair<socket_option, bool> switches[] = {{socket_option::reuse_address, options.reuse_address},
                                                       {socket_option::reuse_port, options.reuse_port},
                                                       {socket_option::ipv6_only, options.only_v6 && where.address.is_v6()},
                                                       {socket_option::no_delay, true}};
    for (const auto& [option, wanted] : switches) {
      if (!wanted) continue;
      if (const auto set = listener.set(option); !set) return std::unexpected{set.error()};
    }
    if (const auto bound = basic_tcp_listener::perform(op::bind{.socket = *made, .address = where}); !bound)
      return std::unexpected{bound.error()};
    if (const auto listening = basic_tcp_listener::perform(op::listen{.socket = *made, .backlog = options.backlog}); !listening)
      return std::unexpected{listening.error()};
    return listener;
  }

  /// The next connection; an error only if there will be none. A client that left while it waited is passed over, and while descriptors or
  /// memory are wanting it waits for some to be given back: clients wait meanwhile, and nothing spins.
  /// \errors `operation_canceled`; `bad_file_descriptor` or `invalid_argument` where it does not listen
  [[nodiscard]] auto accept() noexcept -> result<stream_type> {
    auto got = accept_next<Config>(*this);
    if (!got) return std::unexpected{got.error()};
    return stream_type{got->socket, got->peer.as_ip().value_or(ip::endpoint{})};
  }
  /// Where it listens. \errors those of getsockname(2)
  [[nodiscard]] auto local() const noexcept -> result<ip::endpoint> { return endpoint_of(this->local_address()); }
};

}  // namespace sluice::inline v0::io
