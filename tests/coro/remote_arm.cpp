// SPDX-License-Identifier: MIT
// Remote channels among the arms of a select: whatever another thread does at the same moment, one arm wins and the others lose nothing.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <random>
#include <thread>
#include <utility>
#include <vector>

#include <coro/as_root.hpp>
#include <coro/fixture.hpp>
#include <sys/socket.h>

/// Counts the calls that could end the sleep of a ring.
struct counting_os : sluice::os::linux_ {
  static auto uring_register(unsigned descriptor, unsigned opcode, const void* argument, unsigned count) noexcept -> int {
    if (descriptor == ~0U) ++wakes;  // a message to a ring from who has none
    return linux_::uring_register(descriptor, opcode, argument, count);
  }
  static auto write(int descriptor, const void* data, std::size_t bytes) noexcept -> ::ssize_t {
    ++wakes;
    return linux_::write(descriptor, data, bytes);
  }
  static inline std::atomic<int> wakes = 0;
};

struct app : sluice::config<sluice::backend::io_uring<{}, counting_os>, fixture::roomy> {};
using coro = sluice::coro_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;
using sluice::errc;

namespace {

constexpr auto& as_root = fixture::as_root<coro>;

/// Runs a body as the root task of a scheduler on a thread of its own.
template <class F>
auto on_a_scheduler(F f) -> std::thread {
  return std::thread{[f = std::move(f)]() mutable { (void)coro::run(std::move(f)); }};
}

/// Five arms of every kind, of which one wins: that has its effect, and the others have none.
struct of_every_kind {
  coro::channel<int> local;
  coro::remote_channel<int> full{2};
  coro::remote_channel<int> empty{2};
  fixture::socket_pair pair;
  std::array<std::byte, 8> buffer{};

  of_every_kind() {
    (void)full.try_send(1);
    (void)full.try_send(2);
  }
  auto wait(sluice::interval limit) {
    return coro::select(local.receiving(), full.sending(3), empty.receiving(), op::recv{.socket = pair.left, .buffer = buffer},
                        coro::after(limit));
  }
  void let_win(std::size_t which) {
    if (which == 0) (void)local.send(10);
    if (which == 1) BOOST_TEST(full.try_receive().value() == 1);
    if (which == 2) BOOST_TEST(empty.try_send(12).has_value());
    if (which == 3) BOOST_TEST(::send(pair.right.native(), "abc", 3, 0) == 3);
  }
};

/// Numbers that were sent and received, by several parties at once.
class ledger {
 public:
  void sent(int number) { note(sent_, number); }
  void got(int number) { note(got_, number); }
  void check() {
    std::sort(sent_.begin(), sent_.end());
    std::sort(got_.begin(), got_.end());
    BOOST_TEST((sent_ == got_));
  }
  [[nodiscard]] auto size() const -> std::size_t { return got_.size(); }

