// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What every context policy does, as function templates over the policy.

#include <laws/context_exceptions.hpp>
#include <laws/context_values.hpp>
#include <laws/fiber.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace laws {

template <class Context>
void is_supported_here() {
  BOOST_TEST(Context::supported());
}

template <class Context>
void first_switch_runs_the_entry_on_its_stack() {
  int runs = 0;
  bool on_stack = false;
  fiber<Context> one{[&](auto& self) {
    ++runs;
    // By assembly: an address sanitizer may keep locals elsewhere.
    on_stack = self.holds(__builtin_frame_address(0));
  }};
  BOOST_TEST(runs == 0);
  one.resume();
  BOOST_TEST(runs == 1);
  BOOST_TEST(on_stack);
  BOOST_TEST(one.ended());
}

template <class Context>
void to_foresee_a_stack_changes_nothing() {
  if constexpr (requires(const typename Context::state& soon) { Context::foresee(soon); }) {
    static_assert(noexcept(Context::foresee(std::declval<const typename Context::state&>())));
    Context::foresee(typename Context::state{});  // of a stack that never was left
    std::string order;
    fiber<Context> one{[&](auto& self) {
      order += 'a';
      self.yield();
      order += 'b';
    }};
    Context::foresee(one.left_at());
    one.resume();
    Context::foresee(one.left_at());
    one.resume();
    BOOST_TEST(one.ended());
    Context::foresee(one.left_at());
    BOOST_TEST(order == "ab");
  }
}

template <class Context>
void a_stack_of_odd_bounds_is_aligned_for_the_entry() {
  alignas(64) static std::array<std::byte, 65536> memory;
  for (std::size_t trim = 0; trim != 16; ++trim) {
    bool aligned = false;
    fiber<Context> one{[&](auto&) {
                         alignas(16) volatile char local[16] = {};
                         aligned = reinterpret_cast<std::uintptr_t>(&local[0]) % 16 == 0 &&
                                   reinterpret_cast<std::uintptr_t>(__builtin_frame_address(0)) % 16 == 0;
                       },
                       sluice::stack_span{.base = memory.data(), .bytes = memory.size() - trim, .index = 0}};
    one.resume();
    sluice::detail::unpoison(memory.data(), memory.size());
    BOOST_TEST(aligned);
  }
}

template <class Context>
void goes_back_and_forth_in_order() {
  std::string order;
  fiber<Context> one{[&](auto& self) {
    order += 'a';
    self.yield();
    order += 'b';
    self.yield();
    order += 'c';
  }};
  for (char step = '1'; !one.ended(); ++step) {
    order += step;
    one.resume();
  }
  BOOST_TEST(order == "1a2b3c");
}

template <class Context>
void fibers_switch_to_each_other_without_the_first() {
  std::string order;
  std::array<fiber<Context>*, 3> ring{};
  const auto body = [&](std::size_t at) {
    return [&, at](fiber<Context>& self) {
      for (int round = 0; round != 3; ++round) {
        order += static_cast<char>('a' + at);
        ring[(at + 1) % 3]->hop_from(self);
      }
      self.yield();
    };
  };
  fiber<Context> first{body(0)};
  fiber<Context> second{body(1)};
  fiber<Context> third{[&](fiber<Context>& self) {
    for (int round = 0; round != 3; ++round) {
      order += 'c';
      if (round != 2) first.hop_from(self);
    }
    first.hop_from(self);
  }};
  ring = {&first, &second, &third};
  first.resume();
  BOOST_TEST(order == "abcabcabc");
}

template <class Context>
void a_stack_can_be_used_again() {
  std::vector<std::byte> memory(65536);
  int runs = 0;
  for (int i = 0; i != 100; ++i) {
    fiber<Context> one{[&](auto& self) {
                         volatile char touched[4096];
                         for (std::size_t at = 0; at < sizeof touched; at += 64) touched[at] = 1;
                         self.yield();
                         ++runs;
                       },
                       sluice::stack_span{.base = memory.data(), .bytes = memory.size(), .index = 0}};
    one.resume();
    one.resume();
    BOOST_TEST_REQUIRE(one.ended());
    sluice::detail::unpoison(memory.data(), memory.size());
  }
  BOOST_TEST(runs == 100);
}

/// Recurses with a frame of at least 256 bytes a level and switches at the deepest.
template <class Context>
[[gnu::noinline]] auto descend(fiber<Context>& self, unsigned levels) -> unsigned {
  volatile unsigned char frame[256];
  frame[levels % 256] = 1;
  if (levels == 0) {
    self.yield();
    return frame[0];
  }
  return descend(self, levels - 1) + frame[levels % 256];
}

template <class Context>
void deep_recursion_is_left_and_resumed() {
  unsigned sum = 0;
  fiber<Context> one{[&](auto& self) { sum = descend<Context>(self, 400); }, 1024 * 1024};
  one.resume();
  one.resume();
  BOOST_TEST(sum == 401U);
}

template <class Context>
void a_thousand_fibers_take_turns() {
  std::vector<std::unique_ptr<fiber<Context>>> all;
  std::size_t turns = 0;
  for (int i = 0; i != 1000; ++i) {
    all.push_back(std::make_unique<fiber<Context>>(
        [&](auto& self) {
          for (int turn = 0; turn != 10; ++turn) {
            ++turns;
            self.yield();
          }
        },
        32 * 1024));
  }
  for (int turn = 0; turn != 11; ++turn) {
    for (auto& each : all) each->resume();
  }
  BOOST_TEST(turns == 10000U);
  for (const auto& each : all) BOOST_TEST_REQUIRE(each->ended());
}

/// Adds all of the above to the suite that stands open where this is called from a static initialiser.
template <class Context>
auto add_context_laws() -> bool {
  auto& suite = boost::unit_test::framework::current_auto_test_suite();
#define SLUICE_LAW(law) suite.add(BOOST_TEST_CASE_NAME(&law<Context>, #law))
  SLUICE_LAW(is_supported_here);
  SLUICE_LAW(first_switch_runs_the_entry_on_its_stack);
  SLUICE_LAW(a_stack_of_odd_bounds_is_aligned_for_the_entry);
  SLUICE_LAW(to_foresee_a_stack_changes_nothing);
  SLUICE_LAW(goes_back_and_forth_in_order);
  SLUICE_LAW(fibers_switch_to_each_other_without_the_first);
#if defined(__x86_64__)
  SLUICE_LAW(registers_of_the_caller_are_kept);
#endif
  SLUICE_LAW(live_values_are_kept);
  SLUICE_LAW(vectors_are_kept);
  SLUICE_LAW(frames_of_changing_size_are_kept);
  SLUICE_LAW(an_exception_is_caught_where_it_was_thrown);
  SLUICE_LAW(an_exception_can_be_carried_to_another_stack);
  SLUICE_LAW(each_fiber_handles_its_own_exception);
  SLUICE_LAW(a_destructor_that_waits_while_unwinding_keeps_its_exception);
  SLUICE_LAW(a_backtrace_ends_at_the_entry);
  SLUICE_LAW(a_stack_can_be_used_again);
  SLUICE_LAW(deep_recursion_is_left_and_resumed);
  SLUICE_LAW(a_thousand_fibers_take_turns);
#undef SLUICE_LAW
  return true;
}

}  // namespace laws
