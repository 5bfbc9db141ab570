// SPDX-License-Identifier: MIT
// Waiting for the first of several, and what becomes of the others.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include <coro/as_root.hpp>
#include <coro/fixture.hpp>
#include <sys/socket.h>
#include <unistd.h>

struct app : sluice::config<fixture::counted_stacks> {};
using coro = sluice::coro_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;
using sluice::errc;

namespace {

constexpr auto& as_root = fixture::as_root<coro>;

}  // namespace

BOOST_AUTO_TEST_SUITE(selection, *needs::ring())

BOOST_AUTO_TEST_CASE(the_first_one_wins_and_the_rest_has_no_effect) {
  as_root([] {
    coro::channel<int> numbers;
    coro::channel<std::string> words{1};
    const fixture::socket_pair pair;
    std::array<std::byte, 8> buffer{};
    const op::recv receive{.socket = pair.left, .buffer = buffer};

    auto late = coro::select(numbers.receiving(), receive, coro::after(2ms));
    BOOST_TEST(late.index() == 2U);
    BOOST_TEST(!std::get<0>(late));
    BOOST_TEST(!std::get<1>(late));
    BOOST_TEST(std::get<2>(late)->has_value());

    auto sent = coro::select(numbers.receiving(), words.sending("word"), receive, coro::after(10s));
    BOOST_TEST(sent.index() == 1U);
    BOOST_TEST(sent.get<1>()->has_value());
    BOOST_TEST(words.receive().value() == "word");

    auto sender = coro::spawn([&] { BOOST_TEST(numbers.send(7).has_value()); });
    auto got = coro::select(receive, numbers.receiving(), coro::after(10s));
    BOOST_TEST(got.index() == 1U);
    BOOST_TEST(got.get<1>()->value() == 7);
    (void)sender.join();

    auto writer =
        coro::spawn([&] { BOOST_TEST(coro::io(op::send{.socket = pair.right, .buffer = fixture::bytes_of("abc")}).value() == 3U); });
    auto [a, b, c] = coro::select(numbers.receiving(), op::timed(receive, 10s), coro::after(10s));
    BOOST_TEST(!a);
    BOOST_REQUIRE(b.has_value());
    BOOST_TEST(b->value() == 3U);
    BOOST_TEST(!c);
    (void)writer.join();
    BOOST_TEST((numbers.try_send(1).error() == std::errc::resource_unavailable_try_again));
  });
}

BOOST_AUTO_TEST_CASE(where_a_channel_is_ready_no_operation_starts) {
  as_root([] {
    coro::channel<int> c{1};
    (void)c.send(1);
    const fixture::socket_pair pair;
    (void)coro::io(op::send{.socket = pair.right, .buffer = fixture::bytes_of("abc")});
    std::array<std::byte, 8> buffer{};
    const auto won = coro::select(op::recv{.socket = pair.left, .buffer = buffer}, c.receiving());
    BOOST_TEST(won.index() == 1U);
    BOOST_TEST(!won.get<0>());
    BOOST_TEST(coro::io(op::recv{.socket = pair.left, .buffer = buffer}).value() == 3U);
  });
}

BOOST_AUTO_TEST_CASE(no_arm_is_always_first) {
  as_root([] {
    coro::channel<int> a{100};
    coro::channel<int> b{100};
    for (int i = 0; i < 100; ++i) {
      (void)a.send(i);
      (void)b.send(i);
    }
    std::array<int, 2> wins{};
    for (int i = 0; i < 100; ++i) ++wins[coro::select(a.receiving(), b.receiving()).index()];
    BOOST_TEST(wins[0] == 50);
    BOOST_TEST(wins[1] == 50);
  });
}

