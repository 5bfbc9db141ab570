// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Stacks that run out when a test says so.

#include <sluice/sluice.hpp>

#include <string_view>
#include <system_error>

#include <coro/fixture.hpp>

namespace fixture {

/// `roomy`, and none at all while `has_none`.
struct scarce_stacks {
  static constexpr auto kind = sluice::policy_kind::stack;
  static constexpr std::string_view name = "scarce";

  auto allocate() noexcept -> sluice::result<sluice::stack_span> {
    if (has_none) return sluice::failure(std::errc::not_enough_memory);
    return below.allocate();
  }
  void deallocate(sluice::stack_span stack) noexcept { below.deallocate(stack); }

  static inline bool has_none = false;
  roomy below;
};

}  // namespace fixture
