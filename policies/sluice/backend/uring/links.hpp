// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What the kernel may be given as a chain. Part of the policy backend::io_uring.

#include <sluice/backend/uring/plain.hpp>
#include <sluice/concept/backend.hpp>
#include <sluice/concept/operation.hpp>
#include <sluice/op/list.hpp>

#if defined(__linux__)

#include <type_traits>

namespace sluice::inline v0::detail::uring {

/// Whether the kernel goes on with a chain although this operation in it has failed.
template <class Op>
inline constexpr bool failure_is_ignored = false;
template <>
inline constexpr bool failure_is_ignored<op::fsync> = true;
template <>
inline constexpr bool failure_is_ignored<op::shutdown> = true;

/// Whether an operation that was ended cannot be started again as if nothing had been.
template <class Op>
inline constexpr bool leaves_traces = false;
template <>
inline constexpr bool leaves_traces<op::connect> = true;

/// Whether an operation is one of these.
template <class Op, class... Others>
inline constexpr bool is_any_of = (std::is_same_v<Op, Others> || ...);

/// Whether an operation may wait for somebody else without an end.
template <class Op>
inline constexpr bool waits_for_peer =
    is_any_of<Op, op::recv, op::send, op::recv_msg, op::send_msg, op::accept, op::connect, op::poll_once, op::splice, op::tee, op::read_tty,
              op::wait_signal, op::child_exit, op::read, op::readv, op::write, op::writev>;

/// Whether the kernel, which has no other way, may make an operation on one of its threads. What follows it in a chain would be made on
/// that thread, and hold it, with all that waits for a thread, for as long as it waits.
template <class Op>
inline constexpr bool may_take_thread = !is_any_of<Op, op::nop, op::recv, op::send, op::recv_msg, op::send_msg, op::accept, op::poll_once>;

/// Where the kernel runs an operation in a chain as the library would. Closes are not its business, for it would skip them; times are not,
/// for what waits for one could not be taken back from the kernel without losing the time that has passed.
template <class Op>
consteval auto place_in_chain() noexcept -> chain_place {
  if (always_plain<Op> || may_not_fit<Op> || closes_handle<Op> || is_any_of<Op, op::wait_event, op::timeout, op::link_timeout>)
    return chain_place::nowhere;
  auto place = chain_place::last;
  if (!failure_is_ignored<Op> && !leaves_traces<Op>) place |= chain_place::before_others;
  if (may_take_thread<Op>) place |= chain_place::bars_waiters;
  if (waits_for_peer<Op>) place |= chain_place::waiter;
  return place;
}

}  // namespace sluice::inline v0::detail::uring

#endif
