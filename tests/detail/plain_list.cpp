// SPDX-License-Identifier: MIT
#include <sluice/detail/plain_list.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <type_traits>
#include <vector>

namespace {

struct node {
  node* next;
  node* previous;
  int value;
};

using list = sluice::detail::plain_list<node>;
static_assert(std::is_trivially_default_constructible_v<list>);

auto values(const list& all) -> std::vector<int> {
  std::vector<int> found;
  for (const node* one = all.head; one != nullptr; one = one->next) found.push_back(one->value);
  return found;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(detail)
BOOST_AUTO_TEST_SUITE(plain_list)

BOOST_AUTO_TEST_CASE(one_can_be_taken_out_anywhere) {
  std::array<node, 4> nodes{};
  for (int i = 0; i < 4; ++i) nodes[static_cast<std::size_t>(i)].value = i;
  list all{};
  BOOST_TEST(all.empty());
  BOOST_TEST((all.pop_front() == nullptr));
  all.push_first(nodes[0]);
  for (std::size_t i = 1; i < 4; ++i) all.push_back(nodes[i]);
  all.erase(nodes[2]);
  BOOST_TEST((values(all) == std::vector{0, 1, 3}));
  all.erase(nodes[3]);
  all.push_back(nodes[2]);
  BOOST_TEST((values(all) == std::vector{0, 1, 2}));
  BOOST_TEST((all.pop_front() == &nodes[0]));
  all.erase(nodes[1]);
  all.erase(nodes[2]);
  BOOST_TEST(all.empty());
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
