// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// How an operation is made by plain calls: one small struct each. Part of the policy backend::readiness.

#include <sluice/backend/readiness/request.hpp>
#include <sluice/concept/operation.hpp>
#include <sluice/concept/service.hpp>
#include <sluice/op/list.hpp>
#include <sluice/os/native_file.hpp>
#include <sluice/os/native_message.hpp>
#include <sluice/os/native_net.hpp>
#include <sluice/os/native_op.hpp>
#include <sluice/os/native_process.hpp>

#if defined(__linux__)

#include <cerrno>
#include <concepts>
#include <cstdint>

namespace sluice::inline v0::detail::readiness {

/// How an operation is served.
enum class served : std::uint8_t {
  nowhere,   ///< not at all
  at_once,   ///< by a call that cannot wait
  reading,   ///< tried, and tried again when its descriptor can be read
  writing,   ///< tried, and tried again when its descriptor can be written
  threaded,  ///< by a thread
  itself,    ///< by the backend itself
};

/// The same in the words of all backends.
[[nodiscard]] constexpr auto service_for(served how) noexcept -> service {
  switch (how) {
    case served::at_once: return service::call;
    case served::reading:
    case served::writing: return service::readiness;
    case served::threaded: return service::thread;
    case served::itself: return service::library;
    default: return service::nowhere;
  }
}

/// What an operation keeps beside itself while it is in flight: a request, and what the system reads or writes.
template <class Op>
struct scratch : request {};

/// How one operation is made. To add an operation, specialise this and add it to the list of operations; one that os/native_*.hpp
/// describes needs that only if it waits for a descriptor. A specialisation has
/// * `how`: see `served`;
/// * `attempt<Os>(op, scratch, row)` for all but `threaded` and `itself`: a call that does not block, and what came of it;
/// * `block<Os>(op, scratch)` for `threaded` and for an attempt that may ask for a thread: a call that may block, and its raw result;
/// * and, where they hold: `makes_descriptor`, the result is a new descriptor; `raises_sigpipe`; `has_two`, it may wait for either of two
///   descriptors; `must_try(op)`, it is no use to wait instead of trying; `descriptor(op)`, where its fields do not say it.
template <class Op>
struct calls {
  static constexpr auto how = served::nowhere;
};

/// Makes a call until no signal interrupts it.
template <class Call>
[[gnu::always_inline]] inline auto uninterrupted(Call&& call) noexcept {
  for (;;) {
    const auto outcome = call();
    if (outcome != -EINTR) [[likely]]
      return outcome;
  }
}

/// A user's own operation: `perform(const Op&)`, found by argument-dependent lookup, makes the call on a thread and gives its raw result.
template <class Op>
concept foreign_operation = operation_struct<Op> && requires(const Op& op) {
  { perform(op) } -> std::integral;
};

template <foreign_operation Op>
struct calls<Op> {
  static constexpr auto how = served::threaded;

  template <class Os>
  static auto block(const Op& op, request&) noexcept -> std::int64_t {
    return static_cast<std::int64_t>(perform(op));
  }
};

/// An operation that is described as a call of the system's: made in place if it cannot block, else by a thread.
template <os::has_native_op Op>
struct scratch<Op> : request, os::native_op<Op>::kept {};

template <os::has_native_op Op>
struct calls<Op> {
  static constexpr auto how = os::native_op<Op>::may_block ? served::threaded : served::at_once;

  template <class Os>
  static auto attempt(const Op& op, scratch<Op>& keep, row&) noexcept -> step {
    return over(os::make_call<Os>(op, keep));
  }
  template <class Os>
  static auto block(const Op& op, scratch<Op>& keep) noexcept -> std::int64_t {
    return os::make_call<Os>(op, keep);
  }
};

/// The descriptor that an operation works on, -1 for none.
template <class Op>
[[gnu::always_inline]] inline auto descriptor_of(const Op& op) noexcept -> int {
  if constexpr (requires { calls<Op>::descriptor(op); })
    return calls<Op>::descriptor(op);
  else
    return sluice::detail::handle_of(op);
}

template <class Op>
inline constexpr bool makes_descriptor = requires { calls<Op>::makes_descriptor; };
template <>
inline constexpr bool makes_descriptor<op::open_at> = true;
template <>
inline constexpr bool makes_descriptor<op::spawn_process> = true;
template <>
inline constexpr bool makes_descriptor<op::open_signals> = true;
template <class Op>
inline constexpr bool has_two = requires { calls<Op>::has_two; };
template <class Op>
inline constexpr bool raises_sigpipe = requires { calls<Op>::raises_sigpipe; };
template <class Op>
inline constexpr std::uint8_t direction_of = calls<Op>::how == served::reading   ? readiness_bits::in
                                             : calls<Op>::how == served::writing ? readiness_bits::out
                                                                                 : 0;

/// Whether an operation cannot wait in place of an attempt.
template <class Op>
[[gnu::always_inline]] inline auto must_try([[maybe_unused]] const Op& op) noexcept -> bool {
  if constexpr (requires { calls<Op>::must_try(op); })
    return calls<Op>::must_try(op);
  else
    return true;
}

}  // namespace sluice::inline v0::detail::readiness

#endif
