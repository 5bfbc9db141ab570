// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Signals that concern a whole program: requests to end, and faults. A policy's part.

#if defined(__unix__) || defined(__APPLE__)

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstddef>

#include <unistd.h>

namespace sluice::inline v0::os {

/// Calls back on the first SIGINT or SIGTERM, of which the second has its usual effect, and each time a signal asks for a report. One at a
/// time in a process; the former actions come back with its end.
/// \src sigaction(2)
class program_signals {
 public:
  using callback = void (*)(void* context, bool report) noexcept;  ///< runs in a signal handler

  /// Starts to watch; `report_signal` is 0 for none.
  program_signals(callback call, void* context, bool termination, int report_signal) noexcept
      : termination_{termination}, report_signal_{report_signal} {
    context_.store(context, std::memory_order_relaxed);
    watched_report_.store(report_signal, std::memory_order_relaxed);
    call_.store(call, std::memory_order_release);
    struct ::sigaction action{};
    action.sa_handler = &handle;
    sigemptyset(&action.sa_mask);
    if (report_signal != 0) ::sigaction(report_signal, &action, &before_[2]);
    if (!termination) return;
    ::sigaction(SIGINT, &action, &before_[0]);
    ::sigaction(SIGTERM, &action, &before_[1]);
  }
  program_signals(const program_signals&) = delete;
  auto operator=(const program_signals&) -> program_signals& = delete;
  ~program_signals() {
    if (termination_) {
      ::sigaction(SIGINT, &before_[0], nullptr);
      ::sigaction(SIGTERM, &before_[1], nullptr);
    }
    if (report_signal_ != 0) ::sigaction(report_signal_, &before_[2], nullptr);
    call_.store(nullptr, std::memory_order_release);
  }

 private:
  static void handle(int signal) noexcept {
    const int saved = errno;
    const bool report = signal == watched_report_.load(std::memory_order_relaxed);
    if (!report) {
      // Whichever of the two comes next, it is the second request.
      struct ::sigaction usual{};
      usual.sa_handler = SIG_DFL;
      sigemptyset(&usual.sa_mask);
      ::sigaction(SIGINT, &usual, nullptr);
      ::sigaction(SIGTERM, &usual, nullptr);
    }
    if (const auto call = call_.load(std::memory_order_acquire)) call(context_.load(std::memory_order_relaxed), report);
    errno = saved;
  }

  static inline constinit std::atomic<callback> call_{nullptr};
  static inline constinit std::atomic<void*> context_{nullptr};
  static inline constinit std::atomic<int> watched_report_{0};
  bool termination_;
  int report_signal_;
  struct ::sigaction before_[3]{};
};

/// Calls back on a memory fault, on a stack of its own, before the fault has the effect that it had before: the handler that was there is
/// called, else the program ends.
/// \src sigaction(2), sigaltstack(2)
class fault_watch {
 public:
  using callback = void (*)(const void* address) noexcept;  ///< runs in a signal handler

  /// Starts to watch faults; those of this thread are seen even if its stack is used up.
  explicit fault_watch(callback call) noexcept {
    ::stack_t alternate{};
    alternate.ss_sp = stack_;
    alternate.ss_size = sizeof(stack_);
    ::sigaltstack(&alternate, &before_stack_);
    struct ::sigaction action{};
    action.sa_sigaction = &handle;
    sigemptyset(&action.sa_mask);
    action.sa_flags = static_cast<int>(SA_ONSTACK | SA_SIGINFO | SA_RESETHAND);
    ::sigaction(SIGSEGV, &action, &before_[0]);
    ::sigaction(SIGBUS, &action, &before_[1]);
    latest_.store(this, std::memory_order_relaxed);
    call_.store(call, std::memory_order_release);
  }
  fault_watch(const fault_watch&) = delete;
  auto operator=(const fault_watch&) -> fault_watch& = delete;
  ~fault_watch() {
    call_.store(nullptr, std::memory_order_release);
    latest_.store(nullptr, std::memory_order_relaxed);
    ::sigaction(SIGSEGV, &before_[0], nullptr);
    ::sigaction(SIGBUS, &before_[1], nullptr);
    ::sigaltstack(&before_stack_, nullptr);
  }

 private:
  // The faulting instruction runs again when this returns, and then meets what was there before; this handler is gone.
  static void handle(int signal, ::siginfo_t* info, void*) noexcept {
    const auto call = call_.load(std::memory_order_acquire);
    if (call == nullptr) return;
    call(info->si_addr);
    const auto* const latest = latest_.load(std::memory_order_relaxed);
    if (latest == nullptr) return;
    const auto& before = latest->before_[signal == SIGBUS ? 1 : 0];
    if ((before.sa_flags & SA_SIGINFO) == 0 || before.sa_sigaction != &handle) ::sigaction(signal, &before, nullptr);
  }

  static inline constinit std::atomic<callback> call_{nullptr};
  static inline constinit std::atomic<const fault_watch*> latest_{nullptr};
  alignas(16) static inline std::byte stack_[32 * 1024]{};
  struct ::sigaction before_[2]{};
  ::stack_t before_stack_{};
};

/// Writes a text to the standard error stream; may be called in a signal handler.
inline void write_error(const char* text, std::size_t bytes) noexcept {
  while (bytes > 0) {
    const auto written = ::write(2, text, bytes);
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    text += written;
    bytes -= static_cast<std::size_t>(written);
  }
}

}  // namespace sluice::inline v0::os

#endif
