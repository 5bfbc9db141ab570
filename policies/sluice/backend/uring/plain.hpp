// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations that are plain calls: those that cannot wait, and those whose opcode the running kernel lacks. Part of the policy
/// backend::io_uring.

#include <sluice/backend/uring/prepare.hpp>
#include <sluice/event_source.hpp>
#include <sluice/os/event_tokens.hpp>

#if defined(__linux__)

#include <liburing.h>

#include <cerrno>
#include <cstdint>

#include <sys/socket.h>

namespace sluice::inline v0::detail::uring {

/// Whether an operation never has an entry of its own: it is a plain call on every kernel.
template <class Op>
inline constexpr bool always_plain = false;
template <>
inline constexpr bool always_plain<op::getsockname> = true;
template <>
inline constexpr bool always_plain<op::setsockopt> = true;
template <>
inline constexpr bool always_plain<op::getsockopt> = true;
template <>
inline constexpr bool always_plain<op::notify_event> = true;

/// Whether an operation cannot wait, so that a plain call does as well as an entry.
template <class Op>
inline constexpr bool never_waits = always_plain<Op>;
template <>
inline constexpr bool never_waits<op::socket> = true;
template <>
inline constexpr bool never_waits<op::bind> = true;
template <>
inline constexpr bool never_waits<op::listen> = true;
template <>
inline constexpr bool never_waits<op::shutdown> = true;

/// Operations that the kernel itself can run as part of a chain. Closes are not its business, for it would skip them; times are not, for
/// what waits for one could not be taken back from the kernel without losing the time that has passed.
template <class Op>
inline constexpr bool linkable =
    !(always_plain<Op> || std::is_same_v<Op, op::wait_event> || std::is_same_v<Op, op::close_file> ||
      std::is_same_v<Op, op::close_socket> || std::is_same_v<Op, op::timeout> || std::is_same_v<Op, op::link_timeout>);

using os::ensure_descriptor;
using os::notify;
using os::take_token;

template <class Os>
[[gnu::cold]] auto call_once(const ::io_uring_sqe& e) noexcept -> int {
  auto* const address = reinterpret_cast<void*>(static_cast<std::uintptr_t>(e.addr));
  switch (e.opcode) {
    case opcode::bind: return Os::bind(e.fd, static_cast<const ::sockaddr*>(address), static_cast<::socklen_t>(e.off));
    case opcode::listen: return Os::listen(e.fd, static_cast<int>(e.len));
    case IORING_OP_SOCKET: return Os::socket(e.fd, static_cast<int>(e.off), static_cast<int>(e.len));
    case IORING_OP_SHUTDOWN: return Os::shutdown(e.fd, static_cast<int>(e.len));
    case opcode::plain_notify: return notify<Os>(*static_cast<event_source_state*>(address));
    case opcode::plain_getsockname:
      return Os::getsockname(e.fd, static_cast<::sockaddr*>(address), reinterpret_cast<::socklen_t*>(static_cast<std::uintptr_t>(e.off)));
    case opcode::plain_setsockopt: return Os::setsockopt(e.fd, static_cast<int>(e.len), static_cast<int>(e.off), address, sizeof(int));
    case opcode::plain_getsockopt: {
      auto* const keep = static_cast<scratch<op::getsockopt>*>(address);
      return Os::getsockopt(e.fd, static_cast<int>(e.len), static_cast<int>(e.off), &keep->value, &keep->length);
    }
    default: return -EINVAL;
  }
}

/// Does by a plain call what an entry says. The raw result.
template <class Os>
auto call(const ::io_uring_sqe& e) noexcept -> int {
  for (;;) {
    if (const int outcome = call_once<Os>(e); outcome != -EINTR) return outcome;
  }
}

}  // namespace sluice::inline v0::detail::uring

#endif
