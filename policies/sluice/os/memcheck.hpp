// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Tells valgrind about stacks and about memory that the kernel wrote. Layer: os.

#include <cstddef>

#if __has_include(<valgrind/valgrind.h>) && __has_include(<valgrind/memcheck.h>)

#include <valgrind/memcheck.h>
#include <valgrind/valgrind.h>

namespace sluice::inline v0::os {

/// `Base` for programs that are run under valgrind: every stack is registered, so that a switch is not taken for a large allocation on
/// the stack, and what the kernel wrote counts as written. Outside valgrind each hook is a few instructions that do nothing.
/// Name it as the `Os` of the policies: `stack::guarded<{}, os::memcheck<os::linux_>>`.
/// \src valgrind manual, "The Client Request mechanism"
template <class Base>
struct memcheck : Base {
  static constexpr bool tracks_stacks = true;  ///< every stack is registered

  /// Registers a stack; gives valgrind's number for it.
  static auto stack_mapped(std::byte* base, std::size_t bytes) noexcept -> unsigned {
    return static_cast<unsigned>(VALGRIND_STACK_REGISTER(base, base + bytes));
  }
  /// Forgets a stack.
  static void stack_unmapped(unsigned number) noexcept { VALGRIND_STACK_DEREGISTER(number); }
  /// Marks memory as written.
  static void memory_written(const void* memory, std::size_t bytes) noexcept { (void)VALGRIND_MAKE_MEM_DEFINED(memory, bytes); }
};

}  // namespace sluice::inline v0::os

#endif
