// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The contract of a clock. Layer: concept.

#include <sluice/interval.hpp>

#include <concepts>

namespace sluice::inline v0 {

/// A type that tells the time; an `Os` is one. `now` is monotonic for `clock_kind::steady` and costs no system call where the platform
/// allows it.
template <class C>
concept clock_source = requires(clock_kind which) {
  { C::now(which) } noexcept -> std::same_as<time_point>;
};

}  // namespace sluice::inline v0
