// SPDX-License-Identifier: MIT
// Items from task to task: none is lost, none is doubled, all keep their order.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <coro/as_root.hpp>
#include <coro/fixture.hpp>

struct app : sluice::config<fixture::counted_stacks> {};
using coro = sluice::coro_of<app>;
using namespace std::chrono_literals;
using sluice::errc;

namespace {

constexpr auto& as_root = fixture::as_root<coro>;

/// Counts those that live, and cannot be copied.
struct item {
  explicit item(int what) : value{what} { ++alive; }
  item(item&& other) noexcept : value{other.value} { ++alive; }
  ~item() { --alive; }
  int value;
  static inline int alive = 0;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(channel, *needs::ring())

BOOST_AUTO_TEST_CASE(items_arrive_in_order_whatever_the_capacity) {
  for (const std::size_t capacity : {0U, 1U, 3U, 100U}) {
    as_root([capacity] {
      coro::channel<int> c{capacity};
      BOOST_TEST(c.capacity() == capacity);
      std::vector<int> got;
      coro::scope all;
      all.spawn([&] {
        for (int i = 0; i < 50; ++i) BOOST_TEST(c.send(i).has_value());
        c.close();
      });
      all.spawn([&] {
        for (const int i : c) got.push_back(i);
      });
      BOOST_TEST(all.join().has_value());
      BOOST_REQUIRE(got.size() == 50U);
      for (int i = 0; i < 50; ++i) BOOST_TEST(got[static_cast<std::size_t>(i)] == i);
      BOOST_TEST(c.is_closed());
      BOOST_TEST((c.receive().error() == errc::closed));
      BOOST_TEST((c.send(1).error() == errc::closed));
    });
  }
}

BOOST_AUTO_TEST_CASE(with_no_room_the_sender_waits_for_the_receiver) {
  as_root([] {
    coro::channel<std::string> c;
    bool sent = false;
    auto sender = coro::spawn([&] {
      BOOST_TEST(c.send("one").has_value());
      sent = true;
    });
    coro::yield();
    BOOST_TEST(!sent);
    BOOST_TEST(c.size() == 0U);
    BOOST_TEST(c.receive().value() == "one");
    (void)sender.join();
    BOOST_TEST(sent);
  });
}

BOOST_AUTO_TEST_CASE(an_item_that_could_not_be_sent_is_where_it_was) {
  as_root([] {
    coro::channel<std::unique_ptr<int>> c{1};
    auto first = std::make_unique<int>(1);
    auto second = std::make_unique<int>(2);
    BOOST_TEST(c.try_send(std::move(first)).has_value());
    BOOST_TEST((c.try_send(std::move(second)).error() == std::errc::resource_unavailable_try_again));
    BOOST_TEST(!first);
    BOOST_REQUIRE(second);
    auto sender = coro::spawn([&] { BOOST_TEST((c.send(std::move(second)).error() == std::errc::operation_canceled)); });
    coro::yield();
    sender.request_cancel();
    (void)sender.join();
    BOOST_REQUIRE(second);
    auto other = coro::spawn([&] { BOOST_TEST((c.send(std::move(second)).error() == errc::closed)); });
    coro::yield();
    c.close();
    (void)other.join();
    BOOST_REQUIRE(second);
    BOOST_TEST(**c.receive() == 1);
    BOOST_TEST((c.try_receive().error() == errc::closed));
  });
}

BOOST_AUTO_TEST_CASE(an_item_that_arrived_before_the_cancel_is_received) {
  as_root([] {
    coro::channel<int> c;
    int got = 0;
    auto receiver = coro::spawn([&] { got = c.receive().value_or(-1); });
    coro::yield();
    BOOST_TEST(c.send(7).has_value());
    receiver.request_cancel();
    (void)receiver.join();
    BOOST_TEST(got == 7);
    auto other = coro::spawn([&] { BOOST_TEST((c.receive().error() == std::errc::operation_canceled)); });
    coro::yield();
    other.request_cancel();
    (void)other.join();
    BOOST_TEST((c.try_send(8).error() == std::errc::resource_unavailable_try_again));
  });
}

BOOST_AUTO_TEST_CASE(closing_ends_both_sides_in_order) {
  as_root([] {
    coro::channel<int> c{2};
    (void)c.send(1);
    (void)c.send(2);
    std::vector<std::string> said;
    coro::scope all;
    all.spawn([&] { said.push_back(c.send(3) ? "sent" : "3 is refused"); });
    all.spawn([&] { said.push_back(c.send(4) ? "sent" : "4 is refused"); });
    coro::yield();
    c.close();
    c.close();
    (void)all.join();
    BOOST_TEST((said == std::vector<std::string>{"3 is refused", "4 is refused"}));
    BOOST_TEST(c.size() == 2U);
    BOOST_TEST(c.receive().value() == 1);
    BOOST_TEST(c.receive().value() == 2);
    BOOST_TEST((c.receive().error() == errc::closed));
  });
}

BOOST_AUTO_TEST_CASE(what_nobody_received_is_destroyed) {
  as_root([] {
    {
      coro::channel<item> c{4};
      for (int i = 0; i < 3; ++i) BOOST_TEST(c.send(item{i}).has_value());
      BOOST_TEST(c.receive()->value == 0);
      BOOST_TEST(c.send(item{3}).has_value());
      BOOST_TEST(c.send(item{4}).has_value());
      BOOST_TEST(item::alive == 4);
    }
    BOOST_TEST(item::alive == 0);
  });
}

BOOST_AUTO_TEST_CASE(outside_a_task_only_what_need_not_wait) {
  coro::channel<int> c{1};
  BOOST_TEST(c.send(1).has_value());
  BOOST_TEST((c.send(2).error() == std::errc::operation_not_permitted));
  BOOST_TEST(c.receive().value() == 1);
  BOOST_TEST((c.receive().error() == std::errc::operation_not_permitted));
}

BOOST_AUTO_TEST_CASE(a_receiver_without_a_sender_is_a_deadlock_that_says_so) {
  const auto said = fixture::error_output_of([] {
    const auto outcome = coro::run([] {
      coro::channel<int> c;
      BOOST_TEST((c.receive().error() == std::errc::operation_canceled));
    });
    BOOST_TEST((outcome.error() == errc::deadlock));
  });
  BOOST_TEST(said.find("#1 \"root\" waits for an item of a channel") != std::string::npos, said);
}

/// Senders, receivers and cancels at random. Each item is sent by one and received by one, those of one sender in order; what was refused
/// was not received.
BOOST_AUTO_TEST_CASE(no_item_is_lost_or_doubled) {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    as_root([seed] {
      std::mt19937 random{seed};
      coro::channel<int> c{random() % 4};
      constexpr int each = 40;
      const auto pause = [&] {
        for (auto n = random() % 3; n > 0; --n) coro::yield();
      };
      std::vector<std::vector<int>> sent(5);
      std::vector<std::vector<int>> got(5);
      std::vector<coro::task<void>> senders;
      std::vector<coro::task<void>> receivers;
      for (int s = 0; s < 5; ++s)
        senders.push_back(coro::spawn([&, s] {
          for (int i = 0; i < each; ++i) {
            pause();
            if (c.send(s * each + i)) sent[static_cast<std::size_t>(s)].push_back(s * each + i);
          }
        }));
      for (std::size_t r = 0; r < 5; ++r)
        receivers.push_back(coro::spawn([&, r] {
          for (;;) {
            pause();
            const auto one = c.receive();
            if (!one) break;
            got[r].push_back(*one);
          }
        }));
      for (int k = 0; k < 4; ++k) {
        pause();
        senders[random() % senders.size()].request_cancel();
        if (k % 2 == 0) receivers[random() % (receivers.size() - 1)].request_cancel();
      }
      for (auto& one : senders) (void)one.join();
      c.close();
      for (auto& one : receivers) (void)one.join();
      std::vector<int> all_sent;
      std::vector<int> all_got;
      for (const auto& one : sent) all_sent.insert(all_sent.end(), one.begin(), one.end());
      for (const auto& one : got) {
        std::vector<int> last(5, -1);
        for (const int value : one) {
          BOOST_TEST(last[static_cast<std::size_t>(value / each)] < value);
          last[static_cast<std::size_t>(value / each)] = value;
        }
        all_got.insert(all_got.end(), one.begin(), one.end());
      }
      std::sort(all_got.begin(), all_got.end());
      BOOST_TEST((all_sent == all_got));
    });
  }
}

BOOST_AUTO_TEST_SUITE_END()
