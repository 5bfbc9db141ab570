// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A listener by plain operations, for examples that batch its own with others.

#include "owned.hpp"
#include <sluice/address.hpp>
#include <sluice/handle.hpp>
#include <sluice/op/net.hpp>
#include <sluice/result.hpp>

#include <expected>
#include <initializer_list>
#include <system_error>
#include <utility>

namespace support {

/// A socket that listens, and where.
template <class Coro>
struct listener {
  owned_socket<Coro> socket;
  sluice::socket_address address;
};

/// Listens on an endpoint; port 0 takes any free one. `switches` are set to 1.
///
/// None of these operations can wait. Alone in its call, such a one is a plain system call and no trip through the ring.
template <class Coro, class... Switches>
auto listen_on(sluice::ip::endpoint where, Switches... switches) -> sluice::result<listener<Coro>> {
  namespace op = sluice::op;
  const auto made = Coro::io(op::socket{.domain = where.address.is_v6() ? sluice::socket_domain::ipv6 : sluice::socket_domain::ipv4});
  if (!made) return std::unexpected{made.error()};
  owned_socket<Coro> socket{*made};
  for (const sluice::socket_option option : std::initializer_list<sluice::socket_option>{switches...})
    if (const auto set = Coro::io(op::setsockopt{.socket = *made, .option = option}); !set) return std::unexpected{set.error()};
  if (const auto bound = Coro::io(op::bind{.socket = *made, .address = where}); !bound) return std::unexpected{bound.error()};
  if (const auto listening = Coro::io(op::listen{.socket = *made}); !listening) return std::unexpected{listening.error()};
  const auto address = Coro::io(op::getsockname{.socket = *made});
  if (!address) return std::unexpected{address.error()};
  return listener<Coro>{std::move(socket), *address};
}

}  // namespace support
