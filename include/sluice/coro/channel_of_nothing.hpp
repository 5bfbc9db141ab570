// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What a channel of `void` is: one sentence. Layer: coro.

#include <sluice/result.hpp>

#include <cstddef>

namespace sluice::inline v0::coro {

/// \cond
// Has what a program would call next, so that nothing else is said.
template <class Config>
class channel_of_nothing {
  static constexpr bool has_items = sizeof(Config) == 0;
  static_assert(has_items, "[sluice.coro.channel] a channel of void has no items to hand on; give it an empty struct");

 public:
  explicit channel_of_nothing(std::size_t /*capacity*/ = 0) noexcept {}
  auto send() noexcept -> result<void> { return {}; }
  auto try_send() noexcept -> result<void> { return {}; }
  auto receive() noexcept -> result<void> { return {}; }
  auto try_receive() noexcept -> result<void> { return {}; }
  void close() noexcept {}
};
/// \endcond

}  // namespace sluice::inline v0::coro
