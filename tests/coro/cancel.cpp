// SPDX-License-Identifier: MIT
// A request to end: what it reaches, what it does not, and what a task sees of it.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cerrno>
#include <memory>
#include <string>
#include <system_error>

#include <coro/as_root.hpp>
#include <coro/fixture.hpp>

struct app : sluice::config<fixture::counted_stacks> {};
using coro = sluice::coro_of<app>;
using aio = sluice::aio_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;

namespace {

constexpr auto& as_root = fixture::as_root<coro>;

auto is_canceled(const auto& outcome) -> bool { return !outcome && outcome.error() == std::errc::operation_canceled; }

}  // namespace

BOOST_AUTO_TEST_SUITE(cancel, *needs::ring())

BOOST_AUTO_TEST_CASE(before_it_ran_the_callable_is_never_called_and_its_captures_are_destroyed) {
  as_root([] {
    bool called = false;
    auto captured = std::make_shared<int>(1);
    auto t = coro::spawn([&called, captured] {
      called = true;
      return 1;
    });
    t.request_cancel();
    BOOST_TEST(is_canceled(t.join()));
    BOOST_TEST(!called);
    BOOST_TEST(captured.use_count() == 1);
  });
}

BOOST_AUTO_TEST_CASE(ends_a_pending_operation) {
  as_root([] {
    const fixture::socket_pair pair;
    auto t = coro::spawn([&] {
      std::array<std::byte, 8> buffer{};
      return coro::io(op::recv{.socket = pair.left, .buffer = buffer});
    });
    (void)coro::sleep(2ms);
    t.request_cancel();
    t.request_cancel();
    BOOST_TEST(is_canceled(t.join()));
    t.request_cancel();
  });
}

BOOST_AUTO_TEST_CASE(ends_every_operation_of_a_batch_and_of_a_chain) {
  as_root([] {
    const fixture::socket_pair a;
    const fixture::socket_pair b;
    auto batch = coro::spawn([&] {
      std::array<std::byte, 8> one{};
      std::array<std::byte, 8> two{};
      const auto [x, y] = coro::io(op::recv{.socket = a.left, .buffer = one}, op::recv{.socket = b.left, .buffer = two});
      BOOST_TEST(is_canceled(x));
      BOOST_TEST(is_canceled(y));
    });
    auto chain = coro::spawn([&] {
      std::array<std::byte, 8> one{};
      const auto [x, y, z] = coro::io(op::hard(op::recv{.socket = a.right, .buffer = one}), op::soft(op::timeout{.after = 10s}), op::nop{});
      BOOST_TEST(is_canceled(x));
      BOOST_TEST(is_canceled(y));
      BOOST_TEST(is_canceled(z));
    });
    auto soft = coro::spawn([&] {
      const auto [x, y] = coro::io(op::soft(op::timeout{.after = 10s}), op::nop{});
      BOOST_TEST(is_canceled(x));
      BOOST_TEST(is_canceled(y));
    });
    (void)coro::sleep(2ms);
    batch.request_cancel();
    chain.request_cancel();
    soft.request_cancel();
    BOOST_TEST(batch.join().has_value());
    BOOST_TEST(chain.join().has_value());
    BOOST_TEST(soft.join().has_value());
  });
}

BOOST_AUTO_TEST_CASE(ends_a_span_of_operations) {
  as_root([] {
    auto t = coro::spawn([&] {
      std::array<aio::operation<op::timeout>, 2> two{aio::operation<op::timeout>{op::timeout{.after = 10s}},
                                                     aio::operation<op::timeout>{op::timeout{.after = 20s}}};
      coro::io(std::span{two});
      BOOST_TEST(is_canceled(two[0].result()));
      BOOST_TEST(is_canceled(two[1].result()));
      coro::io(std::span{two});
      BOOST_TEST(is_canceled(two[0].result()));
    });
    (void)coro::sleep(2ms);
    t.request_cancel();
    BOOST_TEST(t.join().has_value());
  });
}

BOOST_AUTO_TEST_CASE(success_wins_against_a_cancel_that_comes_late) {
  as_root([] {
    const fixture::socket_pair pair;
    auto t = coro::spawn([&] {
      std::array<std::byte, 8> buffer{};
      return coro::io(op::recv{.socket = pair.left, .buffer = buffer});
    });
    coro::yield();
    (void)coro::io(op::send{.socket = pair.right, .buffer = fixture::bytes_of("data")});
    t.request_cancel();
    BOOST_TEST(t.join().value() == 4U);
  });
}

