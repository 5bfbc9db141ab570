// SPDX-License-Identifier: MIT
// One program on every combination of policies.
#include <sluice/backend/epoll.hpp>
#include <sluice/backend/poll.hpp>
#include <sluice/context/boost.hpp>
#include <sluice/context/ucontext.hpp>
#include <sluice/sluice.hpp>
#include <sluice/stack/external.hpp>
#include <sluice/stack/heap.hpp>
#include <sluice/timers/wheel.hpp>
#include <support/needs.hpp>

#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>

#include <cstdint>
#include <stdexcept>
#include <string>

#include <coro/fixture.hpp>

namespace {

namespace op = sluice::op;
namespace ring = sluice::ring;
using namespace std::chrono_literals;

constexpr std::size_t room = 256 * 1024;
std::array<std::byte, 40 * room> storage;

using context_boost = sluice::context::boost;
using context_ucontext = sluice::context::ucontext;
using with_control = sluice::context::basic_native<{.floating_point_control = true}>;
using on_heap = sluice::stack::heap<{.bytes = room}>;
using in_array = sluice::stack::external<40, &storage>;
template <sluice::io_uring_options O>
using uring = sluice::backend::io_uring<O>;

struct plain : sluice::config<fixture::roomy> {};
struct by_boost : sluice::config<context_boost, fixture::roomy> {};
struct by_ucontext : sluice::config<context_ucontext, fixture::roomy> {};
struct controlled : sluice::config<with_control, fixture::roomy> {};
struct heap_native : sluice::config<on_heap> {};
struct heap_boost : sluice::config<context_boost, on_heap, sluice::trace::counters> {};
struct heap_ucontext : sluice::config<on_heap, context_ucontext, sluice::trace::counters> {};
struct external_native : sluice::config<in_array, sluice::trace::counters> {};
struct external_boost : sluice::config<in_array, context_boost> {};
struct external_ucontext : sluice::config<context_ucontext, in_array> {};
struct small_timers : sluice::config<sluice::timers::heap<{.first = 1}>, fixture::roomy, sluice::trace::counters> {};
struct wheel_timers : sluice::config<sluice::timers::wheel<>, fixture::roomy, sluice::trace::counters> {};
struct cooperative : sluice::config<uring<{.flags = ring::coop_taskrun | ring::taskrun_flag}>, fixture::roomy, sluice::trace::counters> {};
struct kernel_thread : sluice::config<uring<{.flags = ring::sqpoll, .sqpoll = {.idle = 5ms}}>, fixture::roomy, sluice::trace::counters> {};
struct bare : sluice::config<uring<{.flags = ring::none, .prefer = ring::none}>, fixture::roomy, sluice::trace::counters> {};
struct tiny : sluice::config<uring<{.entries = 2, .completions = 4}>, fixture::roomy, sluice::trace::counters> {};
struct no_inline : sluice::config<uring<{.inline_try = sluice::inline_try::never}>, fixture::roomy, sluice::trace::counters> {};
struct inline_send : sluice::config<uring<{.inline_try = sluice::inline_try::send}>, fixture::roomy, sluice::trace::counters> {};
struct inline_both : sluice::config<uring<{.inline_try = sluice::inline_try::both}>, fixture::roomy, sluice::trace::counters> {};
struct adaptive : sluice::config<uring<{.inline_try = sluice::inline_try::adaptive}>, fixture::roomy, sluice::trace::counters> {};
struct gathering : sluice::config<uring<{.wait = {.completions = 4, .gather = 50us}}>, fixture::roomy, sluice::trace::counters> {};
struct by_epoll : sluice::config<sluice::backend::epoll<>, fixture::roomy, sluice::trace::counters> {};
struct by_poll : sluice::config<sluice::backend::poll<>, fixture::roomy, sluice::trace::counters> {};

using configs =
    boost::mpl::list<plain, by_boost, by_ucontext, controlled, heap_native, heap_boost, heap_ucontext, external_native, external_boost,
                     external_ucontext, small_timers, wheel_timers, cooperative, bare, tiny, no_inline, inline_send>;
using more_configs = boost::mpl::list<kernel_thread, inline_both, adaptive, gathering, by_epoll, by_poll>;

/// Every primitive once. Gives how many went right.
template <class Config>
struct every_primitive {
  using coro = sluice::coro_of<Config>;

