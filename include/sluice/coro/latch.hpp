// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A count that goes down to zero once. Layer: coro.

#include <sluice/coro/event.hpp>
#include <sluice/result.hpp>

#include <cassert>
#include <cstddef>

namespace sluice::inline v0::coro {

/// Opens when so many have been counted down, and stays open. Nothing in it is atomic.
/// \lifetime nobody waits for it when it is destroyed
template <class Config>
class basic_latch {
 public:
  /// For so many; open from the start for none.
  constexpr explicit basic_latch(std::size_t expected) noexcept : left_{expected}, open_{expected == 0} {}
  basic_latch(const basic_latch&) = delete;
  auto operator=(const basic_latch&) -> basic_latch& = delete;

  /// Counts down. \pre not more than are left
  void count_down(std::size_t count = 1) noexcept {
    assert(count <= left_ && "[sluice.coro.latch] a latch was counted down more often than it was made for");
    left_ = count < left_ ? left_ - count : 0;
    if (left_ == 0) open_.set();
  }
  /// Whether it is open.
  [[nodiscard]] auto try_wait() const noexcept -> bool { return open_.is_set(); }
  /// Waits until it is open. \errors as `basic_event::wait`
  [[nodiscard]] auto wait() noexcept -> result<void> { return open_.wait(); }
  /// Counts down, then waits; what was counted stays counted. \errors as `basic_event::wait`
  [[nodiscard]] auto arrive_and_wait(std::size_t count = 1) noexcept -> result<void> {
    count_down(count);
    return wait();
  }

 private:
  std::size_t left_;
  basic_event<Config> open_;
};

}  // namespace sluice::inline v0::coro
