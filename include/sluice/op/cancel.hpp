// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Asking an operation to end. Layer: op.

#include <sluice/fwd.hpp>

#include <string_view>

namespace sluice::inline v0::aio {
struct record;
}  // namespace sluice::inline v0::aio

namespace sluice::inline v0::op {

/// Asks an operation of the same ring to end. Result: nothing if it was found and cancelled; the operation's own completion stays the
/// truth.
/// \errors `errc::not_found` if it is done already or unknown, `errc::in_progress` if it can no longer be interrupted  \src
/// io_uring_prep_cancel(3)
struct cancel {
  const aio::record* operation = nullptr;             ///< the `aio::operation` to end; only its address counts
  using result_type = void;                           ///< nothing
  static constexpr std::string_view name = "cancel";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) { visit("operation", &cancel::operation); }
};

}  // namespace sluice::inline v0::op
