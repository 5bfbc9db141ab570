// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The context switch in inline assembly, for x86-64 with the System V calling convention. Layer: policy.

#include <sluice/concept/context.hpp>
#include <sluice/concept/stack.hpp>
#include <sluice/fwd.hpp>
#include <sluice/os/shadow_stack.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <string_view>

#if defined(__x86_64__) && !defined(_WIN32)

namespace sluice::inline v0::context {

/// What `basic_native` keeps for each task beside the registers.
struct native_options {
  /// Whether each task has its own rounding mode, precision and exception masks (`mxcsr` and the x87 control word). A new task then starts
  /// with those of the caller of `prepare`. Without it they belong to the thread: a task that changes them and waits changes them for all.
  bool floating_point_control = false;
};

/// Leaves one stack for another by a jump, inlined into the function that waits. Nothing is pushed: stack pointer, frame pointer and resume
/// address go into the state, so data of a leaf function below the stack pointer (the red zone) survives, and every other register is
/// declared overwritten, so the compiler itself saves what it still needs and nothing else. A jump, not a return: the processor would
/// predict the return to the wrong stack.
///
/// Addresses that a compiler takes for constant in a thread (of a `thread_local`, say) may be kept across a switch: a fiber must stay on
/// its thread.
/// \complexity O(1); a handful of instructions
/// \os x86-64 with the System V calling convention, no CET shadow stack
/// \src System V Application Binary Interface, AMD64 Architecture Processor Supplement, 3.2
template <native_options O = {}>
struct basic_native {
  static constexpr auto kind = policy_kind::context;  ///< found as the context policy of a config
  static constexpr std::string_view name = "native";  ///< the file's name
  static constexpr std::size_t storage_bytes = 0;     ///< all of it fits in `state`

  /// A stack that is not running.
  struct state {
    void* stack_pointer = nullptr;  ///< `rsp`
    void* frame_pointer = nullptr;  ///< `rbp`, which no `asm` may declare as overwritten
    void* resume = nullptr;         ///< where to jump to
  };

  /// Whether this thread can leave its stack by a jump: not with a CET shadow stack.
  [[nodiscard]] static auto supported() noexcept -> bool { return !os::shadow_stack_active(); }

  /// Nothing to bind.
  static void attach(state&, void*) noexcept {}

  /// Makes `self` call `entry(argument)` on `stack` when it is first switched to. Uses at most 64 bytes at the top of the stack.
  static void prepare(state& self, stack_span stack, context_entry entry, void* argument) noexcept {
    auto* const end = stack.base + stack.bytes;
    auto* top = end - reinterpret_cast<std::uintptr_t>(end) % 16;
    if constexpr (O.floating_point_control) {
      auto* const given =
          ::new (static_cast<void*>(top -= sizeof(controlled_frame))) controlled_frame{.entry = entry, .argument = argument};
      asm volatile("stmxcsr %0\n\tfnstcw %1" : "=m"(given->mxcsr), "=m"(given->x87));
      entry = &enter_with_control;
      argument = given;
    }
    auto* const frame = ::new (static_cast<void*>(top - sizeof(first_frame)))
        first_frame{.back = reinterpret_cast<std::byte*>(&no_caller) + beyond_call, .entry = entry, .argument = argument};
    self = {.stack_pointer = frame, .frame_pointer = nullptr, .resume = reinterpret_cast<void*>(&enter)};
  }

