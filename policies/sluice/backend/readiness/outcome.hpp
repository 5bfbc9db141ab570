// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// From a raw result to its value. Part of the policy backend::readiness.

#include <sluice/backend/readiness/calls.hpp>
#include <sluice/backend/readiness/calls_net.hpp>
#include <sluice/op/list.hpp>
#include <sluice/os/blocking_call.hpp>
#include <sluice/os/native_op.hpp>
#include <sluice/os/sockaddr.hpp>

#if defined(__linux__)

#include <cstdint>
#include <type_traits>

namespace sluice::inline v0::detail::readiness {

/// The value of a raw result that is not negative.
template <class Os, class Op>
auto value_of([[maybe_unused]] const Op& op, [[maybe_unused]] const scratch<Op>& keep, std::int32_t raw) noexcept {
  using type = typename Op::result_type;
  using native = os::native_op<Op>;
  if constexpr (requires { native::template value<Os>(op, keep, raw); })
    return native::template value<Os>(op, keep, raw);
  else if constexpr (requires { native::value(op, keep, raw); })
    return native::value(op, keep, raw);
  else if constexpr (std::is_same_v<Op, op::accept>)
    return accepted{.socket = socket_handle{raw}, .peer = os::decode(keep.address, keep.length)};
  else
    return static_cast<type>(raw);
}

/// What the backend derives from to have a `blocking_call`; see `backend_policy`. A socket of its own making never blocks, here too.
template <class Os>
struct blocking_calls : os::blocking_calls<Os> {
  /// Makes the call of an operation and waits in it. The raw result, or `takes_a_ring`.
  template <class Op>
    requires os::has_blocking_call<Op, Os, scratch<Op>>
  static auto blocking_call(const Op& op, scratch<Op>& keep) noexcept -> std::int32_t {
    if constexpr (calls<Op>::how == served::at_once) {
      row nothing{};
      return static_cast<std::int32_t>(calls<Op>::template attempt<Os>(op, keep, nothing).raw);
    } else {
      return os::blocking_calls<Os>::blocking_call(op, keep);
    }
  }
};

}  // namespace sluice::inline v0::detail::readiness

#endif
