// SPDX-License-Identifier: MIT
#include <laws/context.hpp>
#include <sluice/context/native.hpp>
#include <sluice/os/shadow_stack.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cfenv>
#include <cstddef>

#include <unwind.h>

using sluice::context::native;
using controlled = sluice::context::basic_native<{.floating_point_control = true}>;

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(context)
BOOST_AUTO_TEST_SUITE(native_)

static const bool laws_added = laws::add_context_laws<native>();

BOOST_AUTO_TEST_CASE(state_is_three_pointers) {
  BOOST_TEST(sizeof(native::state) == 3 * sizeof(void*));
  BOOST_TEST(native::storage_bytes == 0U);
}

BOOST_AUTO_TEST_CASE(a_process_without_shadow_stack_is_supported) { BOOST_TEST(native::supported() == !sluice::os::shadow_stack_active()); }

namespace {

/// For cases whose switches no sanitizer is told of.
const boost::unit_test::enable_if<!sluice::detail::address_sanitizer && !sluice::detail::thread_sanitizer> plain_build;

/// A leaf: what it keeps below its stack pointer must still be there after the switch.
[[gnu::noinline]] auto leaf(native::state& from, native::state& to, unsigned seed) -> unsigned {
  volatile unsigned below[16];
  for (unsigned i = 0; i != 16; ++i) below[i] = seed + i;
  native::switch_to(from, to);
  unsigned sum = 0;
  for (unsigned i = 0; i != 16; ++i) sum += below[i];
  return sum;
}

struct leaves {
  native::state here;
  native::state there;
  unsigned sum = 0;
};

/// Two places and what is found to be wrong in the second, for the cases that switch with nothing around it.
struct pair {
  native::state here;
  native::state there;
  bool kept = true;
  double sum = 0;
  int frames = 0;
  bool bogus = false;
};

alignas(16) std::array<std::byte, 65536> second_stack;
constexpr sluice::stack_span second{.base = second_stack.data(), .bytes = second_stack.size(), .index = 0};

/// Functions in which the switch is all there is: what the compiler does not save for it, nobody does.
[[gnu::noinline]] void leave_here(void* both) { native::switch_to(static_cast<pair*>(both)->here, static_cast<pair*>(both)->there); }
[[gnu::noinline]] void leave_there(void* both) { native::switch_to(static_cast<pair*>(both)->there, static_cast<pair*>(both)->here); }

}  // namespace

// An entry whose address minus one lies in another function that has unwind information. A first frame that is taken for a call from there
// is followed, instead of ending the backtrace by chance.
extern "C" {
void sluice_test_entry(void* argument) noexcept;
[[gnu::used]] void sluice_test_body(void* argument) noexcept {
  auto& both = *static_cast<pair*>(argument);
  _Unwind_Backtrace(
      [](_Unwind_Context* frame, void* found) {
        auto& to = *static_cast<pair*>(found);
        to.bogus = to.bogus || _Unwind_GetIP(frame) == reinterpret_cast<_Unwind_Ptr>(&sluice_test_entry);
        return ++to.frames < 100 ? _URC_NO_REASON : _URC_NORMAL_STOP;
      },
      &both);
  for (;;) leave_there(&both);
}
}
asm(R"(
  .text
  .type sluice_test_before, @function
sluice_test_before:
  .cfi_startproc
  nop
  nop
  .cfi_endproc
  .type sluice_test_entry, @function
sluice_test_entry:
  .cfi_startproc
  pushq %rbp
  .cfi_def_cfa_offset 16
  callq sluice_test_body
  ud2
  .cfi_endproc
)");

BOOST_AUTO_TEST_CASE(the_first_frame_has_no_caller, *plain_build) {
  pair both;
  native::prepare(both.there, second, &sluice_test_entry, &both);
  leave_here(&both);
  BOOST_TEST(both.frames > 1);
  BOOST_TEST(both.frames < 100);
  BOOST_TEST(!both.bogus);
}

BOOST_AUTO_TEST_CASE(a_function_that_only_switches_keeps_the_registers_of_its_caller, *plain_build) {
  pair both;
  native::prepare(
      both.there, second,
      [](void* argument) noexcept {
        auto& found = *static_cast<pair*>(argument);
        for (;;) found.kept = laws::keeps_registers(&leave_there, &found, 0x1234'0000) && found.kept;
      },
      &both);
  for (int i = 0; i != 3; ++i) BOOST_TEST(laws::keeps_registers(&leave_here, &both, 0x5678'0000));
  BOOST_TEST(both.kept);
}

BOOST_AUTO_TEST_CASE(numbers_that_live_across_a_bare_switch_are_kept, *plain_build) {
  static const volatile double mine[8] = {1, 2, 3, 4, 5, 6, 7, 8};
  static const volatile double other[8] = {11, 22, 33, 44, 55, 66, 77, 88};
  pair both;
  native::prepare(
      both.there, second,
      [](void* argument) noexcept {
        auto& found = *static_cast<pair*>(argument);
        for (;;) found.sum = laws::sum_across(other, [&found] [[gnu::always_inline]] () { native::switch_to(found.there, found.here); });
      },
      &both);
  const double expected = laws::sum_across(mine, [] {});
  for (int i = 0; i != 3; ++i) {
    BOOST_TEST(laws::sum_across(mine, [&both] [[gnu::always_inline]] () { native::switch_to(both.here, both.there); }) == expected);
  }
  BOOST_TEST(both.sum == laws::sum_across(other, [] {}));
}

BOOST_AUTO_TEST_CASE(data_of_a_leaf_function_below_the_stack_pointer_is_kept,
                     *boost::unit_test::enable_if<!sluice::detail::address_sanitizer && !sluice::detail::thread_sanitizer>()) {
  alignas(16) static std::byte memory[65536];
  leaves both;
  native::prepare(
      both.there, {.base = memory, .bytes = sizeof memory, .index = 0},
      [](void* argument) noexcept {
        auto& pair = *static_cast<leaves*>(argument);
        for (;;) pair.sum = leaf(pair.there, pair.here, 1000);
      },
      &both);
  BOOST_TEST(leaf(both.here, both.there, 5) == 16U * 5 + 120);
  BOOST_TEST(leaf(both.here, both.there, 7) == 16U * 7 + 120);
  BOOST_TEST(both.sum == 16U * 1000 + 120);
}

BOOST_AUTO_TEST_CASE(rounding_belongs_to_the_thread_without_the_option) {
  int inside = -1;
  laws::fiber<native> one{[&](auto& self) {
    self.yield();
    inside = std::fegetround();
  }};
  one.resume();
  std::fesetround(FE_UPWARD);
  one.resume();
  std::fesetround(FE_TONEAREST);
  BOOST_TEST(inside == FE_UPWARD);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(native_with_floating_point_control)

static const bool laws_added = laws::add_context_laws<controlled>();

BOOST_AUTO_TEST_CASE(rounding_belongs_to_the_task) {
  int first = -1;
  int second = -1;
  laws::fiber<controlled> one{[&](auto& self) {
    first = std::fegetround();
    std::fesetround(FE_DOWNWARD);
    self.yield();
    second = std::fegetround();
  }};
  // It starts with what held when it was made, not with what holds when it first runs.
  std::fesetround(FE_UPWARD);
  one.resume();
  const int outside = std::fegetround();
  std::fesetround(FE_TONEAREST);
  one.resume();
  BOOST_TEST(first == FE_TONEAREST);
  BOOST_TEST(outside == FE_UPWARD);
  BOOST_TEST(second == FE_DOWNWARD);
  BOOST_TEST(std::fegetround() == FE_TONEAREST);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
