// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What every context policy keeps across a switch: registers, live values, vectors, frames.

#include <laws/fiber.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <alloca.h>

namespace laws {

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

}  // namespace laws
