// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// `timers::wheel`: deadlines in wheels of slots, the finest a nanosecond wide. Layer: policy.

#include <sluice/concept/timers.hpp>
#include <sluice/fwd.hpp>
#include <sluice/interval.hpp>
#include <sluice/result.hpp>

#include <array>
#include <bit>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>

namespace sluice::inline v0 {

namespace timers {

/// What a `timers::wheel` can be told.
struct wheel_options {
  std::uint32_t bits = 6;  ///< of a deadline that one level tells apart, 2 to 8: a level has 2^bits slots of 16 bytes
  std::uint32_t few = 12;  ///< so many timers of one slot, 1 to 64, are put in order by comparing them; more go down a level first
};

/// \cond
// One sentence a mistake. True if there is none.
template <wheel_options O>
consteval auto check_wheel() -> bool {
  if constexpr (O.bits < 2 || O.bits > 8) {
    static_assert(O.bits >= 2 && O.bits <= 8,
                  "[sluice.timers.wheel_bits] a level of a wheel tells 2 to 8 bits of a deadline apart; give .bits such a number");
    return false;
  } else if constexpr (O.few < 1 || O.few > 64) {
    static_assert(O.few >= 1 && O.few <= 64,
                  "[sluice.timers.wheel_few] a wheel compares at least 1 and at most 64 timers of a slot; give .few such a number");
    return false;
  } else {
    return true;
  }
}
/// \endcond

/// Deadlines in lists, found by their digits: the slot of a timer is the highest digit in which its deadline differs from the present.
///
/// As time enters a slot, its timers go down to the levels below, at last to a slot of one nanosecond; so they fire in exact order though
/// nothing is ever compared but a few neighbours. The lists lead through the nodes and keep the order of arming. Beside `timers::heap`,
/// many timers that are set and removed again are cheaper, and the policy itself is larger. The owner disarms what it armed before it drops
/// the policy.
/// \complexity `arm` and `disarm` O(1); `next` O(`few`), remembered until that timer is gone; `expire` O(1) amortised a timer, which goes
/// down a level at most 64 / `bits` times in its life; O(log n) for those that were overdue when armed
/// \allocates nothing, ever: 11 KiB within the policy with `.bits = 6`
/// \errors none
template <wheel_options O = {}>
class wheel {
 public:
  static constexpr auto kind = policy_kind::timers;  ///< what it decides
  static constexpr std::string_view name = "wheel";  ///< what it is called
  static constexpr bool valid = check_wheel<O>();    ///< whether the options hold; a broken one does not compile

  /// Holds nothing and owns nothing.
  wheel() noexcept {  // NOLINT(cppcoreguidelines-pro-type-member-init): a list says nothing until its bit is set
    (void)std::bool_constant<valid>{};
  }
  wheel(const wheel&) = delete;
  auto operator=(const wheel&) -> wheel& = delete;
  /// Nodes that are still armed are forgotten.
  ~wheel() = default;

  /// Takes a node whose deadline is set and which is not armed. Never fails.
  auto arm(timer_node& node) noexcept -> result<void> {
    assert(!node.armed);
    node.armed = true;
    ++count_;
    const std::uint64_t key = key_of(node);
    if (key < next_) next_ = key;
    if (key < horizon_) [[unlikely]] {
      if (key < overdue_earliest_) overdue_earliest_ = key;
      node.slot = overdue;
      lists_[overdue].append(node, has_overdue_);
      has_overdue_ = true;
    } else {
      place(node, key);
    }
    return {};
  }

  /// Takes an armed node out again.
  void disarm(timer_node& node) noexcept {
    assert(node.armed);
    node.armed = false;
    --count_;
    if (key_of(node) == next_ || count_ == 0) next_is_known_ = false;
    if (lists_[node.slot].remove(node)) emptied(node.slot);
  }

  /// The earliest deadline, or an earlier point at which the slot that holds it is to be looked into; `time_point::never()` where none is
  /// armed. Exact for up to `few` timers in that slot.
  [[nodiscard]] auto next() const noexcept -> time_point {
    if (!next_is_known_) look();
    return time_point{static_cast<std::int64_t>(next_ ^ sign)};
  }

  /// Disarms every node due at `now` and hands it to `fire`, in order of deadline, then of arming. `fire` may arm and disarm any node; a
  /// node that it arms fires in a later call. It must not call `expire`. A deadline of `time_point::never()` is never due.
  template <class Fire>
  void expire(time_point now, Fire&& fire) {
    if (now == time_point::never()) now.count -= 1;
    if (count_ == 0 || next() > now) return;
    const std::uint64_t last = key_of(now);
    const expiry scope{*this, last};
    if (has_overdue_) [[unlikely]] {
      take_overdue(last);
      fire_due(fire);
    }
    while (take_slot(last)) fire_due(fire);
    base_ = horizon_;
  }

