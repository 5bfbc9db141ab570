// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Processes by their handles, by calls that do not wait: a number could be another one's by now. Layer: os.

#include <sluice/handle.hpp>
#include <sluice/op/process.hpp>
#include <sluice/os/native_process.hpp>
#include <sluice/result.hpp>

#if defined(__linux__)

#include <cerrno>
#include <csignal>

#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sluice::inline v0::os {

/// The number of this process: another one in a fork.
inline auto process_id() noexcept -> int { return static_cast<int>(::getpid()); }

/// Children of this process. What gives a status gives 1 where there is one, 0 while the child runs, or minus the error number.
/// \os Linux 5.4  \src waitid(2), pidfd_send_signal(2)
struct children {
  /// Takes the status of one that has ended. \errors ECHILD if somebody else took it
  static auto take_status(process_handle child, exit_status& status) noexcept -> int { return take(child, status, WNOHANG); }
  /// The same, and waits for it. \errors as above
  static auto await_status(process_handle child, exit_status& status) noexcept -> int { return take(child, status, 0); }
  /// Whether it is a child of this process, running or ended, whose status was not taken. It is none in a fork of its parent.
  static auto is_one(process_handle process) noexcept -> bool {
    ::siginfo_t info{};
    return wait(process, info, WNOHANG | WNOWAIT) == 0;
  }
  /// Sends a signal, to no process but this one. \errors those of pidfd_send_signal(2), `no_such_process` once its status was taken
  static auto send(process_handle process, int signal) noexcept -> result<void> {
    if (!process) return system_error(EBADF);
    if (::syscall(SYS_pidfd_send_signal, process.native(), signal, nullptr, 0U) < 0) return system_error(errno);
    return {};
  }
  /// The signal that nothing keeps from its effect. \errors as above
  static auto kill(process_handle process) noexcept -> result<void> { return send(process, SIGKILL); }

 private:
  static auto wait(process_handle child, ::siginfo_t& info, int options) noexcept -> int {
    for (;;) {
      if (::waitid(P_PIDFD, static_cast<::id_t>(waited_for(child)), &info, WEXITED | options) == 0) return 0;
      if (errno != EINTR) return errno;
    }
  }
  static auto take(process_handle child, exit_status& status, int options) noexcept -> int {
    ::siginfo_t info{};
    if (const int failed = wait(child, info, options); failed != 0) return -failed;
    if (info.si_pid == 0) return 0;
    status = exit_status_of(info);
    return 1;
  }
};

}  // namespace sluice::inline v0::os

#endif
