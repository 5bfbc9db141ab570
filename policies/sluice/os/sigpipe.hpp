// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Keeps SIGPIPE from a thread that writes through rings. A policy's part.

#if defined(__linux__)

#include <csignal>

namespace sluice::inline v0::os {

/// A write to a closed pipe raises SIGPIPE in the thread that submits it; the library reports the error instead. While any ring of a
/// thread holds one of these, the signal is blocked there; the last one takes a signal that came meanwhile and gives the thread its mask
/// back.
template <class Os>
class sigpipe_block {
 public:
  sigpipe_block() noexcept = default;
  sigpipe_block(const sigpipe_block&) = delete;
  auto operator=(const sigpipe_block&) -> sigpipe_block& = delete;

  /// Before the first write of a ring, and harmless before the others.
  [[gnu::always_inline]] void take() noexcept {
    if (drop_ == nullptr) [[unlikely]]
      block();
  }

  /// Takes the signal out of a mask of this thread's if it is in there because of this class.
  static void remove_from(::sigset_t& mask) noexcept {
    if (holders_ != 0 && !was_blocked_) sigdelset(&mask, SIGPIPE);
  }

  /// At the end of the ring, on its thread.
  void drop() noexcept {
    if (drop_ != nullptr) drop_();
    drop_ = nullptr;
  }

 private:
  static auto only_sigpipe() noexcept -> ::sigset_t {
    ::sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGPIPE);
    return set;
  }

  [[gnu::noinline, gnu::cold]] void block() noexcept {
    if (holders_ == 0) {
      const auto set = only_sigpipe();
      ::sigset_t before;
      if (Os::signal_mask(SIG_BLOCK, &set, &before) != 0) return;
      was_blocked_ = sigismember(&before, SIGPIPE) == 1;
      was_pending_ = was_blocked_ && Os::signal_is_pending(SIGPIPE);
    }
    ++holders_;
    drop_ = &unblock;
  }

  static void unblock() noexcept {
    if (--holders_ != 0) return;
    const auto set = only_sigpipe();
    if (!was_pending_) (void)Os::take_pending_signal(&set);
    if (!was_blocked_) (void)Os::signal_mask(SIG_UNBLOCK, &set, nullptr);
  }

  static inline constinit thread_local unsigned holders_ = 0;
  static inline constinit thread_local bool was_blocked_ = false;
  static inline constinit thread_local bool was_pending_ = false;
  void (*drop_)() noexcept = nullptr;  // while it is held; programs that never write through a ring do not contain it
};

}  // namespace sluice::inline v0::os

#endif
