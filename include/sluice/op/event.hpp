// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations on event sources. Layer: op.

#include <sluice/event_source.hpp>

#include <string_view>

namespace sluice::inline v0::op {

/// Waits for a token and takes it. Each token lets exactly one waiter pass; a token whose waiter was cancelled is not lost. Result:
/// nothing.
/// \errors `operation_canceled`; `bad_file_descriptor` without a source; `too_many_files_open` if the first wait finds no descriptor  \src
/// eventfd(2)
struct wait_event {
  event_source_ref source = {};                           ///< must outlive the operation
  using result_type = void;                               ///< nothing
  static constexpr std::string_view name = "wait_event";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) { visit("source", &wait_event::source); }
};

/// Adds a token; never waits. Result: nothing.
/// \errors `bad_file_descriptor` without a source  \src eventfd(2)
struct notify_event {
  event_source_ref source = {};                             ///< must outlive the operation
  using result_type = void;                                 ///< nothing
  static constexpr std::string_view name = "notify_event";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) { visit("source", &notify_event::source); }
};

}  // namespace sluice::inline v0::op
