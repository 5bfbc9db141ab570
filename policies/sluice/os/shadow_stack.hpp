// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Whether the processor checks return addresses against a second stack. Layer: os.

namespace sluice::inline v0::os {

/// True if the calling thread runs with a CET shadow stack: leaving a stack by a jump then faults at the next return.
/// One instruction that reads a register; it does nothing on processors and kernels without shadow stacks.
/// \complexity O(1), no system call  \os any; false where the architecture has no such thing
/// \src Intel SDM volume 2, RDSSPQ
[[nodiscard]] inline auto shadow_stack_active() noexcept -> bool {
#if defined(__x86_64__)
  unsigned long long pointer = 0;
  asm volatile("rdsspq %0" : "+r"(pointer));
  return pointer != 0;
#else
  return false;
#endif
}

}  // namespace sluice::inline v0::os
