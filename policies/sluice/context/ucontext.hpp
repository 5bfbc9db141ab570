// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The context switch of POSIX `swapcontext`: slow, and everywhere that has it. Layer: policy.

#include <sluice/concept/context.hpp>
#include <sluice/concept/stack.hpp>
#include <sluice/fwd.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>

#if __has_include(<ucontext.h>)

#include <ucontext.h>

namespace sluice::inline v0::context {

/// Leaves one stack for another by `swapcontext`, which also swaps the signal mask and so makes a system call.
/// \complexity O(1), one system call on most systems
/// \os POSIX.1-2001 systems that still have `makecontext`
/// \src makecontext(3), getcontext(3)
struct ucontext {
  static constexpr auto kind = policy_kind::context;                  ///< found as the context policy of a config
  static constexpr std::string_view name = "ucontext";                ///< the file's name
  static constexpr std::size_t storage_bytes = sizeof(::ucontext_t);  ///< the registers lie beside the state

  /// A stack that is not running.
  struct state {
    ::ucontext_t* registers = nullptr;  ///< what `attach` was given
  };

  /// Always: `swapcontext` is the C library's, which knows about shadow stacks.
  [[nodiscard]] static auto supported() noexcept -> bool { return true; }

  /// Binds `storage_bytes` of storage, aligned to 16, that outlive every use of `self`.
  static void attach(state& self, void* storage) noexcept { self.registers = ::new (storage)::ucontext_t; }

  /// Makes `self` call `entry(argument)` on `stack` when it is first switched to.
  static void prepare(state& self, stack_span stack, context_entry entry, void* argument) noexcept {
    ::getcontext(self.registers);
    self.registers->uc_stack.ss_sp = stack.base;
    self.registers->uc_stack.ss_size = stack.bytes;
    self.registers->uc_link = nullptr;
    const auto call = reinterpret_cast<std::uintptr_t>(entry);
    const auto with = reinterpret_cast<std::uintptr_t>(argument);
    // makecontext passes ints only; a pointer travels as two.
    ::makecontext(self.registers, reinterpret_cast<void (*)()>(&enter), 4, high(call), low(call), high(with), low(with));
  }

  /// Saves the running stack in `from` and goes on where `to` was left.
  [[gnu::always_inline]] static inline void switch_to(state& from, state& to) noexcept { ::swapcontext(from.registers, to.registers); }

 private:
  static constexpr auto high(std::uint64_t value) noexcept -> unsigned { return static_cast<unsigned>(value >> 32U); }
  static constexpr auto low(std::uint64_t value) noexcept -> unsigned { return static_cast<unsigned>(value & 0xFFFF'FFFFU); }
  static auto joined(unsigned upper, unsigned lower) noexcept -> std::uintptr_t {
    return static_cast<std::uintptr_t>(std::uint64_t{upper} << 32U | lower);
  }

  static void enter(unsigned call_high, unsigned call_low, unsigned with_high, unsigned with_low) noexcept {
    const auto entry = reinterpret_cast<context_entry>(joined(call_high, call_low));
    entry(reinterpret_cast<void*>(joined(with_high, with_low)));
  }
};

static_assert(context_policy<ucontext>);

}  // namespace sluice::inline v0::context

#endif
