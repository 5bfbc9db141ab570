// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The system calls of Linux on files, directories and pipes. A policy's part.

#include <sluice/os/linux_memory.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace sluice::inline v0::os {

/// The new name must be free. \src renameat2(2)
inline constexpr unsigned rename_no_replace = 1;

/// Files, one static function a call. Each gives what the call gives, or minus the error number.
/// \os Linux 5.6
struct linux_files : linux_memory {
  /// \src openat(2)
  static auto openat(int directory, const char* path, int flags, unsigned mode) noexcept -> int {
    return checked(::openat(directory, path, flags, mode));
  }
  /// \src openat2(2)
  static auto openat2(int directory, const char* path, const ::open_how* how) noexcept -> int {
    return static_cast<int>(checked(::syscall(__NR_openat2, directory, path, how, sizeof(*how))));
  }
  /// \src ftruncate(2)
  static auto ftruncate(int descriptor, ::off_t length) noexcept -> int { return checked(::ftruncate(descriptor, length)); }
  /// \src lseek(2)
  static auto lseek(int descriptor, ::off_t offset, int whence) noexcept -> ::off_t { return checked(::lseek(descriptor, offset, whence)); }
  /// \src fallocate(2)
  static auto fallocate(int descriptor, int mode, ::off_t offset, ::off_t length) noexcept -> int {
    return checked(::fallocate(descriptor, mode, offset, length));
  }
  /// \src posix_fadvise(2)
  static auto fadvise(int descriptor, ::off_t offset, ::off_t length, int advice) noexcept -> int {
    return -::posix_fadvise(descriptor, offset, length, advice);
  }
  /// \src renameat2(2)
  static auto renameat2(int directory, const char* path, int to_directory, const char* to_path, unsigned flags) noexcept -> int {
    return checked(::renameat2(directory, path, to_directory, to_path, flags));
  }
  /// \src unlinkat(2)
  static auto unlinkat(int directory, const char* path, int flags) noexcept -> int { return checked(::unlinkat(directory, path, flags)); }
  /// \src mkdirat(2)
  static auto mkdirat(int directory, const char* path, unsigned mode) noexcept -> int { return checked(::mkdirat(directory, path, mode)); }
  /// \src symlinkat(2)
  static auto symlinkat(const char* target, int directory, const char* path) noexcept -> int {
    return checked(::symlinkat(target, directory, path));
  }
  /// \src linkat(2)
  static auto linkat(int directory, const char* path, int to_directory, const char* to_path, int flags) noexcept -> int {
    return checked(::linkat(directory, path, to_directory, to_path, flags));
  }
  /// \src statx(2)
  static auto statx(int directory, const char* path, int flags, unsigned mask, struct ::statx* facts) noexcept -> int {
    return checked(::statx(directory, path, flags, mask, facts));
  }
  /// The C library's own may not be given an empty buffer without an address. \src getdents64(2)
  static auto getdents64(int descriptor, void* buffer, std::size_t bytes) noexcept -> ssize_t {
    return checked(static_cast<ssize_t>(::syscall(SYS_getdents64, descriptor, buffer, bytes)));
  }
  /// Null for an offset: the file's own position. \src copy_file_range(2)
  static auto copy_file_range(int from, ::off64_t* offset, int to, ::off64_t* to_offset, std::size_t bytes) noexcept -> ssize_t {
    return checked(::copy_file_range(from, offset, to, to_offset, bytes, 0));
  }

 protected:
  /// A call's answer, with the error number in it.
  template <class Number>
  [[gnu::always_inline]] static auto checked(Number value) noexcept -> Number {
    return value < 0 ? static_cast<Number>(-errno) : value;
  }
};

}  // namespace sluice::inline v0::os

#endif