BOOST_AUTO_TEST_CASE(a_late_success_is_not_lost) {
  as_root([] {
    coro::channel<int> c;
    const fixture::socket_pair pair;
    std::array<std::byte, 8> buffer{};
    std::size_t bytes = 0;
    int items = 0;
    for (int i = 0; i < 300; ++i) {
      auto both = coro::spawn([&] {
        (void)::send(pair.right.native(), "x", 1, 0);
        (void)c.send(i);
      });
      auto won = coro::select(c.receiving(), op::recv{.socket = pair.left, .buffer = buffer});
      BOOST_TEST(!!won);
      if (won.get<0>()) ++items;
      if (won.get<1>()) bytes += won.get<1>()->value();
      if (!won.get<0>()) {
        BOOST_TEST(c.receive().value() == i);
        ++items;
      }
      (void)both.join();
      std::array<char, 8> rest{};
      if (const auto n = ::recv(pair.left.native(), rest.data(), rest.size(), MSG_DONTWAIT); n > 0) bytes += static_cast<std::size_t>(n);
    }
    BOOST_TEST(items == 300);
    BOOST_TEST(bytes == 300U);
  });
}

BOOST_AUTO_TEST_CASE(a_closed_channel_wins) {
  as_root([] {
    coro::channel<int> c;
    auto closer = coro::spawn([&] { c.close(); });
    auto won = coro::select(c.receiving(), coro::after(10s));
    BOOST_TEST(won.index() == 0U);
    BOOST_TEST((won.get<0>()->error() == errc::closed));
    (void)closer.join();
    auto item = 5;
    auto sent = coro::select(c.sending(item), coro::after(10s));
    BOOST_TEST((sent.get<0>()->error() == errc::closed));
  });
}

BOOST_AUTO_TEST_CASE(an_item_that_was_not_sent_stays_where_it_was) {
  as_root([] {
    coro::channel<std::unique_ptr<int>> c;
    auto mine = std::make_unique<int>(5);
    BOOST_TEST(coro::select(c.sending(std::move(mine)), coro::after(1ms)).index() == 1U);
    BOOST_REQUIRE(mine);
    auto receiver = coro::spawn([&] { BOOST_TEST(**c.receive() == 5); });
    coro::yield();
    BOOST_TEST(coro::select(c.sending(std::move(mine)), coro::after(10s)).index() == 0U);
    BOOST_TEST(!mine);
    (void)receiver.join();
  });
}

BOOST_AUTO_TEST_CASE(two_selects_meet_once) {
  as_root([] {
    coro::channel<int> there;
    coro::channel<int> back;
    int exchanged = 0;
    coro::scope all;
    for (int side = 0; side < 2; ++side)
      all.spawn([&, side] {
        for (int i = 0; i < 50; ++i) {
          auto& mine = side == 0 ? there : back;
          auto& other = side == 0 ? back : there;
          const auto won = coro::select(mine.sending(i), other.receiving());
          BOOST_TEST(!!won);
          BOOST_TEST(won.get<0>().has_value() != won.get<1>().has_value());
          if (won.index() == 0) ++exchanged;
        }
      });
    BOOST_TEST(all.join().has_value());
    BOOST_TEST(exchanged == 50);
  });
}

BOOST_AUTO_TEST_CASE(a_cancel_ends_it_without_a_winner) {
  as_root([] {
    coro::channel<int> c;
    const fixture::socket_pair pair;
    std::array<std::byte, 8> buffer{};
    std::vector<std::string> said;
    auto task = coro::spawn([&] {
      const auto won = coro::select(c.receiving(), op::recv{.socket = pair.left, .buffer = buffer}, coro::after(10s));
      BOOST_TEST(won.index() == won.npos);
      BOOST_TEST((won.error() == std::errc::operation_canceled));
      const auto again = coro::select(c.receiving());
      BOOST_TEST((again.error() == std::errc::operation_canceled));
    });
    coro::yield();
    task.request_cancel();
    (void)task.join();
    BOOST_TEST((c.try_send(1).error() == std::errc::resource_unavailable_try_again));
    auto pure = coro::spawn([&] { BOOST_TEST(!coro::select(c.receiving(), c.receiving())); });
    coro::yield();
    pure.request_cancel();
    (void)pure.join();
    const auto bounded = coro::with_timeout(1ms, [&]() -> sluice::result<void> {
      const auto won = coro::select(c.receiving(), op::recv{.socket = pair.left, .buffer = buffer});
      if (!won) return std::unexpected{won.error()};
      return {};
    });
    BOOST_TEST((bounded.error() == errc::timed_out));
  });
  coro::channel<int> c;
  BOOST_TEST((coro::select(c.receiving()).error() == std::errc::operation_not_permitted));
}