  /// How many are armed.
  [[nodiscard]] auto size() const noexcept -> std::size_t { return count_; }

 private:
  // Wrong options are told in the constructor; here they must only not tell of themselves a second time.
  static constexpr unsigned bits = O.bits >= 2 && O.bits <= 8 ? O.bits : 6;
  static constexpr unsigned levels = (64 + bits - 1) / bits;
  static constexpr std::size_t width = std::size_t{1} << bits;
  static constexpr std::size_t words = (width + 63) / 64;
  static constexpr std::uint32_t overdue = static_cast<std::uint32_t>(levels * width);  // armed for a time before the horizon
  static constexpr std::uint32_t due = overdue + 1;                                     // about to fire, in order
  static constexpr std::uint64_t sign = std::uint64_t{1} << 63U;
  static constexpr std::uint64_t latest = std::numeric_limits<std::uint64_t>::max();

  /// A list that must not be looked at while it is empty: who holds it knows whether it is.
  struct list {
    timer_node* first;
    timer_node* last;

    void append(timer_node& node, bool has_some) noexcept {
      node.link[1] = nullptr;
      if (has_some) {
        node.link[0] = last;
        last->link[1] = &node;
      } else {
        node.link[0] = nullptr;
        first = &node;
      }
      last = &node;
    }
    void prepend(timer_node& node, bool has_some) noexcept {
      node.link[0] = nullptr;
      if (has_some) {
        node.link[1] = first;
        first->link[0] = &node;
      } else {
        node.link[1] = nullptr;
        last = &node;
      }
      first = &node;
    }
    void append_all(const list& other, bool has_some) noexcept {
      if (has_some) {
        last->link[1] = other.first;
        other.first->link[0] = last;
        last = other.last;
      } else {
        *this = other;
      }
    }
    /// Whether that was the only one.
    auto remove(timer_node& node) noexcept -> bool {
      timer_node* const before = node.link[0];
      timer_node* const after = node.link[1];
      (after != nullptr ? after->link[0] : last) = before;
      (before != nullptr ? before->link[1] : first) = after;
      return before == after;  // both null
    }
  };

  // While one lives, what is armed and due already is kept apart, so that it can't fire in the same call.
  struct expiry {
    wheel& self;
    expiry(wheel& owner, std::uint64_t last) noexcept : self{owner} {
      assert(!self.has_due_);
      if (last >= self.horizon_) self.horizon_ = last + 1;
      self.next_is_known_ = false;
    }
    expiry(const expiry&) = delete;
    auto operator=(const expiry&) -> expiry& = delete;
    ~expiry() {
      self.next_is_known_ = false;
      if (self.has_due_ || self.base_ != self.horizon_) [[unlikely]]
        self.give_up();
    }
  };

  /// Where time has come to in the wheels and the first slot behind it.
  struct place_in_time {
    unsigned level;
    std::uint32_t slot;
    std::uint64_t start;
  };

  // Unsigned numbers in the order of the deadlines.
  static auto key_of(time_point when) noexcept -> std::uint64_t { return static_cast<std::uint64_t>(when.count) ^ sign; }
  static auto key_of(const timer_node& node) noexcept -> std::uint64_t { return key_of(node.deadline); }

  void place(timer_node& node, std::uint64_t key) noexcept {
    const auto level = static_cast<unsigned>(63 - std::countl_zero((key ^ base_) | 1U)) / bits;
    const std::size_t digit = (key >> (level * bits)) & (width - 1);
    std::uint64_t& word = used_[level * words + digit / 64];
    const std::uint64_t bit = std::uint64_t{1} << (digit % 64);
    node.slot = static_cast<std::uint32_t>(level * width + digit);
    lists_[node.slot].append(node, (word & bit) != 0);
    word |= bit;
    used_levels_ |= 1U << level;
  }

  void emptied(std::uint32_t slot) noexcept {
    if (slot < overdue) [[likely]] {
      const auto level = static_cast<unsigned>(slot / width);
      const std::size_t digit = slot % width;
      used_[level * words + digit / 64] &= ~(std::uint64_t{1} << (digit % 64));
      std::uint64_t any = 0;
      for (std::size_t word = 0; word < words; ++word) any |= used_[level * words + word];
      if (any == 0) used_levels_ &= ~(1U << level);
    } else if (slot == due) {
      has_due_ = false;
    } else {
      has_overdue_ = false;
      overdue_earliest_ = latest;
    }
  }

