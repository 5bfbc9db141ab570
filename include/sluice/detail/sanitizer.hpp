// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Tells the address and thread sanitizers which stack runs. Without a sanitizer: empty types, no instruction. Layer: detail.

#include <cstddef>
#include <ctime>
#include <type_traits>

#if defined(__SANITIZE_THREAD__)
#define SLUICE_DETAIL_UNDER_TSAN
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define SLUICE_DETAIL_UNDER_TSAN
#endif
#endif
#if defined(SLUICE_DETAIL_UNDER_TSAN)
#include <csignal>
#include <initializer_list>
#endif

/// \cond
// The run-time libraries' functions, referred to only in programs that are built with them.
extern "C" {
void __asan_unpoison_memory_region(volatile const void* memory, std::size_t bytes);
void __sanitizer_start_switch_fiber(void** fake_stack, const void* base, std::size_t bytes);
void __sanitizer_finish_switch_fiber(void* fake_stack, const void** old_base, std::size_t* old_bytes);
auto __tsan_get_current_fiber() -> void*;
auto __tsan_create_fiber(unsigned flags) -> void*;
void __tsan_destroy_fiber(void* fiber);
void __tsan_switch_to_fiber(void* fiber, unsigned flags);
void __tsan_acquire(void* address);
void __tsan_release(void* address);
}
/// \endcond

namespace sluice::inline v0::detail {

/// Whether this program is built with -fsanitize=address, and whether with -fsanitize=thread.
/// @{
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool address_sanitizer = true;
#elif defined(__has_feature)
inline constexpr bool address_sanitizer = __has_feature(address_sanitizer);
#else
inline constexpr bool address_sanitizer = false;
#endif
#if defined(SLUICE_DETAIL_UNDER_TSAN)
inline constexpr bool thread_sanitizer = true;
#else
inline constexpr bool thread_sanitizer = false;
#endif
/// @}

/// The thread sanitizer keeps a signal back, for the fiber that it interrupted, until that fiber calls something that the sanitizer
/// intercepts; if the fiber ends before, the signal is lost. Asking for the time is such a call.
[[gnu::always_inline]] inline void take_held_signals() noexcept {
  if constexpr (thread_sanitizer) (void)std::time(nullptr);
}

#if defined(SLUICE_DETAIL_UNDER_TSAN)
/// What the calling thread masks where no fiber is about to take over.
inline auto usual_mask() noexcept -> ::sigset_t& {
  static thread_local ::sigset_t mask;
  return mask;
}

/// A signal must not come between the last call that the sanitizer intercepts and the switch to another fiber: it would be kept for the
/// fiber that is left, perhaps for ever. Nor while a fiber is made or destroyed: for the sanitizer that is the running one then. Faults
/// come at once, whatever is masked.
[[gnu::always_inline]] inline void mask_signals() noexcept {
  ::sigset_t held;
  sigfillset(&held);
  for (const int fault : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGABRT}) sigdelset(&held, fault);
  (void)::pthread_sigmask(SIG_SETMASK, &held, &usual_mask());
}
/// The fiber that was switched to runs.
[[gnu::always_inline]] inline void unmask_signals() noexcept { (void)::pthread_sigmask(SIG_SETMASK, &usual_mask(), nullptr); }
#else
[[gnu::always_inline]] inline void mask_signals() noexcept {}
[[gnu::always_inline]] inline void unmask_signals() noexcept {}
#endif

/// Forgets what the address sanitizer marked in memory that was a stack: frames that a fiber never returned from leave marks that would
/// accuse the next user of the memory.
[[gnu::always_inline]] inline void unpoison(const std::byte* memory, std::size_t bytes) noexcept {
  if constexpr (address_sanitizer) __asan_unpoison_memory_region(memory, bytes);
}

/// Stands for all rings that are no more.
inline char unseen_mappings = 0;

/// A ring's memory is mapped and unmapped by system calls that the thread sanitizer does not see: one that got the address of another
/// thread's last ring would look like a race with that thread. Called before the one and after the other.
/// @{
[[gnu::always_inline]] inline void before_unseen_unmap() noexcept {
  if constexpr (thread_sanitizer) __tsan_release(&unseen_mappings);
}
[[gnu::always_inline]] inline void after_unseen_map() noexcept {
  if constexpr (thread_sanitizer) __tsan_acquire(&unseen_mappings);
}
/// @}

