// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// `timers::heap`: deadlines in a heap of four children a parent. Layer: policy.

#include <sluice/concept/timers.hpp>
#include <sluice/fwd.hpp>
#include <sluice/interval.hpp>
#include <sluice/result.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <new>
#include <string_view>
#include <system_error>

namespace sluice::inline v0 {

namespace timers {

/// What a `timers::heap` can be told.
struct heap_options {
  std::uint32_t first =
      61;  ///< timers that the first allocation, made by the first `arm`, has room for (61 fill a KiB); it doubles from there
  std::uint32_t limit = 0x8000'0000U;  ///< timers that may be armed at once; one more is refused with not_enough_memory
};

/// Deadlines in one array ordered as a heap. Exact, and small: 16 bytes a timer beside its node.
///
/// Four siblings share a cache line, so that a level costs one miss. The removal of the earliest walks down to a leaf before it looks where
/// the last entry belongs, for that one nearly always belongs near the leaves. The owner disarms what it armed before it drops the policy.
/// \complexity `arm` O(1) for a deadline later than the armed ones, else O(log n), amortised; `disarm` O(1) on average, at most O(log n);
/// `expire` O(log n) a timer \allocates at the first `arm`, then whenever the number of armed timers has doubled; gives nothing back before
/// its end
/// \errors not_enough_memory; on error the node is not held
template <heap_options O = {}>
class heap {
 public:
  static constexpr auto kind = policy_kind::timers;  ///< what it decides
  static constexpr std::string_view name = "heap";   ///< what it is called

  /// Holds nothing and owns nothing.
  constexpr heap() noexcept {
    static_assert(
        O.first >= 1 && O.first <= O.limit && O.limit <= 0x8000'0000U,
        "[sluice.timers.heap] .first and .limit must satisfy 1 <= first <= limit <= 2^31; choose a smaller .first or a larger .limit");
  }
  heap(const heap&) = delete;
  auto operator=(const heap&) -> heap& = delete;
  /// Frees the array. Nodes that are still armed are forgotten.
  ~heap() {
    if (entries_ != nullptr) release_(entries_);
  }

  /// Takes a node whose deadline is set and which is not armed.
  /// \errors not_enough_memory
  auto arm(timer_node& node) noexcept -> result<void> {
    assert(!node.armed);
    if (size() >= room_ && !grow()) [[unlikely]] { return failure(std::errc::not_enough_memory); }
    node.armed = true;
    if (expiring_ && node.deadline <= now_) [[unlikely]] {
      hold_back(node);
    } else {
      insert(node);
    }
    return {};
  }

  /// Takes an armed node out again.
  void disarm(timer_node& node) noexcept {
    assert(node.armed);
    node.armed = false;
    if (node.slot == held_back) [[unlikely]] {
      drop_held_back(node);
    } else {
      remove(node.slot);
    }
  }

  /// The earliest deadline, `time_point::never()` where none is armed.
  /// \complexity O(1); inside `expire` O(n) in the nodes armed since it began that are due already
  [[nodiscard]] auto next() const noexcept -> time_point {
    auto earliest = count_ == 0 ? time_point::never() : time_point{entries_[root].deadline};
    for (const timer_node* node = oldest_held_back_; node != nullptr; node = node->link[1]) {
      if (node->deadline < earliest) earliest = node->deadline;
    }
    return earliest;
  }

  /// Disarms every node due at `now` and hands it to `fire`, in order of deadline, then of arming. `fire` may arm and disarm any node; a
  /// node that it arms fires in a later call. It must not call `expire`. A deadline of `time_point::never()` is never due.
  template <class Fire>
  void expire(time_point now, Fire&& fire) {
    if (now == time_point::never()) now.count -= 1;
    if (count_ == 0 || entries_[root].deadline > now.count) return;
    assert(!expiring_);
    const expiry scope{*this, now};
    do {
      timer_node& node = *entries_[root].node;
      node.armed = false;
      remove_earliest();
      if (count_ > 4) {  // one of these four is the next
        for (std::size_t slot = root + 1; slot < root + 5; ++slot) __builtin_prefetch(entries_[slot].node, 1);
      }
      fire(node);
    } while (count_ != 0 && entries_[root].deadline <= now.count);
  }

  /// How many are armed.
  [[nodiscard]] auto size() const noexcept -> std::size_t { return count_ + held_back_count_; }

 private:
  struct entry {
    std::int64_t deadline;
    timer_node* node;
  };

  // The root lies at index 3, so that the children of each parent fill one aligned line: those of i are 4i-8 ... 4i-5.
  static constexpr std::size_t root = 3;
  static constexpr std::size_t line = 64;
  static constexpr std::uint32_t held_back = std::numeric_limits<std::uint32_t>::max();

  // While one lives, what is armed and due already is kept out of the heap, so that it can't fire in the same call.
  struct expiry {
    heap& self;
    expiry(heap& owner, time_point now) noexcept : self{owner} {
      self.expiring_ = true;
      self.now_ = now;
    }
    expiry(const expiry&) = delete;
    auto operator=(const expiry&) -> expiry& = delete;
    ~expiry() {
      self.expiring_ = false;
      while (self.oldest_held_back_ != nullptr) {
        timer_node& node = *self.oldest_held_back_;
        self.drop_held_back(node);
        self.insert(node);
      }
    }
  };

  static constexpr auto parent_of(std::size_t slot) noexcept -> std::size_t { return slot / 4 + 2; }
  static constexpr auto children_of(std::size_t slot) noexcept -> std::size_t { return 4 * slot - 8; }
  [[nodiscard]] auto end() const noexcept -> std::size_t { return root + count_; }

