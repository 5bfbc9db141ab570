// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Taking connections on bad days. Layer: io.

#include <sluice/coro/io.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/interval.hpp>
#include <sluice/op/net.hpp>
#include <sluice/op/time.hpp>
#include <sluice/result.hpp>

#include <expected>
#include <system_error>

namespace sluice::inline v0::io {

/// How a socket listens.
struct listen_options {
  int backlog = 4096;         ///< connections that may wait to be accepted; the system caps it
  bool reuse_address = true;  ///< binds although connections of a former owner linger; not looked at for local sockets
  bool reuse_port = false;    ///< several sockets bind to one port and share its connections, one a core for example
  bool only_v6 = false;       ///< an IPv6 socket takes no IPv4 connections
};

/// \cond
inline constexpr interval retry_accept_after = interval::nanoseconds(10'000'000);

// Whether the next accept may go well at once: this client alone has failed, before it was accepted.
inline auto is_of_client(const std::error_code& why) noexcept -> bool {
  for (const auto one :
       {std::errc::connection_aborted, std::errc::protocol_error, std::errc::interrupted, std::errc::network_down,
        std::errc::no_protocol_option, std::errc::host_unreachable, std::errc::network_unreachable, std::errc::connection_reset})
    if (why == one) return true;
  return false;
}
// Whether it would fail again at once, and go well when something has been given back.
inline auto is_want(const std::error_code& why) noexcept -> bool {
  for (const auto one :
       {std::errc::too_many_files_open, std::errc::too_many_files_open_in_system, std::errc::no_buffer_space, std::errc::not_enough_memory})
    if (why == one) return true;
  return false;
}

// The next connection, or the reason why there will be none. The listener is asked for its handle each time: once it is closed, another one
// may have the number.
template <class Config, class Listener>
auto accept_next(const Listener& listener) noexcept -> result<accepted> {
  for (;;) {
    auto got = coro::task_io<Config>::io(op::accept{.socket = listener.handle()});
    if (got) return got;
    if (is_of_client(got.error())) continue;
    if (!is_want(got.error())) return got;
    if (const auto slept = coro::task_io<Config>::io(op::timeout{.after = retry_accept_after}); !slept)
      return std::unexpected{slept.error()};
  }
}
/// \endcond

}  // namespace sluice::inline v0::io
