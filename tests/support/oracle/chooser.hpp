// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Goes through all ways in which something can go on that is up to chance.

#include <cstddef>
#include <utility>
#include <vector>

namespace oracle {

/// Picks one of several ways to go on, another one each time until all were tried.
class chooser {
 public:
  auto choose(unsigned count) -> unsigned {
    if (count < 2) return 0;
    if (at_ == trail_.size()) trail_.emplace_back(0, count);
    return trail_[at_++].first;
  }
  auto next() -> bool {
    at_ = 0;
    while (!trail_.empty() && ++trail_.back().first == trail_.back().second) trail_.pop_back();
    return !trail_.empty();
  }

 private:
  std::vector<std::pair<unsigned, unsigned>> trail_;
  std::size_t at_ = 0;
};

}  // namespace oracle