BOOST_AUTO_TEST_CASE(an_operation_that_fails_wins_with_its_error) {
  as_root([] {
    coro::channel<int> c;
    std::array<std::byte, 8> buffer{};
    const auto won = coro::select(c.receiving(), op::read{.file = sluice::file_handle{-1}, .buffer = buffer});
    BOOST_TEST(won.index() == 1U);
    BOOST_TEST((won.get<1>()->error() == std::errc::bad_file_descriptor));
    const auto timed = coro::select(op::timed(op::timeout{.after = 10s}, 1ms), c.receiving());
    BOOST_TEST(timed.index() == 0U);
    BOOST_TEST((timed.get<0>()->error() == errc::timed_out));
  });
}

BOOST_AUTO_TEST_CASE(an_operation_whose_handle_another_task_closes_wins_with_that) {
  as_root([] {
    coro::channel<int> numbers;
    auto pipe = coro::pipe::make().value();
    std::array<std::byte, 8> buffer{};
    auto task = coro::spawn([&] {
      // Nobody has asked this task to end.
      auto won = coro::select(numbers.receiving(), op::read{.file = pipe.reader.handle(), .buffer = buffer}, coro::after(10s));
      BOOST_TEST(won.index() == 1U);
      BOOST_TEST(!won.error());
      BOOST_REQUIRE(std::get<1>(won).has_value());
      BOOST_TEST((std::get<1>(won)->error() == std::errc::operation_canceled));
      BOOST_TEST(!std::get<0>(won));
      BOOST_TEST(!std::get<2>(won));
    });
    coro::yield();
    BOOST_TEST(pipe.reader.close().has_value());
    (void)task.join();
  });
}

BOOST_AUTO_TEST_CASE(nothing_is_lost_between_many_at_random) {
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    as_root([seed] {
      std::mt19937 random{seed};
      std::vector<std::unique_ptr<coro::channel<int>>> channels;
      for (int i = 0; i < 3; ++i) channels.push_back(std::make_unique<coro::channel<int>>(random() % 2));
      int sent = 0;
      int got = 0;
      std::vector<coro::task<void>> tasks;
      for (int t = 0; t < 6; ++t)
        tasks.push_back(coro::spawn([&, t] {
          for (int i = 0; i < 30; ++i) {
            for (auto n = random() % 3; n > 0; --n) coro::yield();
            auto& a = *channels[random() % 3];
            auto& b = *channels[random() % 3];
            const auto limit = coro::after(std::chrono::microseconds{random() % 50});
            if (t % 2 == 0) {
              const auto won = coro::select(a.sending(i), b.receiving(), limit);
              if (won.get<0>()) ++sent;
              if (won.get<1>()) ++got;
              BOOST_TEST(!(won.get<0>() && won.get<1>()));
            } else {
              const auto won = coro::select(b.receiving(), limit, op::timeout{.after = 20us}, a.sending(i));
              if (won.get<0>()) ++got;
              if (won.get<3>()) ++sent;
              BOOST_TEST(!(won.get<0>() && won.get<3>()));
            }
          }
        }));
      for (int k = 0; k < 3; ++k) {
        (void)coro::sleep(std::chrono::microseconds{random() % 200});
        tasks[random() % tasks.size()].request_cancel();
      }
      for (auto& one : tasks) (void)one.join();
      for (auto& one : channels) got += static_cast<int>(one->size());
      BOOST_TEST(sent == got);
    });
  }
}

BOOST_AUTO_TEST_SUITE_END()