  // All that lie at a lower level, and at the same one further down, come earlier. Some level is in use.
  [[nodiscard]] auto first_slot() const noexcept -> place_in_time {
    // Said to the compiler, too, which else warns of a level behind the last one where it builds for size.
    if (used_levels_ == 0) __builtin_unreachable();
    const auto level = static_cast<unsigned>(std::countr_zero(used_levels_));
    std::size_t word = 0;
    while (words > 1 && used_[level * words + word] == 0) ++word;
    const auto digit = word * 64 + static_cast<std::size_t>(std::countr_zero(used_[level * words + word]));
    const unsigned shift = level * bits;
    const std::uint64_t above = shift + bits >= 64 ? 0 : base_ >> (shift + bits) << (shift + bits);
    return {level, static_cast<std::uint32_t>(level * width + digit), above | std::uint64_t{digit} << shift};
  }

  void look() const noexcept {
    next_is_known_ = true;
    next_ = overdue_earliest_;
    if (has_due_ && key_of(*lists_[due].first) < next_) next_ = key_of(*lists_[due].first);
    if (used_levels_ == 0) return;
    const auto at = first_slot();
    if (next_ <= at.start) return;
    std::uint64_t earliest = latest;
    unsigned seen = 0;
    if (at.level == 0) {
      earliest = at.start;
    } else {
      for (const timer_node* node = lists_[at.slot].first; node != nullptr; node = node->link[1]) {
        if (++seen > O.few) {
          earliest = at.start;
          break;
        }
        if (key_of(*node) < earliest) earliest = key_of(*node);
      }
    }
    if (earliest < next_) next_ = earliest;
  }

  // Puts one among those that are due, behind its equals.
  void put_due(timer_node& node) noexcept {
    node.slot = due;
    timer_node* before = has_due_ ? lists_[due].last : nullptr;
    if (before == nullptr || before->deadline <= node.deadline) [[likely]] {
      lists_[due].append(node, has_due_);
      has_due_ = true;
      return;
    }
    do { before = before->link[0]; } while (before != nullptr && before->deadline > node.deadline);
    timer_node*& after = before != nullptr ? before->link[1] : lists_[due].first;
    node.link[0] = before;
    node.link[1] = after;
    after->link[0] = &node;
    after = &node;
  }

  // Makes the timers of the first slot ready to fire, after those that are too many went down. Whether one is due.
  auto take_slot(std::uint64_t last) noexcept -> bool {
    while (used_levels_ != 0) {
      const auto at = first_slot();
      if (at.start > last && (at.level == 0 || at.start > horizon_)) return false;
      timer_node* node = lists_[at.slot].first;
      emptied(at.slot);
      if (at.level == 0) {
        take_equals(at.slot);
        return true;
      }
      if (is_short(node)) {
        take_few(node, last);
        if (has_due_) return true;
        continue;
      }
      go_down(at);
    }
    return false;
  }

  // Time enters a slot above the finest: its timers go to those one level below, which is as empty as all levels beneath. The slot of its
  // own beginning is the first of them, and looked into next. Two walks, from both ends, wait for memory at the same time; the lists that
  // the second one makes back to front go behind those of the first.
  void go_down(const place_in_time& at) noexcept {
    const unsigned level = at.level - 1;
    const unsigned shift = level * bits;
    list* const lists = lists_ + level * width;
    std::uint64_t* const used = used_ + level * words;
    list later[width];
    std::uint64_t used_later[words] = {};
    timer_node* front = lists_[at.slot].first;
    timer_node* back = lists_[at.slot].last;
    base_ = at.start;
    used_levels_ |= 1U << level;
    for (;;) {
      timer_node* const after = front->link[1];
      timer_node* const before = back->link[0];
      __builtin_prefetch(after);
      __builtin_prefetch(before);
      const std::size_t digit = (key_of(*front) >> shift) & (width - 1);
      const std::uint64_t bit = std::uint64_t{1} << (digit % 64);
      front->slot = static_cast<std::uint32_t>(level * width + digit);
      lists[digit].append(*front, (used[digit / 64] & bit) != 0);
      used[digit / 64] |= bit;
      if (front == back) break;
      const std::size_t other_digit = (key_of(*back) >> shift) & (width - 1);
      const std::uint64_t other_bit = std::uint64_t{1} << (other_digit % 64);
      back->slot = static_cast<std::uint32_t>(level * width + other_digit);
      later[other_digit].prepend(*back, (used_later[other_digit / 64] & other_bit) != 0);
      used_later[other_digit / 64] |= other_bit;
      if (after == back) break;
      front = after;
      back = before;
    }
    for (std::size_t word = 0; word < words; ++word) {
      for (std::uint64_t left = used_later[word]; left != 0; left &= left - 1) {
        const auto digit = word * 64 + static_cast<std::size_t>(std::countr_zero(left));
        lists[digit].append_all(later[digit], (used[word] >> (digit % 64) & 1U) != 0);
      }
      used[word] |= used_later[word];
    }
  }

