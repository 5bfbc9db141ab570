// SPDX-License-Identifier: MIT
#include <sluice/detail/fixed_array.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdint>
#include <stdexcept>

namespace {

/// Counts those that live; can be neither copied nor moved.
struct pinned {
  explicit pinned(std::size_t what) : value{what} {
    if (what == throws_at) throw std::runtime_error{"thrown"};
    ++alive;
  }
  pinned(const pinned&) = delete;
  auto operator=(const pinned&) -> pinned& = delete;
  ~pinned() { --alive; }

  std::size_t value;
  static inline int alive = 0;
  static inline std::size_t throws_at = 100;
};

struct alignas(128) wide {
  int value = 7;
};

using sluice::detail::fixed_array;

}  // namespace

BOOST_AUTO_TEST_SUITE(detail)
BOOST_AUTO_TEST_SUITE(fixed_array_of)

BOOST_AUTO_TEST_CASE(elements_are_made_in_place_and_destroyed_once) {
  {
    fixed_array<pinned> all{5, [](std::size_t index) { return pinned{index * 2}; }};
    BOOST_TEST(all.size() == 5U);
    BOOST_TEST(pinned::alive == 5);
    BOOST_TEST(all[3].value == 6U);
    std::size_t sum = 0;
    for (const auto& one : all) sum += one.value;
    BOOST_TEST(sum == 20U);
  }
  BOOST_TEST(pinned::alive == 0);
}

BOOST_AUTO_TEST_CASE(one_that_throws_takes_the_others_with_it) {
  pinned::throws_at = 3;
  BOOST_CHECK_THROW((fixed_array<pinned>{5, [](std::size_t index) { return pinned{index}; }}), std::runtime_error);
  pinned::throws_at = 100;
  BOOST_TEST(pinned::alive == 0);
}

BOOST_AUTO_TEST_CASE(none_and_aligned_ones_are_fine) {
  fixed_array<int> none{0};
  BOOST_TEST(none.size() == 0U);
  BOOST_TEST((none.begin() == none.end()));
  fixed_array<wide> some{3};
  for (const auto& one : some) {
    BOOST_TEST(one.value == 7);
    BOOST_TEST(reinterpret_cast<std::uintptr_t>(&one) % 128 == 0U);
  }
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
