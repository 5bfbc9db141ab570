// SPDX-License-Identifier: MIT
// The dense array that the hot parts of tasks lie in.
#include <sluice/coro/slab.hpp>
#include <sluice/os/linux_memory.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <set>
#include <vector>

namespace {

struct element {
  element* next = nullptr;
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  int value = 7;
};

struct limited_memory : sluice::os::linux_memory {
  static auto map(std::size_t bytes) noexcept -> sluice::result<std::byte*> {
    if (maps_left == 0) return sluice::system_error(12);
    --maps_left;
    ++mapped;
    return linux_memory::map(bytes);
  }
  static auto unmap(std::byte* memory, std::size_t bytes) noexcept -> sluice::result<void> {
    --mapped;
    return linux_memory::unmap(memory, bytes);
  }
  static inline int maps_left = 0;
  static inline int mapped = 0;
};

using slab_type = sluice::coro::slab<element, limited_memory>;

}  // namespace

BOOST_AUTO_TEST_SUITE(slab)

BOOST_AUTO_TEST_CASE(the_first_few_need_no_mapping) {
  limited_memory::maps_left = 0;
  slab_type s;
  std::vector<element*> all;
  while (element* const one = s.take()) all.push_back(one);
  BOOST_TEST(all.size() == 8U);
  BOOST_TEST(s.extent() == 8U);
  s.give(*all[3]);
  BOOST_TEST(s.take() == all[3]);
  BOOST_TEST(all[3]->generation == 1U);
}

BOOST_AUTO_TEST_CASE(elements_never_move_and_each_has_a_slot_of_its_own) {
  limited_memory::maps_left = 100;
  slab_type s;
  std::vector<element*> all;
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    element* const one = s.take();
    BOOST_REQUIRE(one != nullptr);
    BOOST_REQUIRE(one->slot == i);
    BOOST_REQUIRE(one->value == 7);
    one->value = static_cast<int>(i);
    all.push_back(one);
  }
  BOOST_TEST(s.extent() == 20'000U);
  for (std::uint32_t i = 0; i < 20'000; ++i) {
    BOOST_REQUIRE(&s.at(i) == all[i]);
    BOOST_REQUIRE(all[i]->value == static_cast<int>(i));
  }
  BOOST_TEST((std::set<element*>{all.begin(), all.end()}.size() == 20'000U));
  BOOST_TEST(limited_memory::mapped == 5);
}

BOOST_AUTO_TEST_CASE(the_most_recently_given_one_is_taken_first) {
  limited_memory::maps_left = 1;
  slab_type s;
  element* const a = s.take();
  element* const b = s.take();
  s.give(*a);
  s.give(*b);
  BOOST_TEST(s.take() == b);
  BOOST_TEST(s.take() == a);
  BOOST_TEST(s.extent() == 2U);
}

BOOST_AUTO_TEST_CASE(without_memory_nothing_is_given_and_later_it_goes_on) {
  limited_memory::maps_left = 0;
  slab_type s;
  for (int i = 0; i < 8; ++i) (void)s.take();
  BOOST_TEST(s.take() == nullptr);
  limited_memory::maps_left = 1;
  element* const one = s.take();
  BOOST_REQUIRE(one != nullptr);
  BOOST_TEST(one->slot == 8U);
}

BOOST_AUTO_TEST_CASE(its_mappings_go_with_it) { BOOST_TEST(limited_memory::mapped == 0); }

BOOST_AUTO_TEST_SUITE_END()