BOOST_AUTO_TEST_CASE(every_later_wait_is_refused_at_once) {
  as_root([] {
    auto t = coro::spawn([] {
      BOOST_TEST(is_canceled(coro::sleep(10s)));
      BOOST_TEST(coro::this_task::cancelled());
      const fixture::stopwatch watch;
      std::array<std::byte, 8> buffer{};
      const fixture::socket_pair pair;
      for (int i = 0; i < 100; ++i) {
        BOOST_TEST(is_canceled(coro::sleep(10s)));
        BOOST_TEST(is_canceled(coro::io(op::nop{})));
        BOOST_TEST(is_canceled(coro::io(op::recv{.socket = pair.left, .buffer = buffer})));
        BOOST_TEST(is_canceled(coro::io(op::timed(op::recv{.socket = pair.left, .buffer = buffer}, 1s))));
        BOOST_TEST(is_canceled(std::get<1>(coro::io(op::soft(op::nop{}), op::nop{}))));
        coro::yield();
      }
      BOOST_TEST((watch.passed() < 3s));
    });
    coro::yield();
    t.request_cancel();
    BOOST_TEST(t.join().has_value());
  });
}

BOOST_AUTO_TEST_CASE(closes_always_run) {
  as_root([] {
    const int before = fixture::open_descriptors();
    bool open = false;
    auto t = coro::spawn([&open] {
      const auto file = coro::io(op::open_at{.path = "/dev/null"});
      const auto other = coro::io(op::open_at{.path = "/dev/null"});
      const auto third = coro::io(op::open_at{.path = "/dev/null"});
      open = true;
      (void)coro::sleep(10s);
      BOOST_TEST(coro::io(op::close_file{.file = *file}).has_value());
      const auto [nop, close] = coro::io(op::soft(op::nop{}), op::close_file{.file = *other});
      BOOST_TEST(is_canceled(nop));
      BOOST_TEST(close.has_value());
      std::array<aio::operation<op::close_file>, 1> batch{aio::operation<op::close_file>{op::close_file{.file = *third}}};
      coro::io(std::span{batch});
      BOOST_TEST(batch[0].result().has_value());
    });
    fixture::run_others_until<coro>([&] { return open; });
    BOOST_TEST(fixture::open_descriptors() == before + 3);
    t.request_cancel();
    BOOST_TEST(t.join().has_value());
    BOOST_TEST(fixture::open_descriptors() == before);
  });
}

BOOST_AUTO_TEST_CASE(a_cancelled_close_of_a_busy_socket_takes_its_operations_along) {
  as_root([] {
    fixture::socket_pair pair;
    auto reader = coro::spawn([&] {
      std::array<std::byte, 8> buffer{};
      return coro::io(op::recv{.socket = pair.left, .buffer = buffer});
    });
    coro::yield();
    auto closer = coro::spawn([&] { return coro::io(op::close_socket{.socket = std::exchange(pair.left, {})}); });
    coro::yield();
    closer.request_cancel();
    BOOST_TEST(closer.join().has_value());
    BOOST_TEST(is_canceled(reader.join()));
  });
}

BOOST_AUTO_TEST_CASE(a_joiner_that_is_cancelled_cancels_the_joined_task_and_awaits_it) {
  as_root([] {
    bool inner_begun = false;
    bool inner_ended = false;
    auto outer = coro::spawn([&] {
      auto inner = coro::spawn([&] {
        inner_begun = true;
        BOOST_TEST(is_canceled(coro::sleep(10s)));
        (void)coro::shield([] { return coro::sleep(2ms); });
        inner_ended = true;
        return 3;
      });
      return inner.join();
    });
    fixture::run_others_until<coro>([&] { return inner_begun; });
    outer.request_cancel();
    BOOST_TEST(outer.join().value() == 3);
    BOOST_TEST(inner_ended);
  });
}

BOOST_AUTO_TEST_CASE(a_cancelled_task_that_joins_cancels_first) {
  as_root([] {
    bool inner_begun = false;
    auto outer = coro::spawn([&] {
      auto inner = coro::spawn([&] {
        inner_begun = true;
        return coro::sleep(10s);
      });
      (void)coro::sleep(10s);
      return inner.join();
    });
    fixture::run_others_until<coro>([&] { return inner_begun; });
    outer.request_cancel();
    BOOST_TEST(is_canceled(outer.join()));
  });
}

BOOST_AUTO_TEST_CASE(oneself_is_defined) {
  as_root([] {
    coro::task<bool> self;
    self = coro::spawn([&] {
      self.request_cancel();
      return coro::this_task::cancelled() && is_canceled(coro::sleep(1s));
    });
    BOOST_TEST(self.join().value());
  });
}

BOOST_AUTO_TEST_CASE(a_shield_keeps_it_out_until_its_end) {
  as_root([] {
    auto t = coro::spawn([&] {
      const auto inside = coro::shield([] {
        BOOST_TEST(coro::sleep(5ms).has_value());
        BOOST_TEST(!coro::this_task::cancelled());
        return coro::io(op::nop{});
      });
      BOOST_TEST(inside.has_value());
      BOOST_TEST(coro::this_task::cancelled());
      return coro::sleep(10s);
    });
    (void)coro::sleep(1ms);
    t.request_cancel();
    BOOST_TEST(is_canceled(t.join()));
  });
}

