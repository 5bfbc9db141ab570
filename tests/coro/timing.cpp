// SPDX-License-Identifier: MIT
// Deadlines, shields, sleeping and yielding, with every timers policy.
#include <sluice/sluice.hpp>
#include <sluice/timers/wheel.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <stdexcept>
#include <string>
#include <tuple>
#include <vector>

#include <coro/as_root.hpp>
#include <coro/fixture.hpp>

struct on_heap : sluice::config<fixture::counted_stacks> {};
struct on_wheel : sluice::config<fixture::counted_stacks, sluice::timers::wheel<>> {};
struct on_slow_wheel : sluice::config<fixture::counted_stacks, sluice::timers::wheel<{.bits = 2, .few = 1}>> {};
using configs = std::tuple<on_heap, on_wheel, on_slow_wheel>;
namespace op = sluice::op;
using namespace std::chrono_literals;
using sluice::errc;

namespace {

using fixture::as_root;

auto is_canceled(const auto& outcome) -> bool { return !outcome && outcome.error() == std::errc::operation_canceled; }

}  // namespace

BOOST_AUTO_TEST_SUITE(timing, *needs::ring())

BOOST_AUTO_TEST_CASE_TEMPLATE(sleep_is_never_early, config, configs) {
  using coro = sluice::coro_of<config>;
  as_root<coro>([] {
    for (const auto span : {1ns, 999ns, 1000000ns, 3000001ns}) {
      const fixture::stopwatch watch;
      BOOST_TEST(coro::sleep(span).has_value());
      BOOST_TEST((watch.passed() >= span));
    }
    BOOST_TEST(coro::sleep(0ms).has_value());
    BOOST_TEST(coro::sleep(-1s).has_value());
    const auto end = std::chrono::steady_clock::now() + 5ms;
    BOOST_TEST(coro::sleep_until(end).has_value());
    BOOST_TEST((std::chrono::steady_clock::now() >= end));
  });
  const fixture::stopwatch watch;
  BOOST_TEST(coro::sleep(2ms).has_value());
  BOOST_TEST((watch.passed() >= 2ms));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(equal_deadlines_wake_in_the_order_in_which_they_were_set, config, configs) {
  using coro = sluice::coro_of<config>;
  as_root<coro>([] {
    std::vector<int> order;
    const auto end = coro::scheduler::ring_type::now() + 3ms;
    typename coro::scope s;
    for (int i = 0; i < 50; ++i)
      s.spawn([&, i] {
        (void)coro::sleep_until(end);
        order.push_back(i);
      });
    (void)s.join();
    std::vector<int> expected;
    for (int i = 0; i < 50; ++i) expected.push_back(i);
    BOOST_TEST((order == expected));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(yield_is_first_in_first_out, config, configs) {
  using coro = sluice::coro_of<config>;
  as_root<coro>([] {
    std::string order;
    typename coro::scope s;
    for (const char c : {'a', 'b', 'c'})
      s.spawn([&order, c] {
        for (int i = 0; i < 3; ++i) {
          order += c;
          coro::yield();
        }
      });
    (void)s.join();
    BOOST_TEST(order == "abcabcabc");
  });
  coro::yield();
}

BOOST_AUTO_TEST_CASE_TEMPLATE(tasks_that_only_yield_do_not_keep_others_from_their_operations, config, configs) {
  using coro = sluice::coro_of<config>;
  as_root<coro>([] {
    bool done = false;
    typename coro::scope s;
    s.spawn([&] {
      (void)coro::io(op::nop{});
      (void)coro::sleep(2ms);
      done = true;
    });
    const fixture::stopwatch watch;
    for (int i = 0; i < 2; ++i)
      s.spawn([&] {
        while (!done && watch.passed() < 4s) coro::yield();
      });
    (void)s.join();
    BOOST_TEST(done);
    BOOST_TEST((watch.passed() < 4s));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_deadline_that_is_met_changes_nothing, config, configs) {
  using coro = sluice::coro_of<config>;
  as_root<coro>([] {
    BOOST_TEST(coro::with_timeout(2s, [] { return 5; }).value() == 5);
    BOOST_TEST(coro::with_timeout(2s, [] { (void)coro::sleep(1ms); }).has_value());
    BOOST_TEST(coro::with_timeout(sluice::interval::max(), [] { return coro::sleep(1ms); }).has_value());
    BOOST_TEST(coro::sleep(1ms).has_value());
    BOOST_TEST(!coro::this_task::cancelled());
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_deadline_cuts_the_wait_short, config, configs) {
  using coro = sluice::coro_of<config>;
  as_root<coro>([] {
    const fixture::socket_pair pair;
    const auto outcome = coro::with_timeout(5ms, [&] {
      std::array<std::byte, 8> buffer{};
      return coro::io(op::recv{.socket = pair.left, .buffer = buffer});
    });
    static_assert(std::is_same_v<decltype(outcome), const sluice::result<std::size_t>>);
    BOOST_TEST((outcome.error() == errc::timed_out));
    BOOST_TEST(coro::sleep(1ms).has_value());
    BOOST_TEST((coro::with_timeout(1ms, [] { (void)coro::sleep(10s); }).error() == errc::timed_out));
    BOOST_TEST((coro::with_deadline(coro::scheduler::ring_type::now() + 1ms, [] { return coro::sleep(10s); }).error() == errc::timed_out));
    BOOST_TEST((coro::with_timeout(-1s, [] { return coro::sleep(10s); }).error() == errc::timed_out));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(success_wins_against_the_deadline, config, configs) {
  using coro = sluice::coro_of<config>;
  as_root<coro>([] {
    const auto late = coro::with_timeout(1ms, [] {
      (void)coro::shield([] { return coro::sleep(5ms); });
      return 7;
    });
    BOOST_TEST(late.value() == 7);
    const auto recovered = coro::with_timeout(1ms, []() -> sluice::result<int> {
      if (!coro::sleep(10s)) return 8;
      return 9;
    });
    BOOST_TEST(recovered.value() == 8);
    const auto busy = coro::with_timeout(1ms, [] {
      const fixture::stopwatch watch;
      while (watch.passed() < 3ms) coro::yield();
    });
    BOOST_TEST(busy.has_value());
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_callables_own_error_is_kept, config, configs) {
  using coro = sluice::coro_of<config>;
  as_root<coro>([] {
    const auto outcome = coro::with_timeout(1ms, []() -> sluice::result<int> {
      (void)coro::sleep(10s);
      return std::unexpected{std::make_error_code(std::errc::no_link)};
    });
    BOOST_TEST((outcome.error() == std::errc::no_link));
    const auto at_once = coro::with_timeout(
        1s, []() -> sluice::result<int> { return std::unexpected{std::make_error_code(std::errc::operation_canceled)}; });
    BOOST_TEST(is_canceled(at_once));
    BOOST_CHECK_THROW((void)coro::with_timeout(1ms,
                                               [] {
                                                 (void)coro::sleep(10s);
                                                 throw std::runtime_error{"late"};
                                               }),
                      std::runtime_error);
    BOOST_TEST(coro::sleep(1ms).has_value());
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(deadlines_nest_and_the_shorter_one_counts, config, configs) {
  using coro = sluice::coro_of<config>;
  as_root<coro>([] {
    sluice::result<void> inner;
    const auto outer = coro::with_timeout(2ms, [&] {
      inner = coro::with_timeout(10s, [] { return coro::sleep(20s); });
      return inner;
    });
    BOOST_TEST(is_canceled(inner));
    BOOST_TEST((outer.error() == errc::timed_out));
    const auto other = coro::with_timeout(10s, [&] {
      inner = coro::with_timeout(2ms, [] { return coro::sleep(20s); });
      return coro::sleep(1ms);
    });
    BOOST_TEST((inner.error() == errc::timed_out));
    BOOST_TEST(other.has_value());
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_deadline_reaches_through_a_join_a_scope_and_a_race, config, configs) {
  using coro = sluice::coro_of<config>;
  as_root<coro>([] {
    const auto joined = coro::with_timeout(2ms, [] { return coro::spawn([] { return coro::sleep(10s); }).join(); });
    BOOST_TEST((joined.error() == errc::timed_out));
    const auto scoped = coro::with_timeout(2ms, [] {
      typename coro::scope s;
      s.spawn([] { return coro::sleep(10s); });
      return s.join();
    });
    BOOST_TEST((scoped.error() == errc::timed_out));
    const auto destroyed = coro::with_timeout(2ms, [] {
      typename coro::scope s;
      s.spawn([] { (void)coro::sleep(10s); });
    });
    BOOST_TEST((destroyed.error() == errc::timed_out));
    const auto joined_void = coro::with_timeout(2ms, [] { (void)coro::spawn([] { (void)coro::sleep(10s); }).join(); });
    BOOST_TEST((joined_void.error() == errc::timed_out));
    const auto raced = coro::with_timeout(2ms, [] { return coro::race([] { return coro::sleep(10s); }, [] { return coro::sleep(20s); }); });
    BOOST_TEST((raced.error() == errc::timed_out));
    // If the time is up before the child ran, that never begins, and the next one may.
    for (bool begun = false; !begun;) {
      const auto success = coro::with_timeout(2ms, [&] {
        typename coro::scope s;
        s.spawn([&] {
          begun = true;
          (void)coro::shield([] { return coro::sleep(5ms); });
        });
      });
      BOOST_TEST(success.has_value() == begun);
    }
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_cancelled_task_is_told_so_and_not_that_its_time_is_up, config, configs) {
  using coro = sluice::coro_of<config>;
  as_root<coro>([] {
    auto t = coro::spawn([] { return coro::with_timeout(10s, [] { return coro::sleep(20s); }); });
    (void)coro::sleep(1ms);
    t.request_cancel();
    BOOST_TEST(is_canceled(t.join()));
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_shield_stops_deadlines_outside_and_not_those_inside, config, configs) {
  using coro = sluice::coro_of<config>;
  as_root<coro>([] {
    const auto outer = coro::with_timeout(1ms, [] {
      const auto inner = coro::shield([] {
        BOOST_TEST(coro::sleep(4ms).has_value());
        return coro::with_timeout(2ms, [] { return coro::sleep(10s); });
      });
      BOOST_TEST((inner.error() == errc::timed_out));
      return coro::sleep(10s);
    });
    BOOST_TEST((outer.error() == errc::timed_out));
    auto t = coro::spawn(
        [] { return coro::shield([] { return coro::with_timeout(3ms, [] { return coro::shield([] { return coro::sleep(6ms); }); }); }); });
    coro::yield();
    t.request_cancel();
    BOOST_TEST(t.join().has_value());
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_shield_passes_on_what_it_runs, config, configs) {
  using coro = sluice::coro_of<config>;
  as_root<coro>([] {
    BOOST_TEST(coro::shield([] { return 4; }).value() == 4);
    BOOST_TEST(coro::shield([] {}).has_value());
    BOOST_CHECK_THROW((void)coro::shield([] { throw 1; }), int);
  });
  BOOST_TEST(coro::shield([] { return 4; }).value() == 4);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(outside_a_task_there_is_nothing_to_cut_short, config, configs) {
  using coro = sluice::coro_of<config>;
  bool called = false;
  BOOST_TEST((coro::with_timeout(1s, [&] { called = true; }).error() == std::errc::operation_not_permitted));
  BOOST_TEST(!called);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(ten_thousand_deadlines_at_once, config, configs) {
  using coro = sluice::coro_of<config>;
  as_root<coro>(60s, [] {
    int timed_out = 0;
    typename coro::scope s;
    for (int i = 0; i < 2000; ++i)
      s.spawn([&, i] {
        for (int k = 0; k < 5; ++k)
          if (coro::with_timeout(std::chrono::microseconds{(i * 37 + k) % 3000}, [] { return coro::sleep(100s); }).error() ==
              errc::timed_out)
            ++timed_out;
      });
    BOOST_TEST(s.join().has_value());
    BOOST_TEST(timed_out == 10'000);
  });
}

BOOST_AUTO_TEST_SUITE_END()
