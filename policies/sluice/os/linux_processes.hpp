// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The system calls of Linux on processes, signals, pipes and messages. A policy's part.

#include <sluice/os/linux_files.hpp>

#if defined(__linux__)

#include <csignal>
#include <cstddef>
#include <cstdint>

#include <fcntl.h>
#include <spawn.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace sluice::inline v0::os {

/// Processes, signals, pipes and messages, one static function a call. Each gives what the call gives, or minus the error number.
/// \os Linux 5.4
struct linux_processes : linux_files {
  /// \src posix_spawn(3)
  static auto spawn(::pid_t* id, const char* path, const ::posix_spawn_file_actions_t* actions, const ::posix_spawnattr_t* attributes,
                    char* const* arguments, char* const* environment, bool search) noexcept -> int {
    return -(search ? ::posix_spawnp(id, path, actions, attributes, arguments, environment)
                    : ::posix_spawn(id, path, actions, attributes, arguments, environment));
  }
  /// \src pidfd_open(2)
  static auto pidfd_open(::pid_t id) noexcept -> int { return static_cast<int>(checked(::syscall(__NR_pidfd_open, id, 0U))); }
  /// \src waitid(2)
  static auto waitid(::idtype_t type, ::id_t id, ::siginfo_t* info, int options) noexcept -> int {
    return checked(::waitid(type, id, info, options));
  }
  /// \src kill(2)
  static auto kill(::pid_t id, int signal) noexcept -> int { return checked(::kill(id, signal)); }
  /// A duplicate that is close-on-exec. \src fcntl(2)
  static auto duplicate(int descriptor) noexcept -> int { return checked(::fcntl(descriptor, F_DUPFD_CLOEXEC, 3)); }
  /// \src signalfd(2)
  static auto signalfd(const ::sigset_t* signals, int flags) noexcept -> int { return checked(::signalfd(-1, signals, flags)); }
  /// Changes the calling thread's signal mask. \src pthread_sigmask(3)
  static auto signal_mask(int how, const ::sigset_t* set, ::sigset_t* old) noexcept -> int { return -::pthread_sigmask(how, set, old); }
  /// \src pipe2(2)
  static auto pipe2(int* ends, int flags) noexcept -> int { return checked(::pipe2(ends, flags)); }
  /// \src splice(2)
  static auto splice(int from, ::off64_t* offset, int to, ::off64_t* to_offset, std::size_t bytes, unsigned flags) noexcept -> ssize_t {
    return checked(::splice(from, offset, to, to_offset, bytes, flags));
  }
  /// \src tee(2)
  static auto tee(int from, int to, std::size_t bytes, unsigned flags) noexcept -> ssize_t {
    return checked(::tee(from, to, bytes, flags));
  }
  /// \src recvmsg(2)
  static auto recvmsg(int descriptor, ::msghdr* message, int flags) noexcept -> ssize_t {
    return checked(::recvmsg(descriptor, message, flags));
  }
  /// \src sendmsg(2)
  static auto sendmsg(int descriptor, const ::msghdr* message, int flags) noexcept -> ssize_t {
    return checked(::sendmsg(descriptor, message, flags));
  }
};

}  // namespace sluice::inline v0::os

#endif
