// SPDX-License-Identifier: MIT
#include <sluice/detail/mpsc_queue.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

namespace {

struct message {
  std::size_t sender = 0;
  std::size_t number = 0;
  message* next = nullptr;
};

using queue = sluice::detail::mpsc_queue<message, &message::next>;

}  // namespace

BOOST_AUTO_TEST_SUITE(detail)
BOOST_AUTO_TEST_SUITE(mpsc_queue)

BOOST_AUTO_TEST_CASE(taking_gives_all_in_the_order_of_pushing) {
  std::array<message, 3> m;
  queue inbox;
  BOOST_TEST(inbox.empty());
  BOOST_TEST(inbox.take_all().empty());
  for (auto& one : m) inbox.push(one);
  BOOST_TEST(!inbox.empty());
  auto taken = inbox.take_all();
  BOOST_TEST(inbox.empty());
  for (auto& one : m) BOOST_TEST(taken.pop_front() == &one);
  BOOST_TEST(taken.empty());
}

BOOST_AUTO_TEST_CASE(a_push_says_whether_the_queue_was_empty) {
  std::array<message, 3> m;
  queue inbox;
  BOOST_TEST(inbox.push(m[0]));
  BOOST_TEST(!inbox.push(m[1]));
  (void)inbox.take_all();
  BOOST_TEST(inbox.push(m[2]));
}

BOOST_AUTO_TEST_CASE(an_element_may_be_pushed_again_from_the_consumer) {
  message m;
  queue inbox;
  for (int i = 0; i < 3; ++i) {
    inbox.push(m);
    auto taken = inbox.take_all();
    BOOST_TEST(taken.pop_front() == &m);
  }
}

BOOST_AUTO_TEST_CASE(many_senders_lose_nothing_and_keep_their_order) {
  constexpr std::size_t senders = 4;
  constexpr std::size_t each = 20'000;
  std::vector<std::vector<message>> messages(senders, std::vector<message>(each));
  queue inbox;
  std::atomic<std::size_t> wakes{0};
  std::vector<std::thread> threads;
  for (std::size_t sender = 0; sender < senders; ++sender) {
    threads.emplace_back([&, sender] {
      for (std::size_t number = 0; number < each; ++number) {
        message& one = messages[sender][number];
        one.sender = sender;  // plain writes: the queue must publish them
        one.number = number;
        if (inbox.push(one)) wakes.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  std::array<std::size_t, senders> expected{};
  std::size_t received = 0;
  std::size_t batches = 0;
  bool in_order = true;
  while (received < senders * each) {
    auto taken = inbox.take_all();
    if (taken.empty()) {
      std::this_thread::yield();
      continue;
    }
    ++batches;
    while (message* one = taken.pop_front()) {
      in_order = in_order && one->number == expected[one->sender]++;
      ++received;
    }
  }
  for (auto& thread : threads) thread.join();
  BOOST_TEST(in_order);
  BOOST_TEST(wakes.load() == batches);  // exactly one push of each batch found the queue empty
  BOOST_TEST(inbox.empty());
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
