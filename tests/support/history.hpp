// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What several parties did to a bounded queue and when, and whether one order of it all explains what each of them saw.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

namespace support {

/// One call, from its beginning to its end on a clock that all share.
struct queue_call {
  enum class kind : std::uint8_t { send, receive, close };
  enum class outcome : std::uint8_t { done, not_now, closed };

  kind what;
  int item;  ///< that was sent or received
  outcome how;
  std::uint64_t begun;
  std::uint64_t ended;
};

/// Whether the calls can be put in an order in which each takes effect between its beginning and its end, and gives what a queue of that
/// capacity gives that is used by one party: first in, first out; full and empty as they are said to be; closed after a close. Tries all
/// orders, remembering those that led nowhere.
class queue_history {
 public:
  queue_history(std::vector<queue_call> calls, std::size_t capacity) : calls_{std::move(calls)}, capacity_{capacity} {
    std::sort(calls_.begin(), calls_.end(), [](const auto& a, const auto& b) { return a.begun < b.begun; });
  }

  [[nodiscard]] auto is_linearizable() -> bool { return place(0); }

 private:
  auto place(std::uint64_t placed) -> bool {
    const auto all = (std::uint64_t{1} << calls_.size()) - 1;
    if (placed == all) return true;
    if (!seen_.insert({placed, items_, closed_}).second) return false;
    // Whoever ended first among those that are left comes before all that began later.
    std::uint64_t first_end = UINT64_MAX;
    for (std::size_t i = 0; i < calls_.size(); ++i)
      if ((placed >> i & 1) == 0) first_end = std::min(first_end, calls_[i].ended);
    for (std::size_t i = 0; i < calls_.size(); ++i) {
      if ((placed >> i & 1) != 0 || calls_[i].begun > first_end) continue;
      const auto items = items_;
      const bool closed = closed_;
      if (apply(calls_[i]) && place(placed | std::uint64_t{1} << i)) return true;
      items_ = items;
      closed_ = closed;
    }
    return false;
  }

  auto apply(const queue_call& one) -> bool {
    using enum queue_call::outcome;
    switch (one.what) {
      case queue_call::kind::close: closed_ = true; return true;
      case queue_call::kind::send:
        if (one.how == closed) return closed_;
        if (one.how == not_now) return !closed_ && items_.size() == capacity_;
        if (closed_ || items_.size() == capacity_) return false;
        items_.push_back(one.item);
        return true;
      case queue_call::kind::receive:
        if (one.how == closed) return closed_ && items_.empty();
        if (one.how == not_now) return !closed_ && items_.empty();
        if (items_.empty() || items_.front() != one.item) return false;
        items_.pop_front();
        return true;
    }
    return false;
  }

  std::vector<queue_call> calls_;
  std::size_t capacity_;
  std::deque<int> items_;
  bool closed_ = false;
  std::set<std::tuple<std::uint64_t, std::deque<int>, bool>> seen_;
};

}  // namespace support
