// SPDX-License-Identifier: MIT
// When the stack of a task that has ended is taken back: while the task is still on it only by a policy that leaves it as it is, and only
// if another task runs next.
#include <sluice/detail/sanitizer.hpp>
#include <sluice/sluice.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <system_error>

namespace {

/// Counts what is taken back, and how often that is the stack that runs.
struct counts {
  static inline int given = 0;
  static inline int taken = 0;
  static inline int while_running = 0;
  static void note(const sluice::stack_span& stack) {
    const auto here = reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0));
    const auto base = reinterpret_cast<std::uintptr_t>(stack.base);
    ++taken;
    if (here - base < stack.bytes) ++while_running;
  }
};

/// Stacks whose every coming and going is counted.
class watched {
 public:
  static constexpr auto kind = sluice::policy_kind::stack;
  static constexpr std::string_view name = "watched";
  [[nodiscard]] auto allocate() noexcept -> sluice::result<sluice::stack_span> {
    ++counts::given;
    return below_.allocate();
  }
  void deallocate(sluice::stack_span stack) noexcept {
    counts::note(stack);
    below_.deallocate(stack);
  }

 private:
  sluice::stack::guarded<> below_;
};
struct watched_lasting : watched {
  [[nodiscard]] auto keeps(const sluice::stack_span&) const noexcept -> bool { return true; }
};
static_assert(sluice::stack_policy<watched> && !sluice::lasting_stack_policy<watched> && sluice::lasting_stack_policy<watched_lasting>);

template <class Stack>
struct app : sluice::config<Stack> {};

/// Tasks that end beside others, alone, after a wait, and with a failure.
template <class Stack>
void end_in_all_ways() {
  using coro = sluice::coro_of<app<Stack>>;
  counts::given = counts::taken = counts::while_running = 0;
  int ran = 0;
  const auto outcome = coro::run([&] {
    for (int round = 0; round != 3; ++round) {
      typename coro::scope all{{.on_failure = sluice::on_failure::keep}};
      for (int i = 0; i != 10; ++i) {
        all.spawn([&ran, i]() -> sluice::result<void> {
          std::byte room[2000];
          std::memset(room, i, sizeof(room));
          asm volatile("" : : "r"(room) : "memory");
          if (i % 3 == 1) coro::yield();
          if (i % 3 == 2) (void)coro::io(sluice::op::nop{});
          ++ran;
          if (i == 7) return sluice::failure(std::errc::io_error);
          return {};
        });
      }
      BOOST_TEST((all.join() == sluice::failure(std::errc::io_error)));
    }
    coro::spawn([&ran] { ++ran; }).detach();
    coro::yield();
    auto joined = coro::spawn([&ran] { ++ran; });
    BOOST_TEST(joined.join().has_value());
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(ran == 32);
  BOOST_TEST(counts::given == counts::taken);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(coro)
BOOST_AUTO_TEST_SUITE(housing)

BOOST_AUTO_TEST_CASE(a_running_stack_is_not_taken_back) {
  end_in_all_ways<watched>();
  BOOST_TEST(counts::while_running == 0);
}

BOOST_AUTO_TEST_CASE(unless_the_policy_leaves_it_as_it_is) {
  end_in_all_ways<watched_lasting>();
  // Sanitizers are told of the end of a stack by another one.
  constexpr bool is_watched = sluice::detail::address_sanitizer || sluice::detail::thread_sanitizer;
  BOOST_TEST((counts::while_running != 0) == !is_watched);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
