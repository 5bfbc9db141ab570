// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A queue into which every thread puts and one thread takes. Layer: detail.

#include <sluice/detail/intrusive_list.hpp>

#include <atomic>

namespace sluice::inline v0 {

namespace detail {

/// An intrusive queue, linked through one member of its elements. Any thread may push, one thread at a time takes all there is, in the
/// order in which the pushes took effect. What a producer wrote before its push is seen by the consumer that takes the element. An element
/// belongs to the queue from its push until it is taken.
/// \complexity `push` lock-free, O(1) without contention; `take_all` O(n) \allocates nothing
template <class T, T* T::* Next>
class mpsc_queue {
 public:
  /// Empty.
  constexpr mpsc_queue() noexcept = default;
  mpsc_queue(const mpsc_queue&) = delete;
  auto operator=(const mpsc_queue&) -> mpsc_queue& = delete;

  /// Adds one, from any thread. Gives whether the queue was empty before: then, and only then, the consumer has to be woken.
  auto push(T& element) noexcept -> bool {
    T* newest = newest_.load(std::memory_order_relaxed);
    do {
      element.*Next = newest;
    } while (!newest_.compare_exchange_weak(newest, &element, std::memory_order_release, std::memory_order_relaxed));
    return newest == nullptr;
  }

  /// Whether there was no element at some moment during the call; from any thread.
  [[nodiscard]] auto empty() const noexcept -> bool { return newest_.load(std::memory_order_acquire) == nullptr; }

  /// Takes all elements, oldest first; from the consumer's thread.
  auto take_all() noexcept -> intrusive_fifo<T, Next> {
    intrusive_fifo<T, Next> taken;
    if (newest_.load(std::memory_order_relaxed) == nullptr) return taken;  // a look costs less than an exchange
    T* newest = newest_.exchange(nullptr, std::memory_order_acquire);
    while (newest != nullptr) {
      T* const older = newest->*Next;
      taken.push_front(*newest);
      newest = older;
    }
    return taken;
  }

 private:
  std::atomic<T*> newest_{nullptr};
};

}  // namespace detail

}  // namespace sluice::inline v0