/// What the sanitizers know of one fiber; empty without one, so hold it as `[[no_unique_address]]`. It must not move between `create` or
/// `adopt` and the fiber's end.
///
/// How a scheduler calls it:
/// * for the stack that a thread, or another scheduler's task, was running on already: `adopt`, on that stack, before the first switch;
/// * for each fiber: `create` with its stack before the first switch to it, `destroy` once another fiber runs after its last;
/// * around each switch, in the function that switches and with nothing between: `before_switch(from, to)`, the context policy's
///   `switch_to`, `after_switch(from)`, since whoever comes back to `from` comes back there;
/// * first thing in a fiber's entry: `after_switch(self)`;
/// * at its last switch: `before_switch(from, to, true)`, and nothing after it.
///
/// The functions are inlined even without optimisation: the thread sanitizer pops a frame of the fiber that it believes to run when a
/// function returns, so none may return between `before_switch` and the switch.
template <bool Address, bool Thread>
class basic_fiber_annotation {
 public:
  /// This is the fiber that runs now.
  [[gnu::always_inline]] inline void adopt() noexcept {
    if constexpr (Thread) thread_.fiber = __tsan_get_current_fiber();
  }

  /// This is a fiber that has not run yet, on a stack of `bytes` from `base`.
  /// \errors none; the thread sanitizer ends the program when it has some 8,000 fibers
  [[gnu::always_inline]] inline void create([[maybe_unused]] const std::byte* base, [[maybe_unused]] std::size_t bytes) noexcept {
    if constexpr (Address) address_ = {.base = base, .bytes = bytes};
    if constexpr (Thread) {
      mask_signals();
      thread_.fiber = __tsan_create_fiber(0);
      unmask_signals();
    }
  }

  /// The fiber has ended, and another one runs.
  [[gnu::always_inline]] inline void destroy() noexcept {
    if constexpr (Thread) {
      mask_signals();
      __tsan_destroy_fiber(thread_.fiber);
      unmask_signals();
    }
  }

  /// The next thing is a switch from `from`, which runs, to `to`. `from_ends` says that nothing will ever switch back.
  [[gnu::always_inline]] static inline void before_switch([[maybe_unused]] basic_fiber_annotation& from,
                                                          [[maybe_unused]] basic_fiber_annotation& to,
                                                          [[maybe_unused]] bool from_ends = false) noexcept {
    if constexpr (Address) {
      to.address_.came_from = from_ends ? nullptr : &from;
      __sanitizer_start_switch_fiber(from_ends ? nullptr : &from.address_.fake_stack, to.address_.base, to.address_.bytes);
    }
    if constexpr (Thread) {
      mask_signals();
      take_held_signals();
    }
    // With synchronisation: the fibers of a scheduler run one after the other, so what one wrote the next may read.
    if constexpr (Thread) __tsan_switch_to_fiber(to.thread_.fiber, 0);
  }

  /// The last thing was a switch to `self`.
  [[gnu::always_inline]] static inline void after_switch([[maybe_unused]] basic_fiber_annotation& self) noexcept {
    if constexpr (Address) {
      const void* base = nullptr;
      std::size_t bytes = 0;
      __sanitizer_finish_switch_fiber(self.address_.fake_stack, &base, &bytes);
      // The sanitizer knows the bounds of a stack that was adopted, and says them only now.
      if (auto* const other = self.address_.came_from) {
        other->address_.base = base;
        other->address_.bytes = bytes;
      }
    }
    if constexpr (Thread) unmask_signals();
  }

 private:
  struct address_state {
    const void* base = nullptr;
    std::size_t bytes = 0;
    void* fake_stack = nullptr;
    basic_fiber_annotation* came_from = nullptr;
  };
  struct thread_state {
    void* fiber = nullptr;
  };
  struct no_address_state {};
  struct no_thread_state {};

  [[no_unique_address]] std::conditional_t<Address, address_state, no_address_state> address_{};
  [[no_unique_address]] std::conditional_t<Thread, thread_state, no_thread_state> thread_{};
};

/// The annotation of a fiber in this program.
using fiber_annotation = basic_fiber_annotation<address_sanitizer, thread_sanitizer>;

static_assert(address_sanitizer || thread_sanitizer || std::is_empty_v<fiber_annotation>);

}  // namespace sluice::inline v0::detail

#undef SLUICE_DETAIL_UNDER_TSAN
