// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What every context policy does, as function templates over the policy, and the fiber that they run on.

#include <sluice/concept/context.hpp>
#include <sluice/concept/stack.hpp>
#include <sluice/detail/exception_globals.hpp>
#include <sluice/detail/sanitizer.hpp>
#include <sluice/os/memcheck.hpp>
#include <sluice/os/posix.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <exception>
#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <alloca.h>
#include <unwind.h>

namespace laws {

/// A place to leave and come back to: all that a scheduler keeps for one fiber, and the order of calls around a switch.
template <sluice::context_policy Context>
struct place {
  typename Context::state state{};
  alignas(16) std::array<std::byte, Context::storage_bytes == 0 ? 1 : Context::storage_bytes> storage{};
  sluice::detail::fiber_annotation annotation;
  sluice::detail::exception_globals exceptions;

  place() { Context::attach(state, storage.data()); }
  place(const place&) = delete;
  auto operator=(const place&) -> place& = delete;

  [[gnu::noinline]] static void leave(place& from, place& to, bool from_ends = false) {
    sluice::detail::exception_globals::swap(sluice::detail::exception_globals::of_thread(), from.exceptions, to.exceptions);
    sluice::detail::fiber_annotation::before_switch(from.annotation, to.annotation, from_ends);
    if constexpr (requires { Context::leave(to.state); }) {
      if (from_ends) Context::leave(to.state);
    }
    Context::switch_to(from.state, to.state);
    sluice::detail::fiber_annotation::after_switch(from.annotation);
  }
};

/// A fiber on memory of its own, which runs `body` and then goes back for good.
template <sluice::context_policy Context>
class fiber {
 public:
  explicit fiber(std::function<void(fiber&)> body, std::size_t bytes = 256 * 1024) : body_{std::move(body)}, memory_{new std::byte[bytes]} {
    number_ = os::stack_mapped(memory_.get(), bytes);
    start({.base = memory_.get(), .bytes = bytes, .index = 0});
  }
  fiber(std::function<void(fiber&)> body, sluice::stack_span stack) : body_{std::move(body)} { start(stack); }
  fiber(const fiber&) = delete;
  auto operator=(const fiber&) -> fiber& = delete;
  ~fiber() {
    self_.annotation.destroy();
    if (memory_ == nullptr) return;  // a stack that was given is unpoisoned by who gave it, as a stack policy does
    sluice::detail::unpoison(stack_.base, stack_.bytes);
    os::stack_unmapped(number_);
  }

  /// Runs the fiber until it yields or ends.
  void resume() {
    caller_.annotation.adopt();
    place<Context>::leave(caller_, self_);
  }
  /// Inside the fiber: goes back to who resumed it.
  void yield() { place<Context>::leave(self_, caller_); }
  /// Inside another fiber: goes to this one, which has yielded, or not begun.
  void hop_from(fiber& other) { place<Context>::leave(other.self_, self_); }

  [[nodiscard]] auto ended() const -> bool { return ended_; }
  [[nodiscard]] auto stack() const -> sluice::stack_span { return stack_; }
  [[nodiscard]] auto holds(const volatile void* address) const -> bool {
    const auto at = reinterpret_cast<std::uintptr_t>(address);
    const auto base = reinterpret_cast<std::uintptr_t>(stack_.base);
    return at >= base && at < base + stack_.bytes;
  }

 private:
#if __has_include(<valgrind/memcheck.h>)
  using os = sluice::os::memcheck<sluice::os::posix>;
#else
  using os = sluice::os::posix;
#endif

  void start(sluice::stack_span stack) {
    stack_ = stack;
    self_.annotation.create(stack.base, stack.bytes);
    Context::prepare(self_.state, stack, &enter, this);
  }
  static void enter(void* self) noexcept {
    auto& me = *static_cast<fiber*>(self);
    sluice::detail::fiber_annotation::after_switch(me.self_.annotation);
    me.body_(me);
    me.ended_ = true;
    place<Context>::leave(me.self_, me.caller_, true);
    std::abort();
  }