  static auto run() -> int {
    fixture::socket_pair pair;
    int score = 0;
    {
      typename coro::scope s;
      s.spawn([&] {
        std::array<std::byte, 64> buffer{};
        while (const auto n = coro::io(op::recv{.socket = pair.left, .buffer = buffer})) {
          if (*n == 0) break;
          (void)coro::io(op::send{.socket = pair.left, .buffer = std::span{buffer}.first(*n)});
        }
        ++score;  // 1
      });
      s.spawn([&] {
        std::array<std::byte, 64> buffer{};
        std::size_t got = 0;
        for (int i = 0; i < 50; ++i) {
          (void)coro::io(op::send{.socket = pair.right, .buffer = fixture::bytes_of("ping")});
          got += coro::io(op::recv{.socket = pair.right, .buffer = buffer}).value_or(0);
        }
        score += got == 200 ? 1 : 0;  // 2
        (void)coro::io(op::shutdown{.socket = pair.right});
      });
      score += s.join() ? 1 : 0;  // 3
    }
    auto t = coro::spawn({.name = "thrower"}, []() -> int {
      coro::yield();
      throw std::runtime_error{"thrown"};
    });
    try {
      (void)t.join();
    } catch (const std::runtime_error&) {
      coro::yield();
      ++score;  // 4
    }
    score += coro::with_timeout(2ms, [] { return coro::sleep(10s); }).error() == sluice::errc::timed_out ? 1 : 0;  // 5
    score += coro::race([] { return coro::sleep(10s); }, [] { return coro::sleep(1ms); })->index() == 1 ? 1 : 0;   // 6
    score += coro::all([] { return 1; }, [] { return coro::io(op::nop{}); }) ? 1 : 0;                              // 7
    const auto [a, b] = coro::io(op::soft(op::timeout{.after = 100us}), op::nop{});
    score += a && b ? 1 : 0;  // 8
    auto cancelled = coro::spawn([] { return coro::shield([] { return coro::sleep(1ms); }).has_value() && !coro::sleep(10s); });
    coro::yield();
    cancelled.request_cancel();
    score += cancelled.join().value() ? 1 : 0;  // 9
    const double third = 1.0 / 3.0;
    double sum = 0;
    {
      typename coro::scope s;
      for (int i = 0; i < 30; ++i)
        s.spawn([&sum, i, third] {
          const double mine = third * i;
          coro::yield();
          sum += mine;
        });
    }
    score += sum > 144.9 && sum < 145.1 ? 1 : 0;  // 10
    return score;
  }
};

template <class Config>
void check() {
  using coro = sluice::coro_of<Config>;
  const int before = fixture::open_descriptors();
  {
    auto home = coro::scheduler::make();
    if (!home) BOOST_TEST_MESSAGE(home.error().message());
    BOOST_REQUIRE(home.has_value());
    int score = 0;
    home->spawn([&] { score = every_primitive<Config>::run(); });
    BOOST_TEST(home->run().has_value());
    BOOST_TEST(score == 10);
    if constexpr (requires { home->template policy<sluice::policy_kind::trace>().snapshot(); }) {
      const auto counts = home->template policy<sluice::policy_kind::trace>().snapshot();
      BOOST_TEST(counts.task_spawned == counts.task_finished);
      BOOST_TEST(counts.task_spawned == 39U);
      BOOST_TEST(counts.op_queued + counts.op_inline >= 204U);
      BOOST_TEST(counts.op_queued == counts.op_completed);
      BOOST_TEST(counts.completions <= counts.submissions);
      BOOST_TEST(counts.timer_fired >= 2U);
    }
  }
  BOOST_TEST(fixture::open_descriptors() == before);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(policies, *needs::ring())

BOOST_AUTO_TEST_CASE_TEMPLATE(every_primitive_works_on, Config, configs) { check<Config>(); }

BOOST_AUTO_TEST_CASE_TEMPLATE(every_primitive_works_on_rarer, Config, more_configs) { check<Config>(); }

BOOST_AUTO_TEST_SUITE_END()
