// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Stacks of another policy, painted so that it shows to the byte how much of them was used. Layer: policy.

#include <sluice/concept/stack.hpp>
#include <sluice/detail/sanitizer.hpp>
#include <sluice/fwd.hpp>
#include <sluice/result.hpp>
#include <sluice/stack/guarded.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::inline v0::stack {

/// Gives the stacks of another policy with a pattern all over them, and counts what of it is left. For finding out how large stacks have to
/// be: every byte of each stack is touched, so tasks cost what their stacks are long. A scheduler with these stacks notes how much every
/// task has used when it ends, by the place where it was spawned: see `scheduler::report_stacks`.
/// \units bytes  \complexity O(bytes) for each stack that is given, taken back or measured  \allocates \errors as the other policy
template <stack_policy Stack = guarded<>>
class painted {
 public:
  static constexpr auto kind = policy_kind::stack;     ///< found as the stack policy of a config
  static constexpr std::string_view name = "painted";  ///< the file's name
  static constexpr std::size_t guard_bytes = [] {
    if constexpr (guarded_stack_policy<Stack>)
      return std::size_t{Stack::guard_bytes};
    else
      return std::size_t{0};
  }();  ///< of the other policy; 0: none
  static constexpr bool measures_ended = true;  ///< a scheduler asks at the end of each task

  /// A stack of the usual size. \errors as the other policy
  [[nodiscard]] auto allocate() noexcept -> result<stack_span> { return paint(stacks_.allocate()); }
  /// A stack with at least so many bytes. \errors as the other policy
  [[nodiscard]] auto allocate(std::size_t bytes) noexcept -> result<stack_span>
    requires sized_stack_policy<Stack>
  {
    return paint(stacks_.allocate(bytes));
  }
  /// Takes a stack back.
  void deallocate(stack_span stack) noexcept { stacks_.deallocate(stack); }
  /// Gives memory back where the other policy does.
  void trim() noexcept
    requires trimmable_stack_policy<Stack>
  {
    stacks_.trim();
  }
  /// How many bytes at the top of a stack were written to since it was given. \units bytes
  [[nodiscard]] auto high_water(stack_span stack) noexcept -> std::size_t {
    sluice::detail::unpoison(stack.base, stack.bytes);
    std::size_t untouched = 0;
    while (untouched != stack.bytes && stack.base[untouched] == paint_byte) ++untouched;
    return stack.bytes - untouched;
  }

 private:
  static constexpr auto paint_byte = std::byte{0xa5};

  static auto paint(result<stack_span> stack) noexcept -> result<stack_span> {
    if (stack) std::memset(stack->base, static_cast<int>(paint_byte), stack->bytes);
    return stack;
  }

  Stack stacks_;
};

static_assert(stack_policy<painted<>>);
static_assert(measured_stack_policy<painted<>>);
static_assert(sized_stack_policy<painted<>>);

}  // namespace sluice::inline v0::stack
