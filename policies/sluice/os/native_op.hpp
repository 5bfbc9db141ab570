// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations as the system's own calls, which every backend of a system shares. A policy's part.

#include <cerrno>
#include <cstdint>

namespace sluice::inline v0::os {

/// One operation in the system's own terms. A specialisation has
/// * `kept`: what the system reads or writes beside the user's own memory while it is in flight;
/// * `call<Os>(op, kept)`: the plain call that makes it, and its raw result: not negative, or minus an error;
/// * `may_block`: whether that call may wait for a device;
/// * `value(op, kept, raw)`, where the operation's value is more than the raw result.
///
/// A backend gives the call to a thread, makes it in place, or uses what the system has instead; what is kept and the value stay the same.
template <class Op>
struct native_op;

/// What most operations have in common. Not for use by itself.
struct plain_native_op {
  struct kept {};                          ///< nothing
  static constexpr bool may_block = true;  ///< on a device
};

/// Whether an operation is described so.
template <class Op>
concept has_native_op = requires { typename native_op<Op>::kept; };

/// Makes the call of an operation, again for as long as a signal interrupts it. The raw result.
template <class Os, has_native_op Op>
auto make_call(const Op& op, typename native_op<Op>::kept& keep) noexcept -> std::int32_t {
  for (;;) {
    const auto outcome = static_cast<std::int32_t>(native_op<Op>::template call<Os>(op, keep));
    if (outcome != -EINTR) return outcome;
  }
}

}  // namespace sluice::inline v0::os
