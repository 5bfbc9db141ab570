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

#include <cstdint>
#include <type_traits>

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
template <>
inline constexpr bool always_plain<op::cancel_handle> = true;

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

/// Whether there are values of an operation that no entry can hold; `fits_entry` looks at them.
template <class Op>
inline constexpr bool may_not_fit = false;
template <class Op>
auto fits_entry(const Op&) noexcept -> bool {
  return true;
}

/// Whether an operation may be a plain call on some kernel, or for some values.
template <class Op>
inline constexpr bool may_be_plain = os::has_native_op<Op>;

/// Has an entry stand for `call(what, kept)`, a plain call. Zero.
inline auto set_plain(::io_uring_sqe& e, int (*call)(const void*, void*) noexcept, const void* what, void* kept) noexcept -> int {
  set_entry(e, opcode::plain_op, -1, what, 0, reinterpret_cast<std::uintptr_t>(kept));
  e.addr3 = reinterpret_cast<std::uintptr_t>(call);
  return 0;
}

/// Makes the plain call of an operation. The raw result.
template <class Os, os::has_native_op Op>
auto make_plain(const void* op, void* keep) noexcept -> int {
  return os::make_call<Os>(*static_cast<const Op*>(op), *static_cast<scratch<Op>*>(keep));
}

/// Makes the plain call that an entry stands for. The raw result.
inline auto call(const ::io_uring_sqe& e) noexcept -> int {
  return reinterpret_cast<int (*)(const void*, void*) noexcept>(static_cast<std::uintptr_t>(e.addr3))(
      reinterpret_cast<const void*>(static_cast<std::uintptr_t>(e.addr)), reinterpret_cast<void*>(static_cast<std::uintptr_t>(e.off)));
}

using os::ensure_descriptor;
using os::notify;
using os::take_token;

}  // namespace sluice::inline v0::detail::uring

#endif
