// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The two queues that a ring shares with the kernel. Part of the policy backend::io_uring.

#if defined(__linux__)

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace sluice::inline v0::detail::uring {

/// Entries on their way to the kernel. They are filled in place, in order, and published all at once. What is behind their `user_data` is
/// zero when they are given out: the kernel's memory is so at first, and is cleared only in a program that writes there. `Shift` is 1 where
/// an entry takes two places; `Polled` says that a thread of the kernel's takes entries whenever it likes, else they are taken while the
/// kernel is entered.
template <unsigned Shift, bool Polled>
class submission_queue {
 public:
  /// Of a ring that nothing was submitted to yet.
  explicit submission_queue(const ::io_uring_sq& queue) noexcept
      : next_{queue.sqes},
        stop_{queue.sqes},
        first_{queue.sqes},
        tail_word_{queue.ktail},
        head_word_{queue.khead},
        flags_word_{queue.kflags},
        entries_{queue.ring_entries} {}
  submission_queue(const submission_queue&) = delete;
  auto operator=(const submission_queue&) -> submission_queue& = delete;

  /// Whether it takes a look at what the kernel has taken before there is another entry.
  [[nodiscard]] auto is_stopped() const noexcept -> bool { return next_ == stop_; }
  /// Gives out no entry without such a look.
  void stop() noexcept { stop_ = next_; }
  /// Takes that look. False if the queue is full.
  auto look() noexcept -> bool {
    widen();
    return !is_stopped();
  }
  /// The next free entry, with what it held before, while it is not stopped.
  [[gnu::always_inline]] auto take_next() noexcept -> ::io_uring_sqe* {
    ::io_uring_sqe* const entry = next_;
    if (entry == nullptr) __builtin_unreachable();
    next_ = entry + step;
    return entry;
  }

  /// From now on whoever fills entries may write behind their `user_data`.
  void expect_tails() noexcept { has_tails_ = true; }

  /// How many entries are free.
  [[nodiscard]] auto room() const noexcept -> unsigned { return entries_ - (tail() - head()); }
  /// How many it holds at most.
  [[nodiscard]] auto size() const noexcept -> unsigned { return entries_; }
  /// Whether something was queued that the kernel was not given yet.
  [[nodiscard]] auto has_queued() const noexcept -> bool { return tail() != given_; }
  /// Whether the kernel has taken all that was queued.
  [[nodiscard]] auto all_taken() const noexcept -> bool { return tail() == head(); }

  /// Shows the kernel what is queued; how many entries it has yet to take. To be followed by `given` once it was entered.
  [[gnu::always_inline]] auto publish() noexcept -> unsigned {
    const unsigned tail = this->tail();
    // Nobody but this thread reads it, inside a system call.
    __atomic_store_n(tail_word_, tail, __ATOMIC_RELAXED);
    return tail - given_;
  }
  /// The kernel took all that `publish` said.
  [[gnu::always_inline]] void given(unsigned count) noexcept { given_ += count; }
  /// The kernel took less: the others count as queued again.
  void given_in_part() noexcept {
    if constexpr (!Polled) given_ = head();
  }

  /// The same where a thread of the kernel's takes the entries. How many are new.
  auto publish_to_thread() noexcept -> unsigned {
    const unsigned tail = this->tail();
    const unsigned fresh = tail - given_;
    given_ = tail;
    // The thread's flags must be read after the tail is visible, else one that just went to sleep is left asleep.
    (void)__atomic_exchange_n(tail_word_, tail, __ATOMIC_SEQ_CST);
    return fresh;
  }
  /// How many entries that thread has yet to take, if it has to be woken for that.
  [[nodiscard]] auto to_wake_for() const noexcept -> unsigned {
    return (__atomic_load_n(flags_word_, __ATOMIC_SEQ_CST) & IORING_SQ_NEED_WAKEUP) != 0 ? tail() - head() : 0;
  }

  /// What the kernel says of the ring.
  [[nodiscard]] auto flags() const noexcept -> unsigned { return __atomic_load_n(flags_word_, __ATOMIC_RELAXED); }

 private:
  static constexpr std::size_t step = std::size_t{1} << Shift;

  [[nodiscard]] auto tail() const noexcept -> unsigned { return lap_ + (static_cast<unsigned>(next_ - first_) >> Shift); }
  [[nodiscard]] auto head() const noexcept -> unsigned { return __atomic_load_n(head_word_, Polled ? __ATOMIC_ACQUIRE : __ATOMIC_RELAXED); }

  /// Looks how far entries can be used now: up to the first one that the kernel has yet to take, or to the end of the array.
  void widen() noexcept {
    if (next_ == first_ + entries_ * step) {
      next_ = first_;
      lap_ += entries_;
    }
    const unsigned to_end = entries_ - (static_cast<unsigned>(next_ - first_) >> Shift);
    const unsigned free = room();
    stop_ = next_ + (free < to_end ? free : to_end) * step;
    if (has_tails_) clear_tails();
  }

  [[gnu::noinline, gnu::cold]] void clear_tails() noexcept {
    constexpr std::size_t tail = offsetof(::io_uring_sqe, user_data) + sizeof(::io_uring_sqe::user_data);
    for (auto* entry = next_; entry != stop_; entry += step)
      std::memset(reinterpret_cast<std::byte*>(entry) + tail, 0, sizeof(*entry) - tail);
  }

  ::io_uring_sqe* next_;   // to be used next
  ::io_uring_sqe* stop_;   // not to be used before another look
  ::io_uring_sqe* first_;  // of the array
  unsigned lap_ = 0;       // number of the entry that the first of the array holds or held last
  unsigned given_ = 0;     // number of the first entry that the kernel was not given
  unsigned* tail_word_;
  unsigned* head_word_;
  unsigned* flags_word_;
  unsigned entries_;
  bool has_tails_ = false;
};

/// What the kernel has done. `Shift` is 1 where a completion takes two places.
template <unsigned Shift>
class completion_queue {
 public:
  /// Of a new ring.
  explicit completion_queue(const ::io_uring_cq& queue) noexcept
      : next_{queue.cqes},
        end_{queue.cqes + (static_cast<std::size_t>(queue.ring_entries) << Shift)},
        first_{queue.cqes},
        tail_word_{queue.ktail},
        head_word_{queue.khead},
        mask_{queue.ring_mask} {}
  completion_queue(const completion_queue&) = delete;
  auto operator=(const completion_queue&) -> completion_queue& = delete;

  /// Whether something is there.
  [[nodiscard]] auto has_some() const noexcept -> bool { return __atomic_load_n(tail_word_, __ATOMIC_ACQUIRE) != head_; }
  /// Whether `take_all` is at work.
  [[nodiscard]] auto is_busy() const noexcept -> bool { return *head_word_ != head_; }

  /// Hands all that is there to `give(completion)` and gives the places back to the kernel at the end; `give` must not call this again.
  template <class Give>
  [[gnu::always_inline]] void take_all(Give&& give) noexcept {
    unsigned head = head_;
    const unsigned tail = __atomic_load_n(tail_word_, __ATOMIC_ACQUIRE);
    if (head == tail) return;
    head_ = tail;
    do { give(*at(head)); } while (++head != tail);
    next_ = at(head);
    __atomic_store_n(head_word_, tail, __ATOMIC_RELEASE);
  }

  /// The same for as long as `give(completion)` says that it could be taken in the simple way. False if something is left: the first one
  /// that could not, or what lies behind the end of the array. `taken` tells how many.
  template <class Give>
  [[gnu::always_inline]] auto take_simple(Give&& give, std::uint32_t& taken) noexcept -> bool {
    const unsigned head = head_;
    const unsigned tail = __atomic_load_n(tail_word_, __ATOMIC_ACQUIRE);
    taken = tail - head;
    if (head == tail) [[unlikely]]
      return true;
    const ::io_uring_cqe* here = next_;
    const ::io_uring_cqe* const stop = here + (std::size_t{tail - head} << Shift);
    if (stop > end_) [[unlikely]] {
      taken = 0;
      return false;
    }
    head_ = tail;
    do {
      if (!give(*here)) [[unlikely]] {
        const unsigned left = static_cast<unsigned>(stop - here) >> Shift;
        taken -= left;
        stay_at(here, left);
        return false;
      }
      here += std::size_t{1} << Shift;
    } while (here != stop);
    next_ = stop;
    __atomic_store_n(head_word_, tail, __ATOMIC_RELEASE);
    return true;
  }

 private:
  [[nodiscard]] auto at(unsigned number) const noexcept -> const ::io_uring_cqe* {
    return first_ + (static_cast<std::size_t>(number & mask_) << Shift);
  }

  [[gnu::noinline, gnu::cold]] void stay_at(const ::io_uring_cqe* here, unsigned left) noexcept {
    head_ -= left;
    next_ = here;
    __atomic_store_n(head_word_, head_, __ATOMIC_RELEASE);
  }

  const ::io_uring_cqe* next_;  // the first one that was not taken, or the end
  const ::io_uring_cqe* end_;   // of the array
  const ::io_uring_cqe* first_;
  unsigned* tail_word_;
  unsigned* head_word_;
  unsigned mask_;
  unsigned head_ = 0;  // number of the first one that was not taken
};

}  // namespace sluice::inline v0::detail::uring

#endif
