// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The contract of an `Os`: the system calls behind the policies, replaceable by a test. Layer: concept.

#include <sluice/concept/clock.hpp>
#include <sluice/result.hpp>

#include <concepts>
#include <cstddef>

namespace sluice::inline v0 {

/// A type of static functions, one a system call, the last template parameter of every policy that makes any. What each policy needs beyond
/// memory and clocks it names itself; a test derives from the real type and hides the call that is to fail.
///
/// `map` gives zeroed memory that is not counted until touched; `unmap` takes it back.
template <class O>
concept os_policy = clock_source<O> && requires(std::byte* address, std::size_t bytes) {
  { O::page_bytes() } noexcept -> std::convertible_to<std::size_t>;
  { O::map(bytes) } noexcept -> std::same_as<result<std::byte*>>;
  O::unmap(address, bytes);
};

}  // namespace sluice::inline v0
