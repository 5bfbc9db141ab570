// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A list without constructors, for what must be zeros to begin with. Layer: detail.

namespace sluice::inline v0::detail {

/// A list in both directions, through the members `next` and `previous` of its elements: one can be taken out anywhere. Plain data, zeros
/// are empty.
/// \complexity O(1) each \allocates nothing
template <class T>
struct plain_list {
  T* head;
  T* tail;

  [[nodiscard]] auto empty() const noexcept -> bool { return head == nullptr; }
  void push_back(T& one) noexcept {
    one.next = nullptr;
    one.previous = tail;
    (tail == nullptr ? head : tail->next) = &one;
    tail = &one;
  }
  /// Into an empty one.
  [[gnu::always_inline]] void push_first(T& one) noexcept {
    one.next = nullptr;
    one.previous = nullptr;
    head = &one;
    tail = &one;
  }
  void erase(T& one) noexcept {
    (one.previous == nullptr ? head : one.previous->next) = one.next;
    (one.next == nullptr ? tail : one.next->previous) = one.previous;
  }
  auto pop_front() noexcept -> T* {
    T* const one = head;
    if (one != nullptr) erase(*one);
    return one;
  }
};

}  // namespace sluice::inline v0::detail