  void take_equals(std::uint32_t slot) noexcept {
    lists_[due] = lists_[slot];
    has_due_ = true;
    for (timer_node* node = lists_[due].first; node != nullptr; node = node->link[1]) node->slot = due;
  }

  [[nodiscard]] static auto is_short(const timer_node* node) noexcept -> bool {
    for (unsigned seen = 0; seen < O.few; ++seen) {
      node = node->link[1];
      if (node == nullptr) return true;
    }
    return false;
  }

  // The later ones have a place before anything fires: what is armed then comes behind its equals. Where there is a later one, the slot
  // spans the horizon, and nothing is left before that.
  void take_few(timer_node* node, std::uint64_t last) noexcept {
    while (node != nullptr) {
      timer_node* const after = node->link[1];
      if (key_of(*node) <= last) {
        put_due(*node);
      } else {
        base_ = horizon_;
        place(*node, key_of(*node));
      }
      node = after;
    }
  }

  // Those were not sorted by any slot, and there may be any number of them.
  void take_overdue(std::uint64_t last) noexcept {
    std::array<timer_node*, 64> runs{};  // the one at i has 2^i nodes, all of them older than those of the runs before it
    timer_node* node = lists_[overdue].first;
    emptied(overdue);
    while (node != nullptr) {
      timer_node* const after = node->link[1];
      if (key_of(*node) > last) [[unlikely]] {
        keep_overdue(*node);
      } else {
        node->link[1] = nullptr;
        timer_node* run = node;
        std::size_t i = 0;
        for (; runs[i] != nullptr; ++i) {
          run = merged(runs[i], run);
          runs[i] = nullptr;
        }
        runs[i] = run;
      }
      node = after;
    }
    timer_node* sorted = nullptr;
    for (timer_node* run : runs) {
      if (run != nullptr) sorted = sorted == nullptr ? run : merged(run, sorted);
    }
    while (sorted != nullptr) {
      timer_node* const after = sorted->link[1];
      sorted->slot = due;
      lists_[due].append(*sorted, has_due_);
      has_due_ = true;
      sorted = after;
    }
  }

  void keep_overdue(timer_node& node) noexcept {
    if (key_of(node) < overdue_earliest_) overdue_earliest_ = key_of(node);
    node.slot = overdue;
    lists_[overdue].append(node, has_overdue_);
    has_overdue_ = true;
  }

  static auto merged(timer_node* older, timer_node* newer) noexcept -> timer_node* {
    timer_node* first = nullptr;
    timer_node** end = &first;
    while (older != nullptr && newer != nullptr) {
      timer_node*& earlier = newer->deadline < older->deadline ? newer : older;
      *end = earlier;
      end = &earlier->link[1];
      earlier = *end;
    }
    *end = older != nullptr ? older : newer;
    return first;
  }

  template <class Fire>
  void fire_due(Fire& fire) {
    while (has_due_) {
      timer_node& node = *lists_[due].first;
      if (lists_[due].remove(node)) has_due_ = false;
      node.armed = false;
      --count_;
      fire(node);
    }
  }

  // Firing threw: what did not fire goes back, with what was armed meanwhile behind it, as if time had stopped where the wheels are.
  [[gnu::noinline, gnu::cold]] void give_up() noexcept {
    timer_node* const lists[] = {has_due_ ? lists_[due].first : nullptr, has_overdue_ ? lists_[overdue].first : nullptr};
    if (has_due_) emptied(due);
    if (has_overdue_) emptied(overdue);
    horizon_ = base_;
    for (timer_node* node : lists) {
      while (node != nullptr) {
        timer_node* const after = node->link[1];
        if (key_of(*node) < horizon_) {
          keep_overdue(*node);
        } else {
          place(*node, key_of(*node));
        }
        node = after;
      }
    }
  }

  std::uint64_t base_ = 0;     // where time stands in the wheels: no timer in them is earlier
  std::uint64_t horizon_ = 0;  // what is armed for a time before this is overdue; the base, and beyond it only inside `expire`
  std::size_t count_ = 0;
  mutable std::uint64_t next_ = latest;
  std::uint64_t overdue_earliest_ = latest;
  std::uint32_t used_levels_ = 0;
  mutable bool next_is_known_ = true;
  bool has_overdue_ = false;
  bool has_due_ = false;
  std::uint64_t used_[levels * words] = {};
  list lists_[due + 1];
};

static_assert(timers_policy<wheel<>>);

}  // namespace timers

}  // namespace sluice::inline v0
