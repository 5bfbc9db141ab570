// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Puts a list of tasks in order of age, where nothing may be allocated. Layer: coro.

#include <sluice/coro/frame.hpp>

#include <array>
#include <utility>

namespace sluice::inline v0::coro {

/// \cond
template <class Config>
auto merge_newest_first(frame<Config>* a, frame<Config>* b) noexcept -> frame<Config>* {
  frame<Config>* head = nullptr;
  frame<Config>** end = &head;
  while (a != nullptr && b != nullptr) {
    frame<Config>*& newer = a->id > b->id ? a : b;
    *end = newer;
    end = &newer->mark;
    newer = newer->mark;
  }
  *end = a != nullptr ? a : b;
  return head;
}
/// \endcond

/// Sorts a list that hangs together by `mark`, the newest task first; gives its head.
/// \complexity O(n log n)  \allocates nothing
template <class Config>
auto newest_first(frame<Config>* list) noexcept -> frame<Config>* {
  // Sorted lists, the i-th of 2^i tasks or none.
  std::array<frame<Config>*, 40> sorted{};
  while (list != nullptr) {
    frame<Config>* one = std::exchange(list, list->mark);
    one->mark = nullptr;
    std::size_t i = 0;
    for (; sorted[i] != nullptr; ++i) one = merge_newest_first(std::exchange(sorted[i], nullptr), one);
    sorted[i] = one;
  }
  frame<Config>* all = nullptr;
  for (auto* part : sorted) all = merge_newest_first(all, part);
  return all;
}

}  // namespace sluice::inline v0::coro