 private:
  void note(std::vector<int>& where, int number) {
    const std::scoped_lock held{guard_};
    where.push_back(number);
  }
  std::mutex guard_;
  std::vector<int> sent_;
  std::vector<int> got_;
};

/// Receives from both, whichever has something, until both are closed or the task is asked to end.
void receive_from_either(coro::remote_channel<int>& a, coro::remote_channel<int>& b, coro::channel<int>& local, ledger& book,
                         std::uint32_t seed) {
  std::mt19937 random{seed};
  for (;;) {
    auto won = coro::select(a.receiving(), local.receiving(), b.receiving(), coro::after(std::chrono::microseconds{random() % 100}));
    if (!won) return;
    if (won.get<0>() && *won.get<0>()) book.got(**won.get<0>());
    if (won.get<2>() && *won.get<2>()) book.got(**won.get<2>());
    // One that is closed wins from now on; what the other has left is received from it alone.
    if (won.index() != 3 && a.is_closed() && b.is_closed()) {
      for (auto* const one : {&a, &b})
        while (auto item = one->try_receive()) book.got(*item);
      return;
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(remote_arm, *needs::ring())

BOOST_AUTO_TEST_CASE(whichever_comes_first_wins_and_the_others_have_no_effect) {
  for (const bool before : {true, false}) {
    for (std::size_t winner = 0; winner < 5; ++winner) {
      as_root([before, winner] {
        of_every_kind arms;
        auto other = coro::spawn([&] { arms.let_win(winner); });
        if (before) coro::yield();
        auto won = arms.wait(winner == 4 ? sluice::interval{2ms} : sluice::interval{10s});
        (void)other.join();
        BOOST_TEST(won.index() == winner);
        BOOST_TEST(won.get<0>().has_value() == (winner == 0));
        BOOST_TEST(won.get<1>().has_value() == (winner == 1));
        BOOST_TEST(won.get<2>().has_value() == (winner == 2));
        BOOST_TEST(won.get<3>().has_value() == (winner == 3));
        BOOST_TEST(won.get<4>().has_value() == (winner == 4));
        if (winner == 0) BOOST_TEST(won.get<0>()->value() == 10);
        if (winner == 1) BOOST_TEST(won.get<1>()->has_value());
        if (winner == 2) BOOST_TEST(won.get<2>()->value() == 12);
        if (winner == 3) BOOST_TEST(won.get<3>()->value() == 3U);
        if (winner == 4) BOOST_TEST(won.get<4>()->has_value());
        BOOST_TEST((arms.local.try_send(1).error() == std::errc::resource_unavailable_try_again));
        BOOST_TEST((arms.empty.try_receive().error() == std::errc::resource_unavailable_try_again));
        if (winner != 1) BOOST_TEST(arms.full.try_receive().value() == 1);
        BOOST_TEST(arms.full.try_receive().value() == 2);
        BOOST_TEST(arms.full.try_receive().has_value() == (winner == 1));
        std::array<char, 8> rest{};
        BOOST_TEST(::recv(arms.pair.left.native(), rest.data(), rest.size(), MSG_DONTWAIT) == -1);
      });
    }
  }
}

BOOST_AUTO_TEST_CASE(of_two_at_the_same_moment_one_wins_and_the_other_is_still_to_be_had) {
  for (std::size_t first = 0; first < 4; ++first) {
    for (std::size_t second = 0; second < 4; ++second) {
      if (first == second) continue;
      as_root([first, second] {
        of_every_kind arms;
        auto other = coro::spawn([&] {
          arms.let_win(first);
          // Nobody waits for the local one any more if that came first, and an item of it may come to the select before word from
          // elsewhere.
          if (second == 0)
            (void)coro::with_timeout(1ms, [&] { return arms.local.send(10); });
          else
            arms.let_win(second);
        });
        auto won = arms.wait(10s);
        (void)other.join();
        BOOST_TEST((won.index() == first || won.index() == second));
        if (won.index() != 1 && (first == 1 || second == 1)) BOOST_TEST(arms.full.try_send(3).has_value());
        BOOST_TEST((arms.full.try_receive().value() == (first == 1 || second == 1 ? 2 : 1)));
        if (won.index() != 2 && (first == 2 || second == 2)) BOOST_TEST(arms.empty.try_receive().value() == 12);
        BOOST_TEST((arms.empty.try_receive().error() == std::errc::resource_unavailable_try_again));
        BOOST_TEST(!(won.get<1>() && won.get<2>()));
        BOOST_TEST(!(won.get<0>() && (won.get<1>() || won.get<2>())));
        // An operation that succeeded all the same is in the result.
        std::array<char, 8> rest{};
        const auto bytes = ::recv(arms.pair.left.native(), rest.data(), rest.size(), MSG_DONTWAIT);
        if (first == 3 || second == 3) BOOST_TEST(won.get<3>().has_value() == (bytes == -1));
      });
    }
  }
}

/// Word that an arm was sent and does not act on goes to the next in line, whatever kept the arm from it.
BOOST_AUTO_TEST_CASE(an_item_that_a_select_leaves_goes_to_the_next_in_line) {
  enum class loses : std::uint8_t { to_a_cancel, to_a_local_item, to_an_operation };
  for (const auto how : {loses::to_a_cancel, loses::to_a_local_item, loses::to_an_operation}) {
    as_root([how] {
      coro::channel<int> local;
      coro::remote_channel<int> c{2};
      const fixture::socket_pair pair;
      std::array<std::byte, 8> buffer{};
      bool taken = false;
      auto first = coro::spawn([&] {
        if (how == loses::to_an_operation) {
          const auto won = coro::select(c.receiving(), op::recv{.socket = pair.left, .buffer = buffer});
          BOOST_TEST(!!won);
          taken = won.get<0>().has_value();
        } else {
          const auto won = coro::select(c.receiving(), local.receiving());
          BOOST_TEST(!won.get<0>());
          BOOST_TEST(!!won == (how == loses::to_a_local_item));
        }
      });
      coro::yield();
      int got = -1;
      auto second = coro::spawn([&] {
        auto won = coro::select(c.receiving(), coro::after(10s));
        BOOST_TEST(won.index() == 0U);
        got = won.get<0>()->value();
      });
      coro::yield();
      if (how == loses::to_an_operation) BOOST_TEST(::send(pair.right.native(), "x", 1, 0) == 1);
      BOOST_TEST(c.try_send(7).has_value());
      if (how == loses::to_a_cancel) first.request_cancel();
      if (how == loses::to_a_local_item) BOOST_TEST(local.try_send(1).has_value());
      (void)first.join();
      // The operation and the word may come in either order.
      if (taken) BOOST_TEST(c.try_send(7).has_value());
      (void)second.join();
      BOOST_TEST(got == 7);
      BOOST_TEST((c.try_receive().error() == std::errc::resource_unavailable_try_again));
    });
  }
}

BOOST_AUTO_TEST_CASE(what_it_takes_is_room_for_a_sender_and_what_it_sends_is_for_a_receiver) {
  as_root([] {
    coro::remote_channel<int> c{2};
    for (const bool waits : {false, true}) {
      auto other = coro::spawn([&] {
        for (int i = 0; i < 3; ++i) BOOST_TEST(c.send(i).has_value());
      });
      if (!waits) coro::yield();
      for (int i = 0; i < 3; ++i) BOOST_TEST(coro::select(c.receiving(), coro::after(10s)).get<0>()->value() == i);
      BOOST_TEST(other.join().has_value());
      other = coro::spawn([&] { BOOST_TEST(c.receive().value() == 7); });
      if (!waits) coro::yield();
      BOOST_TEST(coro::select(c.sending(7), coro::after(10s)).index() == 0U);
      (void)other.join();
      for (int i = 0; i < 2; ++i) BOOST_TEST(c.try_send(i).has_value());
      // The arm that waits for room wakes a receiver by what it sends.
      other = coro::spawn([&] { BOOST_TEST(coro::select(c.sending(2), coro::after(10s)).index() == 0U); });
      coro::yield();
      for (int i = 0; i < 3; ++i) BOOST_TEST(c.receive().value() == i);
      (void)other.join();
    }
  });
}

BOOST_AUTO_TEST_CASE(whose_item_was_taken_by_another_goes_on_waiting) {
  as_root([] {
    coro::channel<int> local;
    coro::remote_channel<int> c{2};
    std::vector<int> order;
    auto waiter = coro::spawn([&] {
      for (int i = 0; i < 3; ++i) {
        auto won = coro::select(c.receiving(), local.receiving());
        order.push_back(won.get<0>() ? won.get<0>()->value() : won.get<1>()->value());
      }
    });
    coro::yield();
    // The select is sent word each time, and there is nothing when it looks.
    const auto take_away = [&] {
      for (int i = 0; i < 3; ++i) {
        const auto before = order.size();
        BOOST_TEST(c.try_send(i).has_value());
        BOOST_TEST(c.try_receive().value() == i);
        (void)coro::sleep(100us);
        BOOST_TEST(order.size() == before);
      }
    };
    // It is in the line again for the next item.
    take_away();
    BOOST_TEST(c.try_send(10).has_value());
    while (order.empty()) coro::yield();
    // And it has kept its place for the local one.
    auto later = coro::spawn([&] { BOOST_TEST(local.receive().value() == 12); });
    coro::yield();
    take_away();
    BOOST_TEST(local.try_send(11).has_value());
    BOOST_TEST(local.try_send(12).has_value());
    (void)later.join();
    coro::yield();
    BOOST_TEST(c.try_send(13).has_value());
    (void)waiter.join();
    BOOST_TEST((order == std::vector{10, 11, 13}));
  });
}

BOOST_AUTO_TEST_CASE(two_arms_on_one_channel_take_one_item) {
  as_root([] {
    coro::remote_channel<int> c{4};
    auto waiter = coro::spawn([&] {
      const auto won = coro::select(c.receiving(), c.receiving(), coro::after(10s));
      BOOST_TEST(won.get<0>().has_value() != won.get<1>().has_value());
    });
    coro::yield();
    BOOST_TEST(c.try_send(1).has_value());
    BOOST_TEST(c.try_send(2).has_value());
    (void)waiter.join();
    BOOST_TEST(c.try_receive().value() == 2);
    BOOST_TEST((c.try_receive().error() == std::errc::resource_unavailable_try_again));
    // One that sends to itself needs nobody else.
    for (int i = 0; i < 20; ++i) {
      auto sent = coro::select(c.sending(i), c.receiving());
      if (sent.index() == 0) BOOST_TEST(c.try_receive().value() == i);
    }
  });
}

BOOST_AUTO_TEST_CASE(those_in_line_are_served_in_their_order) {
  as_root([] {
    coro::remote_channel<int> c{8};
    std::vector<int> order;
    std::vector<coro::task<void>> tasks;
    for (int i = 0; i < 5; ++i) {
      tasks.push_back(coro::spawn([&, i] {
        if (coro::select(c.receiving(), coro::after(10s)).get<0>()) order.push_back(i);
      }));
      coro::yield();
    }
    tasks[1].request_cancel();
    tasks[4].request_cancel();
    coro::yield();
    for (int i = 0; i < 3; ++i) BOOST_TEST(c.try_send(i).has_value());
    for (auto& one : tasks) (void)one.join();
    BOOST_TEST((order == std::vector{0, 2, 3}));
  });
}

BOOST_AUTO_TEST_CASE(a_closed_one_wins_at_once_or_when_it_is_closed) {
  as_root([] {
    coro::remote_channel<int> c{2};
    auto closer = coro::spawn([&] { c.close(); });
    auto won = coro::select(c.receiving(), coro::after(10s));
    BOOST_TEST(won.index() == 0U);
    BOOST_TEST((won.get<0>()->error() == errc::closed));
    (void)closer.join();
    BOOST_TEST((coro::select(coro::after(10s), c.receiving()).get<1>()->error() == errc::closed));
    coro::remote_channel<std::unique_ptr<int>> full{2};
    for (int i = 0; i < 2; ++i) BOOST_TEST(full.try_send(std::make_unique<int>(i)).has_value());
    auto item = std::make_unique<int>(2);
    auto late = coro::spawn([&] { full.close(); });
    auto sent = coro::select(full.sending(std::move(item)), coro::after(10s));
    (void)late.join();
    BOOST_TEST((sent.get<0>()->error() == errc::closed));
    BOOST_REQUIRE(item);
    // What is queued is still received, before the end is.
    for (int i = 0; i < 2; ++i) BOOST_TEST(***coro::select(full.receiving()).get<0>() == i);
    BOOST_TEST((coro::select(full.receiving()).get<0>()->error() == errc::closed));
  });
}

BOOST_AUTO_TEST_CASE(an_item_that_was_not_sent_stays_where_it_was) {
  as_root([] {
    coro::remote_channel<std::unique_ptr<int>> c{2};
    for (int i = 0; i < 2; ++i) BOOST_TEST(c.try_send(std::make_unique<int>(i)).has_value());
    auto mine = std::make_unique<int>(2);
    BOOST_TEST(coro::select(c.sending(std::move(mine)), coro::after(1ms)).index() == 1U);
    BOOST_REQUIRE(mine);
    auto sender = coro::spawn([&] {
      const auto won = coro::select(c.sending(std::move(mine)), coro::after(10s));
      BOOST_TEST((won.error() == std::errc::operation_canceled));
    });
    coro::yield();
    // There is room, and word of that on its way, but the task was asked to end before it came.
    BOOST_TEST(*c.try_receive().value() == 0);
    sender.request_cancel();
    (void)sender.join();
    BOOST_REQUIRE(mine);
    BOOST_TEST(coro::select(c.sending(std::move(mine)), coro::after(10s)).index() == 0U);
    BOOST_TEST(!mine);
    BOOST_TEST(*c.try_receive().value() == 1);
    BOOST_TEST(*c.try_receive().value() == 2);
  });
}

BOOST_AUTO_TEST_CASE(without_anybody_else_it_waits_and_a_task_that_ends_takes_nothing) {
  as_root([] {
    coro::remote_channel<int> c{2};
    auto waiter = coro::spawn([&] {
      const auto won = coro::select(c.receiving());
      BOOST_TEST((won.error() == std::errc::operation_canceled));
      BOOST_TEST((coro::select(c.receiving()).error() == std::errc::operation_canceled));
    });
    BOOST_TEST((coro::with_timeout(2ms, [&]() -> sluice::result<void> {
                  const auto won = coro::select(c.receiving());
                  if (!won) return std::unexpected{won.error()};
                  return {};
                }).error() == errc::timed_out));
    waiter.request_cancel();
    (void)waiter.join();
    BOOST_TEST(c.try_send(1).has_value());
  });
  coro::remote_channel<int> c{2};
  BOOST_TEST((coro::select(c.receiving()).error() == std::errc::operation_not_permitted));
}

BOOST_AUTO_TEST_CASE(nothing_is_lost_or_doubled_between_threads) {
  for (std::uint32_t seed = 1; seed <= 4; ++seed) {
    coro::remote_channel<int> a{2};
    coro::remote_channel<int> b{2};
    ledger book;
    constexpr int each = 300;
    std::vector<std::thread> senders;
    senders.emplace_back([&] {
      for (int i = 0; i < each; ++i)
        if ((i % 2 == 0 ? a : b).send(i)) book.sent(i);
    });
    senders.push_back(on_a_scheduler([&, seed] {
      std::mt19937 random{seed};
      std::vector<coro::task<void>> tasks;
      for (int t = 1; t <= 3; ++t)
        tasks.push_back(coro::spawn([&, t] {
          for (int i = t * each; i < (t + 1) * each; ++i) {
            const auto won = coro::select(a.sending(i), b.sending(i), coro::after(50us));
            if (won.index() < 2) book.sent(i);
            if (!won) return;
          }
        }));
      for (int k = 0; k < 30; ++k) coro::yield();
      (void)coro::sleep(std::chrono::microseconds{random() % 2000});
      tasks[random() % 3].request_cancel();
      for (auto& one : tasks) (void)one.join();
    }));
    std::vector<std::thread> receivers;
    for (std::uint32_t r = 0; r < 2; ++r)
      receivers.push_back(on_a_scheduler([&, r, seed] {
        std::mt19937 random{seed * 7 + r};
        coro::channel<int> local;
        while (!a.is_closed()) {
          std::vector<coro::task<void>> tasks;
          for (std::uint32_t t = 0; t < 2; ++t) tasks.push_back(coro::spawn([&, t] { receive_from_either(a, b, local, book, seed + t); }));
          for (auto n = random() % 20; n > 0; --n) coro::yield();
          tasks[random() % 2].request_cancel();
          (void)coro::sleep(std::chrono::microseconds{random() % 300});
          for (auto& one : tasks) one.request_cancel();
          for (auto& one : tasks) (void)one.join();
        }
      }));
    for (auto& one : senders) one.join();
    a.close();
    b.close();
    for (auto& one : receivers) one.join();
    for (auto* const one : {&a, &b})
      while (auto item = one->try_receive()) book.got(*item);
    book.check();
    BOOST_TEST(book.size() >= static_cast<std::size_t>(each));
  }
}

BOOST_AUTO_TEST_CASE(nobody_enters_the_system_to_wake_a_scheduler_that_is_awake) {
  as_root([] {
    coro::channel<int> local;
    coro::remote_channel<int> c{4};
    constexpr int many = 2000;
    int got = 0;
    auto receiver = coro::spawn([&] {
      while (got != many)
        if (coro::select(local.receiving(), c.receiving()).index() == 1) ++got;
    });
    coro::yield();
    const int before = counting_os::wakes;
    std::thread sender{[&] {
      for (int i = 0; i != many; ++i)
        while (!c.try_send(i)) std::this_thread::yield();
    }};
    while (got != many) coro::yield();
    sender.join();
    (void)receiver.join();
    BOOST_TEST(counting_os::wakes == before);
  });
}

/// Each waits for the other alone: a wake-up that is lost is one too many.
BOOST_AUTO_TEST_CASE(two_schedulers_play_ball) {
  coro::remote_channel<int> there{2};
  coro::remote_channel<int> back{2};
  constexpr int many = 5000;
  auto other = on_a_scheduler([&] {
    coro::channel<int> local;
    for (int i = 0; i < many; ++i) {
      auto won = coro::select(local.receiving(), there.receiving());
      (void)coro::select(back.sending(won.get<1>()->value() + 1), local.receiving());
    }
  });
  int ball = 0;
  const auto outcome = coro::run([&] {
    coro::channel<int> local;
    for (int i = 0; i < many; ++i) {
      (void)coro::select(there.sending(ball), local.receiving());
      ball = coro::select(local.receiving(), back.receiving()).get<1>()->value();
    }
  });
  other.join();
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(ball == many);
}

BOOST_AUTO_TEST_CASE(either_side_may_close_while_the_other_selects) {
  for (int round = 0; round < 100; ++round) {
    coro::remote_channel<int> c{2};
    coro::remote_channel<int> idle{2};
    ledger book;
    std::atomic<int> told{0};
    auto sender = on_a_scheduler([&] {
      for (int i = 0;; ++i) {
        auto won = coro::select(idle.receiving(), c.sending(i));
        if (!*won.get<1>()) {
          if (won.get<1>()->error() == errc::closed) ++told;
          return;
        }
        book.sent(i);
        if (round % 2 == 0 && i == round / 2) c.close();
      }
    });
    auto receiver = on_a_scheduler([&] {
      for (int i = 0;; ++i) {
        auto won = coro::select(c.receiving(), idle.receiving());
        if (!*won.get<0>()) {
          if (won.get<0>()->error() == errc::closed) ++told;
          return;
        }
        book.got(**won.get<0>());
        if (round % 2 == 1 && i == round / 2) c.close();
      }
    });
    sender.join();
    receiver.join();
    BOOST_TEST(told == 2);
    book.check();
    BOOST_TEST(book.size() > static_cast<std::size_t>(round / 2));
  }
}

BOOST_AUTO_TEST_SUITE_END()
