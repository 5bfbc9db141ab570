// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// From a raw result to its value. Part of the policy backend::readiness.

#include <sluice/backend/readiness/calls.hpp>
#include <sluice/backend/readiness/calls_net.hpp>
#include <sluice/op/list.hpp>
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

}  // namespace sluice::inline v0::detail::readiness

#endif
