// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Asking an operation to end. Layer: op.

#include <sluice/fwd.hpp>
#include <sluice/handle.hpp>

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

/// Asks every operation that this ring has in flight on a handle to end, closes excepted; each one's own completion stays the truth. Those
/// on a duplicate of the handle, or of another ring, are not touched. Never waits. Result: nothing, also if there is none.
/// \src io_uring_prep_cancel(3)
struct cancel_handle {
  any_handle handle = {};                                    ///< of any kind
  using result_type = void;                                  ///< nothing
  static constexpr std::string_view name = "cancel_handle";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) { visit("handle", &cancel_handle::handle); }
};

/// Asks every operation that this ring has in flight to end, those of all its tasks included; each one's own completion stays the truth.
/// Result: nothing.
/// \src io_uring_prep_cancel(3)
struct cancel_all {
  using result_type = void;                               ///< nothing
  static constexpr std::string_view name = "cancel_all";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&&) {}
};

}  // namespace sluice::inline v0::op
