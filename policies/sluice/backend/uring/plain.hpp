// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations that are plain calls: those that cannot wait, and those whose opcode the running kernel lacks. Part of the policy
/// backend::io_uring.

#include <sluice/backend/uring/prepare.hpp>
#include <sluice/event_source.hpp>

#if defined(__linux__)

#include <liburing.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include <sys/eventfd.h>
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

/// Adds a token.
template <class Os>
auto notify(event_source_state& source) noexcept -> int {
  auto seen = source.word.load(std::memory_order_relaxed);
  while (event_source_state::descriptor_in(seen) < 0) {
    if (source.word.compare_exchange_weak(seen, seen + 1, std::memory_order_release, std::memory_order_relaxed)) return 0;
  }
  const std::uint64_t one = 1;
  for (;;) {
    const auto outcome = Os::write(event_source_state::descriptor_in(seen), &one, sizeof(one));
    if (outcome >= 0) return 0;
    if (outcome != -EINTR) return static_cast<int>(outcome);
  }
}

/// Takes a token that lies in the word; false where there is none.
inline auto take_token(event_source_state& source) noexcept -> bool {
  auto seen = source.word.load(std::memory_order_relaxed);
  while (event_source_state::descriptor_in(seen) < 0 && (seen & event_source_state::token_mask) != 0)
    if (source.word.compare_exchange_weak(seen, seen - 1, std::memory_order_acquire, std::memory_order_relaxed)) return true;
  return false;
}

/// Makes the descriptor of a source if it has none; the tokens in the word move into it. Zero, or minus the error.
template <class Os>
auto ensure_descriptor(event_source_state& source) noexcept -> int {
  auto seen = source.word.load(std::memory_order_acquire);
  while (event_source_state::descriptor_in(seen) < 0) {
    const auto tokens = static_cast<unsigned>(seen & event_source_state::token_mask);
    const int made = Os::eventfd(tokens, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
    if (made < 0) return made;
    if (source.word.compare_exchange_strong(seen, event_source_state::word_for(made), std::memory_order_acq_rel)) return 0;
    (void)Os::close(made);
  }
  return 0;
}

template <class Os>
auto call_once(const ::io_uring_sqe& e) noexcept -> int {
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
