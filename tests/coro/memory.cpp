// SPDX-License-Identifier: MIT
// What tasks cost: stacks and mappings come once, and then nothing is allocated.
#include <sluice/detail/sanitizer.hpp>
#include <sluice/sluice.hpp>
#include <sluice/stack/external.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <cstdlib>
#include <new>
#include <string>
#include <vector>

#include <coro/fixture.hpp>

namespace {

std::size_t allocations = 0;

struct counting_memory : sluice::os::linux_memory {
  static auto map(std::size_t bytes) noexcept -> sluice::result<std::byte*> {
    ++maps;
    return linux_memory::map(bytes);
  }
  static auto unmap(std::byte* memory, std::size_t bytes) noexcept -> sluice::result<void> {
    ++unmaps;
    return linux_memory::unmap(memory, bytes);
  }
  static inline std::size_t maps = 0;
  static inline std::size_t unmaps = 0;
};
struct counting_os : sluice::os::linux_ {
  static auto map(std::size_t bytes) noexcept -> sluice::result<std::byte*> { return counting_memory::map(bytes); }
  static auto unmap(std::byte* memory, std::size_t bytes) noexcept -> sluice::result<void> { return counting_memory::unmap(memory, bytes); }
};

// A sanitizer has its own operator new, and more to do for each task.
constexpr bool plain = !sluice::detail::address_sanitizer && !sluice::detail::thread_sanitizer;
// Nor are its frames as small.
constexpr std::size_t stack_bytes = plain ? 16 * 1024 : 64 * 1024;

struct app : sluice::config<sluice::backend::io_uring<{}, counting_os>, sluice::stack::guarded<{.bytes = stack_bytes}, counting_memory>,
                            sluice::trace::counters> {};
using coro = sluice::coro_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;

constexpr int many = plain ? 100'000 : 5'000;

}  // namespace

[[gnu::noinline]] auto operator new(std::size_t bytes) -> void* {
  ++allocations;
  if (void* const memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc{};
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

BOOST_AUTO_TEST_SUITE(memory, *needs::ring())

BOOST_AUTO_TEST_CASE(after_warm_up_spawning_allocates_nothing) {
  const auto outcome = coro::run([] {
    const auto round = [] {
      coro::scope s;
      for (int i = 0; i < 100; ++i) {
        s.spawn([i] {
          if (i % 3 == 0) (void)coro::sleep(10us);
          (void)coro::io(op::nop{}, op::nop{});
          coro::yield();
        });
      }
      (void)s.join();
      auto t = coro::spawn([] { return coro::with_timeout(1s, [] { return coro::shield([] { return 1; }); }); });
      return t.join().value();
    };
    for (int i = 0; i < 3; ++i) (void)round();
    const auto before = allocations;
    const auto maps = counting_memory::maps;
    const auto unmaps = counting_memory::unmaps;
    int sum = 0;
    for (int i = 0; i < 50; ++i) sum += round();
    const auto after = allocations;
    BOOST_TEST(sum == 50);
    BOOST_TEST(after == before);
    BOOST_TEST(counting_memory::maps == maps);
    BOOST_TEST(counting_memory::unmaps == unmaps);
  });
  BOOST_TEST(outcome.has_value());
}

BOOST_AUTO_TEST_CASE(a_hundred_thousand_tasks_at_once) {
  const auto maps_before = counting_memory::maps - counting_memory::unmaps;
  const int descriptors = fixture::open_descriptors();
  {
    auto home = coro::scheduler::make();
    int begun = 0;
    int ended = 0;
    home->spawn([&] {
      coro::scope s;
      for (int i = 0; i < many; ++i)
        s.spawn([&] {
          ++begun;
          coro::yield();
          while (begun != many) coro::yield();
          ++ended;
        });
      BOOST_TEST(s.size() == static_cast<std::size_t>(many));
      (void)s.join();
    });
    BOOST_TEST(home->run().has_value());
    BOOST_TEST(ended == many);
    const auto counts = home->policy<sluice::policy_kind::trace>().snapshot();
    BOOST_TEST(counts.task_spawned == static_cast<std::uint64_t>(many) + 1);
    BOOST_TEST(counts.task_finished == counts.task_spawned);
    BOOST_TEST(counting_memory::maps - maps_before < 100U);
  }
  // What stays for the process is the page that tells a forked child.
  BOOST_TEST(counting_memory::maps - counting_memory::unmaps == maps_before);
  BOOST_TEST(fixture::open_descriptors() == descriptors);
}

BOOST_AUTO_TEST_CASE(a_hundred_thousand_tasks_that_wait_are_cancelled_in_a_moment) {
  const fixture::stopwatch watch;
  int cancelled = 0;
  {
    auto home = coro::scheduler::make();
    for (int i = 0; i < many; ++i)
      home->spawn([&] {
        if (!coro::sleep(100s)) ++cancelled;
      });
    (void)home->poll();
    BOOST_TEST(home->live() == static_cast<std::size_t>(many));
  }
  BOOST_TEST(cancelled == many);
  BOOST_TEST((watch.passed() < 20s));
}

BOOST_AUTO_TEST_CASE(a_hundred_thousand_tasks_in_a_chain_of_joins_are_no_deadlock_and_are_told_in_a_moment) {
  const fixture::stopwatch watch;
  const auto outcome = coro::run([] {
    struct chain {
      static auto link(int depth) -> int {
        if (depth == 0) return 0;
        return 1 + coro::spawn([depth] { return link(depth - 1); }).join().value();
      }
    };
    return chain::link(many / 10);
  });
  BOOST_TEST(*outcome == many / 10);
  const auto said = fixture::error_output_of([] {
    const auto deadlocked = coro::run([] {
      struct chain {
        static void link(int depth, std::vector<coro::task<void>>& all) {
          all[static_cast<std::size_t>(depth)] = coro::spawn([depth, &all] {
            if (depth + 1 < static_cast<int>(all.size())) link(depth + 1, all);
            (void)all[static_cast<std::size_t>((depth + 1) % static_cast<int>(all.size()))].join();
          });
        }
      };
      static std::vector<coro::task<void>> all;
      all.resize(static_cast<std::size_t>(many) / 10);
      chain::link(0, all);
    });
    BOOST_TEST((deadlocked.error() == sluice::errc::deadlock));
  });
  BOOST_TEST(said.find("cycle: ") != std::string::npos);
  BOOST_TEST((watch.passed() < 20s));
}

BOOST_AUTO_TEST_CASE(an_exhausted_pool_of_stacks_fails_the_spawn_and_nothing_else) {
  struct few : sluice::config<sluice::stack::external<3>> {};
  using small = sluice::coro_of<few>;
  static std::array<std::byte, 3 * 64 * 1024> storage;
  auto home = small::scheduler::make();
  BOOST_TEST(home->policy<sluice::policy_kind::stack>().bind(storage).has_value());
  int ran = 0;
  home->spawn([&] {
    auto a = small::spawn([&] { ++ran; });
    auto b = small::spawn([&] { ++ran; });
    auto c = small::spawn([&] { ++ran; });
    BOOST_TEST((c.join().error() == std::errc::not_enough_memory));
    BOOST_TEST(a.join().has_value());
    auto d = small::spawn([&] { ++ran; });
    BOOST_TEST(b.join().has_value());
    BOOST_TEST(d.join().has_value());
  });
  BOOST_TEST(home->run().has_value());
  BOOST_TEST(ran == 3);
}

BOOST_AUTO_TEST_SUITE_END()
