// SPDX-License-Identifier: MIT
#include <sluice/detail/intrusive_list.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <deque>
#include <random>
#include <utility>
#include <vector>

namespace {

struct waiters {};

struct element : sluice::detail::list_hook<>, sluice::detail::list_hook<waiters> {
  int number = 0;
  element* next = nullptr;
};

using fifo = sluice::detail::intrusive_fifo<element, &element::next>;
using list = sluice::detail::intrusive_list<element>;
using waiting = sluice::detail::intrusive_list<element, waiters>;

auto numbered(std::size_t count) -> std::vector<element> {
  std::vector<element> elements(count);
  for (std::size_t i = 0; i < count; ++i) elements[i].number = static_cast<int>(i);
  return elements;
}

auto drained(auto& queue) -> std::vector<int> {
  std::vector<int> numbers;
  while (element* one = queue.pop_front()) numbers.push_back(one->number);
  return numbers;
}

using numbers = std::vector<int>;

}  // namespace

BOOST_AUTO_TEST_SUITE(detail)
BOOST_AUTO_TEST_SUITE(intrusive_list)

BOOST_AUTO_TEST_CASE(a_fifo_gives_back_in_order_what_was_put_in) {
  auto e = numbered(4);
  fifo queue;
  BOOST_TEST(queue.empty());
  BOOST_TEST(queue.pop_front() == nullptr);
  queue.push_back(e[0]);
  queue.push_back(e[1]);
  BOOST_TEST(queue.front() == &e[0]);
  BOOST_TEST(queue.pop_front() == &e[0]);
  queue.push_back(e[2]);
  queue.push_front(e[3]);
  BOOST_TEST((drained(queue) == numbers{3, 1, 2}));
  BOOST_TEST(queue.empty());
  queue.push_front(e[1]);  // the first one decides where the end is, too
  queue.push_back(e[0]);
  BOOST_TEST((drained(queue) == numbers{1, 0}));
}

BOOST_AUTO_TEST_CASE(an_element_can_be_put_in_again_once_it_is_out) {
  auto e = numbered(2);
  fifo queue;
  queue.push_back(e[0]);
  queue.push_back(e[1]);
  for (int i = 0; i < 5; ++i) queue.push_back(*queue.pop_front());
  BOOST_TEST((drained(queue) == numbers{1, 0}));
}

BOOST_AUTO_TEST_CASE(appending_moves_all_elements_behind) {
  auto e = numbered(4);
  fifo first;
  fifo second;
  first.append(std::move(second));
  BOOST_TEST(first.empty());
  second.push_back(e[0]);
  second.push_back(e[1]);
  first.append(std::move(second));
  BOOST_TEST(second.empty());
  second.push_back(e[2]);
  first.append(std::move(second));
  first.push_back(e[3]);
  BOOST_TEST((drained(first) == numbers{0, 1, 2, 3}));
}

BOOST_AUTO_TEST_CASE(moving_a_fifo_leaves_the_other_one_empty) {
  auto e = numbered(3);
  fifo first;
  first.push_back(e[0]);
  first.push_back(e[1]);
  fifo second{std::move(first)};
  BOOST_TEST(first.empty());
  second.push_back(e[2]);
  first = std::move(second);
  BOOST_TEST(second.empty());
  BOOST_TEST((drained(first) == numbers{0, 1, 2}));
}

BOOST_AUTO_TEST_CASE(a_list_erases_anywhere) {
  auto e = numbered(5);
  list all;
  BOOST_TEST(all.empty());
  BOOST_TEST(all.front() == nullptr);
  BOOST_TEST(all.back() == nullptr);
  for (auto& one : e) all.push_back(one);
  BOOST_TEST(all.after(e[1]) == &e[2]);
  BOOST_TEST(all.before(e[1]) == &e[0]);
  BOOST_TEST(all.after(e[4]) == nullptr);
  BOOST_TEST(all.before(e[0]) == nullptr);
  list::erase(e[2]);
  list::erase(e[0]);
  list::erase(e[4]);
  all.push_front(e[4]);
  BOOST_TEST(all.front() == &e[4]);
  BOOST_TEST(all.back() == &e[3]);
  BOOST_TEST((drained(all) == numbers{4, 1, 3}));
}

BOOST_AUTO_TEST_CASE(a_hook_knows_whether_it_is_in_a_list) {
  auto e = numbered(1);
  auto& hook = static_cast<sluice::detail::list_hook<>&>(e[0]);
  BOOST_TEST(!hook.linked());
  {
    list all;
    all.push_back(e[0]);
    BOOST_TEST(hook.linked());
    hook.unlink();
    BOOST_TEST(!hook.linked());
    BOOST_TEST(all.empty());
    all.push_back(e[0]);
  }
  BOOST_TEST(!hook.linked());  // the end of the list took it out
}

BOOST_AUTO_TEST_CASE(an_element_is_in_one_list_a_tag) {
  auto e = numbered(2);
  list all;
  waiting some;
  all.push_back(e[0]);
  all.push_back(e[1]);
  some.push_back(e[1]);
  waiting::erase(e[1]);
  BOOST_TEST(some.empty());
  BOOST_TEST((drained(all) == numbers{0, 1}));
}

BOOST_AUTO_TEST_CASE(random_use_of_a_list_agrees_with_a_deque) {
  std::mt19937 random{5};
  auto e = numbered(30);
  list all;
  std::deque<element*> reference;
  for (int step = 0; step < 20'000; ++step) {
    element& one = e[random() % e.size()];
    const auto place = std::find(reference.begin(), reference.end(), &one);
    if (place != reference.end()) {
      list::erase(one);
      reference.erase(place);
    } else if (random() % 2 == 0) {
      all.push_back(one);
      reference.push_back(&one);
    } else {
      all.push_front(one);
      reference.push_front(&one);
    }
    std::deque<element*> forwards;
    for (element* at = all.front(); at != nullptr; at = all.after(*at)) forwards.push_back(at);
    std::deque<element*> backwards;
    for (element* at = all.back(); at != nullptr; at = all.before(*at)) backwards.push_front(at);
    if (forwards != reference || backwards != reference) BOOST_FAIL("they differ after step " << step);
  }
}

BOOST_AUTO_TEST_CASE(both_work_in_constant_expressions) {
  constexpr auto sum = [] {
    std::array<element, 3> e;
    for (int i = 0; i < 3; ++i) e[static_cast<std::size_t>(i)].number = i + 1;
    fifo queue;
    for (auto& one : e) queue.push_back(one);
    list all;
    while (element* one = queue.pop_front()) all.push_front(*one);
    list::erase(e[1]);
    return 10 * all.pop_front()->number + all.pop_front()->number;
  };
  static_assert(sum() == 31);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
