// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Who waits for a lock, a permit or a signal, by the tasks' own account, and whether they are served in turn.

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstddef>
#include <list>
#include <utility>

namespace fixture::random {

/// Those who wait for one thing, by their own account: whoever was there first gets it first, or never.
class queue_of_tasks {
 public:
  struct place {
    bool is_sure;      // nothing cuts this wait short
    std::size_t wish;  // how much of it
    bool was_overtaken = false;
    int turns = 0;
  };

  /// Stands in it while it calls `f`, which waits, and gives whether it was served. One that was overtaken was cut short before.
  template <class F>
  auto stand(place what, F&& f) {
    const auto mine = places_.insert(places_.end(), what);
    auto came = std::forward<F>(f)();
    if (came) {
      BOOST_TEST(!mine->was_overtaken);
      for (auto one = places_.begin(); one != mine; ++one) one->was_overtaken = true;
    }
    places_.erase(mine);
    return came;
  }
  /// At each turn of all tasks: nobody waits at the front for what is there.
  void look(std::size_t there) {
    if (places_.empty()) return;
    auto& front = places_.front();
    if (!front.is_sure || front.wish > there)
      front.turns = 0;
    else
      BOOST_TEST(++front.turns < 6);
  }
  /// Whether somebody stands there who can only be served by so much.
  [[nodiscard]] auto holds_up(std::size_t wish) const -> bool {
    return std::ranges::any_of(places_, [&](const place& one) { return one.is_sure && one.wish >= wish; });
  }
  [[nodiscard]] auto empty() const -> bool { return places_.empty(); }

 private:
  std::list<place> places_;
};

}  // namespace fixture::random