  std::function<void(fiber&)> body_;
  std::unique_ptr<std::byte[]> memory_;  // unless the stack was given
  unsigned number_ = 0;
  sluice::stack_span stack_;
  place<Context> self_;
  place<Context> caller_;
  bool ended_ = false;
};

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

#if defined(__x86_64__)
/// Fills every register that a callee keeps with `value`, `value` + 1, ..., calls `function(argument)` and says whether they are kept.
[[gnu::naked, gnu::noinline]] inline auto keeps_registers(void (*)(void*), void*, std::uint64_t) -> bool {
  asm("pushq %rbx\n\tpushq %rbp\n\tpushq %r12\n\tpushq %r13\n\tpushq %r14\n\tpushq %r15\n\t"
      "pushq %rdx\n\t"
      "movq %rdi, %rax\n\t"
      "movq %rsi, %rdi\n\t"
      "leaq 0(%rdx), %rbx\n\tleaq 1(%rdx), %rbp\n\tleaq 2(%rdx), %r12\n\tleaq 3(%rdx), %r13\n\tleaq 4(%rdx), %r14\n\tleaq 5(%rdx), %r15\n\t"
      "callq *%rax\n\t"
      "popq %rdx\n\t"
      "xorl %eax, %eax\n\t"
      "leaq 0(%rdx), %rcx\n\tcmpq %rcx, %rbx\n\tjne 1f\n\t"
      "leaq 1(%rdx), %rcx\n\tcmpq %rcx, %rbp\n\tjne 1f\n\t"
      "leaq 2(%rdx), %rcx\n\tcmpq %rcx, %r12\n\tjne 1f\n\t"
      "leaq 3(%rdx), %rcx\n\tcmpq %rcx, %r13\n\tjne 1f\n\t"
      "leaq 4(%rdx), %rcx\n\tcmpq %rcx, %r14\n\tjne 1f\n\t"
      "leaq 5(%rdx), %rcx\n\tcmpq %rcx, %r15\n\tjne 1f\n\t"
      "movl $1, %eax\n"
      "1:\n\t"
      "popq %r15\n\tpopq %r14\n\tpopq %r13\n\tpopq %r12\n\tpopq %rbp\n\tpopq %rbx\n\tretq");
}

template <class Context>
void registers_of_the_caller_are_kept() {
  bool inside = true;
  fiber<Context> one{[&](auto& self) {
    for (std::uint64_t round = 1; round != 5; ++round) {
      inside = keeps_registers([](void* fiber_) { static_cast<fiber<Context>*>(fiber_)->yield(); }, &self, round << 40U) && inside;
    }
  }};
  bool outside = true;
  for (std::uint64_t round = 1; !one.ended(); ++round) {
    outside = keeps_registers([](void* fiber_) { static_cast<fiber<Context>*>(fiber_)->resume(); }, &one, round << 20U) && outside;
  }
  BOOST_TEST(inside);
  BOOST_TEST(outside);
}
#endif

/// Sums that need more live numbers than there are registers, with a switch in the middle.
template <class Number, class Switch>
[[gnu::noinline]] auto sum_across(const volatile Number* numbers, Switch&& between) -> Number {
  Number v0 = numbers[0], v1 = numbers[1], v2 = numbers[2], v3 = numbers[3], v4 = numbers[4], v5 = numbers[5], v6 = numbers[6],
         v7 = numbers[7];
  Number w0 = v0 * v1, w1 = v2 * v3, w2 = v4 * v5, w3 = v6 * v7, w4 = v0 + v7, w5 = v1 + v6, w6 = v2 + v5, w7 = v3 + v4;
  between();
  return v0 + v1 * 2 + v2 * 3 + v3 * 4 + v4 * 5 + v5 * 6 + v6 * 7 + v7 * 8 + w0 - w1 + w2 - w3 + w4 * 3 - w5 * 5 + w6 * 7 - w7 * 11;
}

template <class Context, class Number>
void live_values_of_type_are_kept() {
  const volatile Number mine[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  const volatile Number other[8] = {11, 22, 33, 44, 55, 66, 77, 88};
  const Number expected = sum_across(mine, [] {});
  const Number other_expected = sum_across(other, [] {});
  Number inside = 0;
  fiber<Context> one{[&](auto& self) { inside = sum_across(other, [&] { self.yield(); }); }};
  const Number outside = sum_across(mine, [&] { one.resume(); });
  sum_across(other, [&] { one.resume(); });
  BOOST_TEST(outside == expected);
  BOOST_TEST(inside == other_expected);
  BOOST_TEST(one.ended());
}

template <class Context>
void live_values_are_kept() {
  live_values_of_type_are_kept<Context, std::uint64_t>();
  live_values_of_type_are_kept<Context, float>();
  live_values_of_type_are_kept<Context, double>();
  live_values_of_type_are_kept<Context, long double>();
}

/// The same with vectors, whose upper halves only a build for newer processors keeps in registers.
template <class Switch>
[[gnu::noinline]] auto sum_vectors_across(double seed, Switch&& between) -> double {
  using vector = double __attribute__((vector_size(32)));
  const volatile double start = seed;
  std::array<vector, 12> values;
  for (std::size_t i = 0; i != values.size(); ++i) values[i] = vector{start, start + 1, start + 2, start + 3} * static_cast<double>(i + 1);
  between();
  vector sum{};
  for (const auto& value : values) sum += value;
  return sum[0] + sum[1] * 2 + sum[2] * 3 + sum[3] * 4;
}

template <class Context>
void vectors_are_kept() {
  double inside = 0;
  fiber<Context> one{[&](auto& self) { inside = sum_vectors_across(5, [&] { self.yield(); }); }};
  const double outside = sum_vectors_across(7, [&] { one.resume(); });
  one.resume();
  BOOST_TEST(outside == sum_vectors_across(7, [] {}));
  BOOST_TEST(inside == sum_vectors_across(5, [] {}));
}

/// A function whose frame is aligned beyond the stack's own alignment and changes its size as it runs.
template <class Context>
[[gnu::noinline]] auto sum_in_moving_frame(fiber<Context>& self, std::size_t bytes) -> unsigned {
  alignas(128) volatile unsigned char fixed[128];
  auto* const moving = static_cast<volatile unsigned char*>(alloca(bytes));
  for (std::size_t i = 0; i != bytes; ++i) moving[i] = static_cast<unsigned char>(i * 7);
  for (unsigned i = 0; i != 128; ++i) fixed[i] = static_cast<unsigned char>(i * 3);
  self.yield();
  unsigned sum = 0;
  for (std::size_t i = 0; i != bytes; ++i) sum += moving[i];
  for (unsigned i = 0; i != 128; ++i) sum += fixed[i];
  return reinterpret_cast<std::uintptr_t>(&fixed[0]) % 128 == 0 ? sum : 0;
}

template <class Context>
void frames_of_changing_size_are_kept() {
  unsigned first = 0;
  unsigned second = 1;
  fiber<Context> one{[&](auto& self) { first = sum_in_moving_frame<Context>(self, 300); }};
  fiber<Context> two{[&](auto& self) { second = sum_in_moving_frame<Context>(self, 300); }};
  one.resume();
  two.resume();
  one.resume();
  two.resume();
  BOOST_TEST(first != 0U);
  BOOST_TEST(first == second);
}

template <class Context>
void an_exception_is_caught_where_it_was_thrown() {
  std::string caught;
  fiber<Context> one{[&](auto& self) {
    try {
      self.yield();
      throw std::runtime_error{"inside"};
    } catch (const std::exception& error) { caught = error.what(); }
  }};
  one.resume();
  try {
    one.resume();
    throw std::runtime_error{"outside"};
  } catch (const std::exception& error) { caught += error.what(); }
  BOOST_TEST(caught == "insideoutside");
}

template <class Context>
void an_exception_can_be_carried_to_another_stack() {
  std::exception_ptr carried;
  fiber<Context> one{[&](auto&) {
    try {
      throw std::runtime_error{"carried"};
    } catch (...) { carried = std::current_exception(); }
  }};
  one.resume();
  BOOST_CHECK_THROW(std::rethrow_exception(carried), std::runtime_error);
}

template <class Context>
void each_fiber_handles_its_own_exception() {
  std::array<std::string, 3> seen;
  const auto body = [&](std::size_t at) {
    return [&, at](fiber<Context>& self) {
      try {
        throw std::runtime_error{std::to_string(at)};
      } catch (...) {
        self.yield();
        try {
          throw;
        } catch (const std::exception& error) {
          self.yield();
          seen[at] = error.what();
        }
      }
      if (std::current_exception()) seen[at] += " stays";
    };
  };
  fiber<Context> zero{body(0)};
  fiber<Context> one{body(1)};
  fiber<Context> two{body(2)};
  const std::array<fiber<Context>*, 3> all{&zero, &one, &two};
  for (auto* each : all) each->resume();
  BOOST_TEST(!std::current_exception());
  for (auto* each : {all[1], all[2], all[0]}) each->resume();
  for (auto* each : {all[2], all[0], all[1]}) each->resume();
  for (std::size_t at = 0; at != 3; ++at) BOOST_TEST(seen[at] == std::to_string(at));
}

template <class Context>
void a_destructor_that_waits_while_unwinding_keeps_its_exception() {
  struct waits {
    fiber<Context>& self;
    int& uncaught;
    ~waits() {
      uncaught = std::uncaught_exceptions();
      self.yield();
      uncaught += std::uncaught_exceptions() * 10;
    }
  };
  int uncaught = 0;
  bool caught = false;
  fiber<Context> one{[&](auto& self) {
    try {
      const waits wait{self, uncaught};
      throw 1;
    } catch (int) { caught = true; }
  }};
  one.resume();
  BOOST_TEST(std::uncaught_exceptions() == 0);
  BOOST_CHECK_THROW(throw std::logic_error{"another, meanwhile"}, std::logic_error);
  one.resume();
  BOOST_TEST(uncaught == 11);
  BOOST_TEST(caught);
}

/// Counts the frames from here to where unwinding ends; -1 if it does not end well.
[[gnu::noinline]] inline auto frames_to_the_end() -> int {
  int frames = 0;
  const auto end = _Unwind_Backtrace(
      [](_Unwind_Context*, void* count) { return ++*static_cast<int*>(count) < 1000 ? _URC_NO_REASON : _URC_NORMAL_STOP; }, &frames);
  return end == _URC_END_OF_STACK ? frames : -1;
}

template <class Fiber>
[[gnu::noinline]] void resume_from_deeper(Fiber& fiber_) {
  const volatile int deeper = 1;
  if (deeper == 1) fiber_.resume();
}

template <class Context>
void a_backtrace_ends_at_the_entry() {
  int before = 0;
  int after = 0;
  fiber<Context> one{[&](auto& self) {
    before = frames_to_the_end();
    self.yield();
    after = frames_to_the_end();
  }};
  one.resume();
  // From deeper on another stack: the backtrace of the fiber does not change.
  resume_from_deeper(one);
  BOOST_TEST(before > 2);
  BOOST_TEST(before < 20);
  BOOST_TEST(after == before);
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