  static auto before(const entry& left, const entry& right) noexcept -> bool {
    return left.deadline < right.deadline || (left.deadline == right.deadline && left.node->sequence < right.node->sequence);
  }

  void put(std::size_t slot, entry value) noexcept {
    entries_[slot] = value;
    value.node->slot = static_cast<std::uint32_t>(slot);
  }

  [[nodiscard]] auto earlier(std::size_t left, std::size_t right) const noexcept -> std::size_t {
    return before(entries_[right], entries_[left]) ? right : left;
  }

  // The earliest of the children that begin at `first`; 0 where there are none. No processor foresees which of four it is, so that is
  // computed without a branch; equal deadlines, which are rare, are looked at again.
  [[nodiscard]] auto earliest_child(std::size_t first) const noexcept -> std::size_t {
    if (first + 4 <= end()) [[likely]] {
      const entry* const four = entries_ + first;
      const auto left = static_cast<std::size_t>(four[1].deadline < four[0].deadline);
      const auto right = 2 + static_cast<std::size_t>(four[3].deadline < four[2].deadline);
      const std::int64_t left_deadline = four[left].deadline;
      const std::int64_t right_deadline = four[right].deadline;
      const std::size_t takes_right = std::size_t{0} - static_cast<std::size_t>(right_deadline < left_deadline);
      const auto equals = static_cast<unsigned>(four[0].deadline == four[1].deadline) |
                          static_cast<unsigned>(four[2].deadline == four[3].deadline) |
                          static_cast<unsigned>(left_deadline == right_deadline);
      if (equals == 0) [[likely]]
        return first + (left ^ ((left ^ right) & takes_right));
      return earlier(earlier(first, first + 1), earlier(first + 2, first + 3));
    }
    if (first >= end()) return 0;
    std::size_t best = first;
    for (std::size_t slot = first + 1; slot < end(); ++slot) best = earlier(best, slot);
    return best;
  }

  void sift_up(std::size_t slot, entry value) noexcept {
    while (slot > root) {
      const std::size_t parent = parent_of(slot);
      if (!before(value, entries_[parent])) break;
      put(slot, entries_[parent]);
      slot = parent;
    }
    put(slot, value);
  }

  void sift_down(std::size_t slot, entry value) noexcept {
    while (const std::size_t child = earliest_child(children_of(slot))) {
      if (!before(entries_[child], value)) break;
      put(slot, entries_[child]);
      slot = child;
    }
    put(slot, value);
  }

  void insert(timer_node& node) noexcept {
    const std::size_t slot = end();
    ++count_;
    node.sequence = sequence_++;
    sift_up(slot, entry{node.deadline.count, &node});
  }

  void remove(std::size_t slot) noexcept {
    --count_;
    if (slot == end()) return;
    const entry last = entries_[end()];
    if (slot > root && before(last, entries_[parent_of(slot)])) {
      sift_up(slot, last);
    } else {
      sift_down(slot, last);
    }
  }

  void remove_earliest() noexcept {
    --count_;
    if (count_ == 0) return;
    const entry last = entries_[end()];
    std::size_t slot = root;
    while (const std::size_t child = earliest_child(children_of(slot))) {
      // Behind the children of four siblings lie four lines in a row, asked for before it is known which one will be looked at. (Not in a
      // function of its own: g++ takes that for one without effect.)
      const std::size_t ahead = children_of(children_of(slot));
      if (ahead < end()) {
        for (std::size_t next = 0; next < 16; next += 4) __builtin_prefetch(entries_ + ahead + next);
      }
      put(slot, entries_[child]);
      slot = child;
    }
    sift_up(slot, last);
  }

  void hold_back(timer_node& node) noexcept {
    node.slot = held_back;
    node.link[0] = newest_held_back_;
    node.link[1] = nullptr;
    (newest_held_back_ != nullptr ? newest_held_back_->link[1] : oldest_held_back_) = &node;
    newest_held_back_ = &node;
    ++held_back_count_;
  }

  void drop_held_back(timer_node& node) noexcept {
    (node.link[0] != nullptr ? node.link[0]->link[1] : oldest_held_back_) = node.link[1];
    (node.link[1] != nullptr ? node.link[1]->link[0] : newest_held_back_) = node.link[0];
    --held_back_count_;
  }

  [[gnu::noinline, gnu::cold]] auto grow() noexcept -> bool {
    if (room_ >= O.limit) return false;
    std::size_t room = room_ == 0 ? O.first : 2 * room_ + root;
    if (room > O.limit) room = O.limit;
    if (room > (std::numeric_limits<std::size_t>::max() / sizeof(entry)) - line) return false;
    auto* larger = static_cast<entry*>(::operator new((root + room) * sizeof(entry), std::align_val_t{line}, std::nothrow));
    if (larger == nullptr) return false;
    for (std::size_t slot = root; slot < end(); ++slot) ::new (larger + slot) entry{entries_[slot]};
    release(entries_);
    release_ = &release;
    entries_ = larger;
    room_ = room;
    return true;
  }

  static void release(entry* entries) noexcept { ::operator delete(entries, std::align_val_t{line}); }

  entry* entries_ = nullptr;
  void (*release_)(entry*) noexcept = nullptr;  // set with them, so that programs that arm no timer do not contain it
  std::size_t count_ = 0;
  std::size_t room_ = 0;
  std::uint64_t sequence_ = 0;
  std::size_t held_back_count_ = 0;
  timer_node* oldest_held_back_ = nullptr;
  timer_node* newest_held_back_ = nullptr;
  time_point now_;
  bool expiring_ = false;
};

static_assert(timers_policy<heap<>>);

}  // namespace timers

}  // namespace sluice::inline v0
