// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Stacks from the program's heap, without guards. Layer: policy.

#include <sluice/concept/stack.hpp>
#include <sluice/detail/sanitizer.hpp>
#include <sluice/fwd.hpp>
#include <sluice/os/linux_memory.hpp>
#include <sluice/result.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>
#include <system_error>

#if defined(__linux__)

namespace sluice::inline v0::stack {

/// What `heap` is made to.
struct heap_options {
  std::size_t bytes = 64 * 1024;  ///< usable bytes of a stack, rounded up to a multiple of 64
};

/// Stacks from `operator new`: for programs that bring their own allocator, or count every byte in it. Running over the end of a
/// stack is silent: there is no guard. A stack taken back goes to the allocator at once; keeping it is the allocator's business.
/// \units bytes
/// \complexity that of the allocator
/// \allocates one block a stack
/// \errors `not_enough_memory`
template <heap_options O = {}, class Os = os::linux_memory>
class heap {
 public:
  static constexpr auto kind = policy_kind::stack;     ///< found as the stack policy of a config
  static constexpr std::string_view name = "heap";     ///< the file's name
  static constexpr std::size_t least_bytes = O.bytes;  ///< no stack has less, unless it was asked for

  /// Owns nothing.
  heap() noexcept {
    static_assert(O.bytes >= 4096,
                  "[sluice.stack.bytes] a stack needs room for a signal handler's frame; give heap at least .bytes = 4096");
  }

  /// A stack of the usual size. \errors `not_enough_memory`
  [[nodiscard]] auto allocate() noexcept -> result<stack_span> { return allocate(O.bytes); }

  /// A stack with at least `bytes`. \errors `not_enough_memory`
  [[nodiscard]] auto allocate(std::size_t bytes) noexcept -> result<stack_span> {
    void* memory = nullptr;
    if (bytes <= most_bytes) {
      bytes = (bytes + alignment - 1) / alignment * alignment;
      memory = ::operator new(bytes + trailer_bytes, std::align_val_t{alignment}, std::nothrow);
    }
    if (memory == nullptr) return failure(std::errc::not_enough_memory);
    const stack_span stack{.base = static_cast<std::byte*>(memory), .bytes = bytes, .index = next_++};
    if constexpr (Os::tracks_stacks) ::new (static_cast<void*>(stack.base + bytes)) unsigned{Os::stack_mapped(stack.base, bytes)};
    return stack;
  }

  /// Gives a stack back to the allocator.
  void deallocate(stack_span stack) noexcept {
    sluice::detail::unpoison(stack.base, stack.bytes);
    if constexpr (Os::tracks_stacks) Os::stack_unmapped(*reinterpret_cast<const unsigned*>(stack.base + stack.bytes));
    ::operator delete(stack.base, std::align_val_t{alignment});
  }

 private:
  static constexpr std::size_t most_bytes = std::size_t{1} << 39U;  // allocators may end the program when asked for much more
  static constexpr std::size_t alignment = 64;
  // What Os::stack_mapped gave lies above the stack.
  static constexpr std::size_t trailer_bytes = Os::tracks_stacks ? alignment : 0;

  std::uint32_t next_ = 0;
};

static_assert(sized_stack_policy<heap<>>);

}  // namespace sluice::inline v0::stack

#endif