BOOST_AUTO_TEST_CASE(a_stop_token_tells_foreign_code) {
  as_root([] {
    bool called_back = false;
    auto t = coro::spawn([&] {
      const auto token = coro::this_task::stop_token();
      BOOST_TEST(token.stop_possible());
      const std::stop_callback callback{token, [&] { called_back = true; }};
      BOOST_TEST(!token.stop_requested());
      (void)coro::sleep(10s);
      BOOST_TEST(token.stop_requested());
      BOOST_TEST(coro::this_task::stop_token().stop_requested());
    });
    coro::yield();
    t.request_cancel();
    BOOST_TEST(called_back);
    BOOST_TEST(t.join().has_value());
    auto late = coro::spawn([&] {
      (void)coro::sleep(10s);
      BOOST_TEST(coro::this_task::stop_token().stop_requested());
    });
    coro::yield();
    late.request_cancel();
    (void)late.join();
  });
  BOOST_TEST(!coro::this_task::stop_token().stop_possible());
}

/// Who compares two codes, and not each with a condition, must find them equal.
BOOST_AUTO_TEST_CASE(says_so_by_one_and_the_same_code_whatever_was_waited_for) {
  as_root([] {
    auto t = coro::spawn([] {
      (void)coro::sleep(100s);
      coro::channel<int> channel{0};
      coro::event event;
      coro::semaphore semaphore{0};
      coro::mutex mutex;
      const auto held = mutex.lock();
      const auto code = coro::sleep(1ms).error();
      BOOST_TEST(code == std::error_code(ECANCELED, std::system_category()));
      BOOST_TEST(coro::io(op::nop{}).error() == code);
      BOOST_TEST(coro::select(channel.receiving(), coro::after(1ms)).error() == code);
      BOOST_TEST(channel.receive().error() == code);
      BOOST_TEST(channel.send(1).error() == code);
      BOOST_TEST(event.wait().error() == code);
      BOOST_TEST(semaphore.acquire().error() == code);
      BOOST_TEST(mutex.lock_cancellable().error() == code);
      BOOST_TEST(coro::blocking([] {}).error() == code);
      BOOST_TEST(coro::stream(op::timer_many{.every = 1ms}).next().error() == code);
    });
    coro::yield();
    t.request_cancel();
    BOOST_TEST(t.join().has_value());
    coro::channel<int> channel{0};
    auto waits = coro::spawn([&] { return coro::select(channel.receiving()).error(); });
    coro::yield();
    waits.request_cancel();
    BOOST_TEST(waits.join().value() == std::error_code(ECANCELED, std::system_category()));
  });
  const std::error_code nowhere{EPERM, std::system_category()};
  coro::scope scope;
  scope.spawn([] {});
  coro::event event;
  BOOST_TEST(coro::spawn([] {}).join().error() == nowhere);
  BOOST_TEST(scope.join().error() == nowhere);
  BOOST_TEST(coro::all([] {}).error() == nowhere);
  BOOST_TEST(coro::with_timeout(1s, [] {}).error() == nowhere);
  BOOST_TEST(coro::select(coro::after(1ms)).error() == nowhere);
  BOOST_TEST(event.wait().error() == nowhere);
  BOOST_TEST(coro::file{}.size().error() == std::error_code(EBADF, std::system_category()));
}

BOOST_AUTO_TEST_CASE(an_accept_that_wins_gives_its_socket) {
  as_root([] {
    const auto listener = coro::io(op::socket{}).value();
    BOOST_TEST(coro::io(op::bind{.socket = listener, .address = sluice::ip::endpoint{sluice::ip::loopback, 0}}).has_value());
    BOOST_TEST(coro::io(op::listen{.socket = listener}).has_value());
    const auto address = coro::io(op::getsockname{.socket = listener}).value();
    int lost = 0;
    for (int round = 0; round < 200; ++round) {
      auto acceptor = coro::spawn([&] { return coro::io(op::accept{.socket = listener}); });
      coro::yield();
      const auto client = coro::io(op::socket{}).value();
      BOOST_TEST(coro::io(op::connect{.socket = client, .address = address}).has_value());
      acceptor.request_cancel();
      auto peer = acceptor.join();
      if (!peer) {
        ++lost;
        peer = coro::io(op::accept{.socket = listener});  // still in the backlog
      }
      BOOST_TEST(peer.has_value());
      (void)coro::io(op::close_socket{.socket = peer->socket}, op::close_socket{.socket = client});
    }
    BOOST_TEST(lost < 200);
    (void)coro::io(op::close_socket{.socket = listener});
  });
}

BOOST_AUTO_TEST_SUITE_END()
