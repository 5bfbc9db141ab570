// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The tasks that can run, first in, first out. Layer: coro.

#include <sluice/coro/frame.hpp>

namespace sluice::inline v0::coro {

/// A queue through `fiber::next`; never allocates. Its owner sees to it that it is not empty when it takes from it.
/// \complexity O(1)
template <class Config>
class ready_queue {
 public:
  ready_queue() noexcept = default;
  ready_queue(const ready_queue&) = delete;
  auto operator=(const ready_queue&) -> ready_queue& = delete;

  /// Whether nobody is in it.
  [[nodiscard]] auto empty() const noexcept -> bool { return head_ == nullptr; }
  /// Puts one at the end.
  [[gnu::always_inline]] void push(fiber<Config>& one) noexcept {
    one.next = nullptr;
    *tail_ = &one;
    tail_ = &one.next;
  }
  /// Takes the first one; there is one.
  [[gnu::always_inline]] auto pop() noexcept -> fiber<Config>& {
    fiber<Config>& one = *head_;
    head_ = one.next;
    if (head_ == nullptr) tail_ = &head_;
    return one;
  }
  /// Forgets all.
  void clear() noexcept {
    head_ = nullptr;
    tail_ = &head_;
  }

 private:
  fiber<Config>* head_ = nullptr;
  fiber<Config>** tail_ = &head_;
};

}  // namespace sluice::inline v0::coro
