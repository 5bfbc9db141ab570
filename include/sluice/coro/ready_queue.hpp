// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The tasks that can run, first in, first out, and where the present tick ends among them. Layer: coro.

#include <sluice/coro/frame.hpp>

#include <cstddef>

namespace sluice::inline v0::coro {

/// A queue through `fiber::next`; never allocates. Its owner sees to it that it is not empty when it takes from it.
///
/// A tick is over when the last of those who were in the queue when it began has run: that one is in the queue, or it is running.
///
/// What is loaded from here decides where the processor goes on, so nothing is loaded that was stored a moment ago where a comparison of
/// what is at hand tells the same: an end is known by its address, not by a null behind it.
/// \complexity O(1)
template <class Config>
class ready_queue {
 public:
  /// Empty, while this one runs.
  explicit ready_queue(fiber<Config>& running) noexcept : last_{&running} {}
  ready_queue(const ready_queue&) = delete;
  auto operator=(const ready_queue&) -> ready_queue& = delete;

  /// Whether nobody is in it.
  [[nodiscard]] auto empty() const noexcept -> bool { return head_ == nullptr; }
  /// Whether a tick is over when this one, which runs, leaves; always so if nobody is in the queue.
  [[nodiscard]] auto ends_tick(const fiber<Config>& running) const noexcept -> bool { return last_ == &running; }
  /// Starts the next tick, of those who are here; there is one.
  void begin_tick() noexcept { last_ = tail_; }
  /// The same, of one that is not in the queue, and runs next; nobody else is there.
  void begin_tick_with(const fiber<Config>& one) noexcept { last_ = &one; }

  /// Puts one at the end.
  [[gnu::always_inline]] void push(fiber<Config>& one) noexcept {
    if (head_ == nullptr)
      head_ = &one;
    else
      tail_->next = &one;
    tail_ = &one;
  }
  /// For putting several at the end, one after the other, with nothing else done to the queue meanwhile: where the first one is noted. The
  /// others are, each in the `next` of the one before it.
  [[gnu::always_inline]] auto begin_many() noexcept -> fiber<Config>** { return empty() ? &head_ : &tail_->next; }
  /// After the last one: where yet another would be noted.
  [[gnu::always_inline]] void end_many(fiber<Config>** end) noexcept {
    tail_ = reinterpret_cast<fiber<Config>*>(reinterpret_cast<std::byte*>(end) - offsetof(fiber<Config>, next));
  }
  /// Takes the first one; there is one.
  [[gnu::always_inline]] auto pop() noexcept -> fiber<Config>& {
    fiber<Config>& one = *head_;
    if (&one == tail_)
      head_ = nullptr;
    else
      foresee(*(head_ = one.next));
    return one;
  }
  /// Puts the running one at the end and takes the first; there is one. Whoever ends the present tick goes on doing so. Where tasks only
  /// yield, a processor runs so far ahead that it finds what the next ones need by itself, and being told costs more than it gains: unless
  /// there is a `crowd`, so large that it is not in a cache.
  [[gnu::always_inline]] auto rotate(fiber<Config>& running, bool crowd) noexcept -> fiber<Config>& {
    fiber<Config>& first = *head_;
    if (&first == tail_) {
      head_ = &running;
    } else {
      tail_->next = &running;
      head_ = first.next;
      if (crowd) [[unlikely]]
        foresee(*head_);
    }
    tail_ = &running;
    return first;
  }
  /// Forgets all, while this one runs.
  void clear(fiber<Config>& running) noexcept {
    head_ = nullptr;
    last_ = &running;
  }

 private:
  // Whoever runs now gives the processor time to fetch the stack of the next one: with many tasks none of it is in a cache or in the TLB.
  [[gnu::always_inline]] static void foresee(const fiber<Config>& soon) noexcept {
    using context_type = typename fiber<Config>::context_type;
    if constexpr (requires { context_type::foresee(soon.context); }) context_type::foresee(soon.context);
  }

  // Head and tail apart, lest a compiler stores them as one and the processor has to take them apart again.
  fiber<Config>* head_ = nullptr;
  const fiber<Config>* last_;      // of the present tick
  fiber<Config>* tail_ = nullptr;  // of use only while there is a head
};

}  // namespace sluice::inline v0::coro
