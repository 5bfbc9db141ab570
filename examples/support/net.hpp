// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What the servers among the examples share: a listener, and an accept that survives bad days.

#include "owned.hpp"
#include <sluice/address.hpp>
#include <sluice/handle.hpp>
#include <sluice/interval.hpp>
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

/// The next connection; an error only if there will be none: the task was asked to end, or the listener is no longer one.
///
/// A client that left while it waited in the backlog costs nothing. Without descriptors or memory an accept would fail again at once, so
/// the loop waits until some connection may have been closed, and neither spins nor gives up.
template <class Coro>
auto accept_next(sluice::socket_handle listener) -> sluice::result<owned_socket<Coro>> {
  for (;;) {
    const auto accepted = Coro::io(sluice::op::accept{.socket = listener});
    if (accepted) return owned_socket<Coro>{accepted->socket};
    const auto& error = accepted.error();
    if (error == std::errc::operation_canceled || error == std::errc::bad_file_descriptor || error == std::errc::invalid_argument)
      return std::unexpected{error};
    if (error == std::errc::too_many_files_open || error == std::errc::too_many_files_open_in_system ||
        error == std::errc::no_buffer_space || error == std::errc::not_enough_memory) {
      if (const auto slept = Coro::sleep(sluice::interval::nanoseconds(10'000'000)); !slept) return std::unexpected{slept.error()};
    }
  }
}

}  // namespace support