  /// Saves the running stack in `from` and goes on where `to` was left.
  [[gnu::always_inline]] static inline void switch_to(state& from, state& to) noexcept {
    // By address in a register, not as memory: a compiler might reach that from the stack or frame pointer, which change half-way.
    auto* leaving = &from;
    auto* arriving = &to;
    asm volatile(
        // Control words go on the stack, below what a leaf function may keep there: the state has no room. Not in locals: at the last
        // switch of a fiber an address sanitizer has taken those back.
        ".if %c[control]\n\t"
        "leaq -136(%%rsp), %%rsp\n\t"
        "stmxcsr 0(%%rsp)\n\t"
        "fnstcw 4(%%rsp)\n\t"
        ".endif\n\t"
        "leaq 1f(%%rip), %%rcx\n\t"
        "movq %%rsp, 0(%%rax)\n\t"
        "movq %%rbp, 8(%%rax)\n\t"
        "movq %%rcx, 16(%%rax)\n\t"
        "movq 0(%%rdx), %%rsp\n\t"
        "movq 8(%%rdx), %%rbp\n\t"
        "jmpq *16(%%rdx)\n"
        "1:\n\t"
#if defined(__CET__)
        "endbr64\n\t"
#endif
        ".if %c[control]\n\t"
        "ldmxcsr 0(%%rsp)\n\t"
        "fldcw 4(%%rsp)\n\t"
        "leaq 136(%%rsp), %%rsp\n\t"
        ".endif"
        : "+a"(leaving), "+d"(arriving)
        : [control] "i"(O.floating_point_control ? 1 : 0)
        : "rbx", "rcx", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13", "r14", "r15",  //
          "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",                    //
          "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15",              //
#if defined(__AVX512F__)
          "xmm16", "xmm17", "xmm18", "xmm19", "xmm20", "xmm21", "xmm22", "xmm23",  //
          "xmm24", "xmm25", "xmm26", "xmm27", "xmm28", "xmm29", "xmm30", "xmm31",  //
          "k0", "k1", "k2", "k3", "k4", "k5", "k6", "k7",                          //
#endif
#if defined(__APX_F__)
          "r16", "r17", "r18", "r19", "r20", "r21", "r22", "r23",  //
          "r24", "r25", "r26", "r27", "r28", "r29", "r30", "r31",  //
#endif
          "mm0", "mm1", "mm2", "mm3", "mm4", "mm5", "mm6", "mm7",               //
          "st", "st(1)", "st(2)", "st(3)", "st(4)", "st(5)", "st(6)", "st(7)",  //
          "cc", "memory");
  }

  /// Has the processor fetch what a stack needs first that is switched to soon. Never faults.
  [[gnu::always_inline]] static inline void foresee(const state& soon) noexcept { __builtin_prefetch(soon.stack_pointer); }

  /// Goes on where `to` was left, and never comes back: nothing of the running stack is saved.
  [[noreturn, gnu::always_inline]] static inline void leave(state& to) noexcept {
    asm volatile(
        "movq 0(%[to]), %%rsp\n\t"
        "movq 8(%[to]), %%rbp\n\t"
        "jmpq *16(%[to])"
        :
        : [to] "d"(&to)
        : "memory");
    __builtin_unreachable();
  }

 private:
  /// What `enter` finds at the top of a stack. Three words below a multiple of 16 bytes: as if the entry had been called.
  struct first_frame {
    void* back = nullptr;
    context_entry entry = nullptr;
    void* argument = nullptr;
  };
  /// What `enter_with_control` finds above that.
  struct alignas(16) controlled_frame {
    context_entry entry = nullptr;
    void* argument = nullptr;
    std::uint32_t mxcsr = 0;
    std::uint16_t x87 = 0;
  };

  /// The first instructions on a new stack. Their frame says that it has no caller, which is where unwinding and backtraces end. The entry
  /// is jumped to, with a return address that nobody returns to: a call would put the processor's prediction of every later return of the
  /// fiber that started this one out of step. Nothing may come before them: where every function has a stack protector, GCC gives one to
  /// those that are naked, too.
  [[gnu::naked, gnu::noinline, gnu::no_instrument_function, gnu::no_stack_protector]] static void enter() noexcept {
    asm volatile(
#if defined(__GCC_HAVE_DWARF2_CFI_ASM)
        ".cfi_undefined rip\n\t"
#endif
#if defined(__CET__)
        "endbr64\n\t"
#endif
        "movq 16(%rsp), %rdi\n\t"
        "jmpq *8(%rsp)");
  }
  /// Whom the entry would return to, `beyond_call` bytes behind its start: who unwinds looks at what is before a return address. Compilers
  /// may put a landing mark of four bytes first.
  [[gnu::naked, gnu::noinline, gnu::no_instrument_function, gnu::no_stack_protector]] static void no_caller() noexcept {
    asm volatile(
#if defined(__GCC_HAVE_DWARF2_CFI_ASM)
        ".cfi_undefined rip\n\t"
#endif
        ".skip 8, 0x90\n\t"
        "ud2");
  }
  static constexpr std::size_t beyond_call = 8;

  /// The entry of a stack with its own floating-point control: sets it, then calls the entry that the caller gave.
  static void enter_with_control(void* frame) noexcept {
    const auto& given = *static_cast<const controlled_frame*>(frame);
    asm volatile("ldmxcsr %0\n\tfldcw %1" : : "m"(given.mxcsr), "m"(given.x87));
    given.entry(given.argument);
  }
};

/// The native context switch with its usual options.
using native = basic_native<>;

static_assert(context_policy<native>);
static_assert(context_policy<basic_native<{.floating_point_control = true}>>);

}  // namespace sluice::inline v0::context

#endif
