// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What goes through the channels of a random program: each item that was sent arrives once, and no other does.

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstddef>
#include <utility>
#include <vector>

namespace fixture::random {

/// Goes through a channel; 0 is the one that has gone.
struct item {
  explicit item(std::size_t n) : number{n} {}
  item(item&& other) noexcept : number{std::exchange(other.number, 0)} {}
  auto operator=(item&&) -> item& = delete;
  std::size_t number;
};

/// All of a program, on one scheduler.
class items {
 public:
  auto make() -> item {
    sent_.push_back(0);
    received_.push_back(0);
    return item{sent_.size() - 1};
  }
  void note_received(const item& one) {
    BOOST_TEST_REQUIRE(one.number != 0U);
    BOOST_TEST(++received_[one.number] == 1);
  }
  /// An item that was sent has left its sender, and another one has not.
  void note_sent(const item& one, std::size_t number, bool was_sent) {
    BOOST_TEST(one.number == (was_sent ? 0 : number));
    if (was_sent) ++sent_[number];
  }
  /// After all tasks: what is in these channels has not been received yet.
  template <class Channels>
  void look_at_what_is_left(Channels& in) {
    for (auto& channel : in)
      while (const auto rest = channel.try_receive()) note_received(*rest);
    BOOST_TEST(std::ranges::equal(sent_, received_));
  }

 private:
  std::vector<int> sent_ = {0};
  std::vector<int> received_ = {0};
};

}  // namespace fixture::random
