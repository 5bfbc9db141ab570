// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// From a request to the code of its operation, and from a raw result to its value. Part of the policy backend::readiness.

#include <sluice/backend/readiness/calls.hpp>
#include <sluice/backend/readiness/calls_file.hpp>
#include <sluice/backend/readiness/calls_net.hpp>
#include <sluice/backend/readiness/request.hpp>
#include <sluice/op/list.hpp>
#include <sluice/os/sockaddr.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstdint>
#include <type_traits>

namespace sluice::inline v0::detail::readiness {

/// Makes the call of an operation where it may block. Its raw result.
template <class Os>
auto block(request& one) noexcept -> std::int32_t {
  if (one.code == foreign_code) return static_cast<std::int32_t>(static_cast<foreign_request&>(one).perform_it(one.description));
  return operations::with(one.code, [&]<class Op>() noexcept -> std::int32_t {
    const auto& op = *static_cast<const Op*>(one.description);
    if constexpr (requires { calls<Op>::template block<Os>(op, static_cast<scratch<Op>&>(one)); })
      return static_cast<std::int32_t>(calls<Op>::template block<Os>(op, static_cast<scratch<Op>&>(one)));
    else
      return -EPERM;
  });
}

/// The value of a raw result that is not negative.
template <class Op>
auto value_of(const scratch<Op>& keep, std::int32_t raw) noexcept {
  using type = typename Op::result_type;
  if constexpr (std::is_same_v<Op, op::accept>)
    return accepted{.socket = socket_handle{raw}, .peer = os::decode(keep.address, keep.length)};
  else if constexpr (std::is_same_v<Op, op::getsockname>)
    return os::decode(keep.address, keep.length);
  else if constexpr (std::is_same_v<Op, op::getsockopt>)
    return keep.value;
  else
    return static_cast<type>(raw);
}

}  // namespace sluice::inline v0::detail::readiness

#endif
