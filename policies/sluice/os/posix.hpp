// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// System calls that every POSIX system has: clocks and memory. `errno` becomes an error code here. Layer: os.

#include <sluice/interval.hpp>
#include <sluice/result.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#if __has_include(<sys/mman.h>) && !defined(_WIN32)

#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

namespace sluice::inline v0::os {

/// What policies ask of a POSIX system. All functions are static: a test derives from it, hides one and scripts what it answers.
/// \os POSIX.1-2001 with anonymous mappings
struct posix {
  /// Whether `stack_mapped` wants to know of every stack; policies keep what it returns only then.
  static constexpr bool tracks_stacks = false;

  /// The time of a clock now. `clock_kind::boot` is the steady clock where the system has no other.
  /// \units nanoseconds since the clock's epoch  \complexity O(1), no system call where the kernel shares its clock page
  /// \src clock_gettime(2)
  [[nodiscard]] static auto now(clock_kind clock) noexcept -> time_point {
    ::timespec time{};
    ::clock_gettime(clock_number(clock), &time);
    return time_point{std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec};
  }

  /// The size of a page of memory. \units bytes \complexity O(1), no system call  \src sysconf(3)
  [[nodiscard]] static auto page_bytes() noexcept -> std::size_t { return static_cast<std::size_t>(::sysconf(_SC_PAGESIZE)); }

  /// Maps zeroed private memory, page-aligned, that takes room only when touched. \units bytes
  /// \errors whatever mmap gives, `not_enough_memory` above all  \src mmap(2)
  [[nodiscard]] static auto map(std::size_t bytes) noexcept -> result<std::byte*> {
    void* const memory = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, mapping_flags, -1, 0);
    if (memory == MAP_FAILED) return system_error(errno);
    return static_cast<std::byte*>(memory);
  }

  /// Gives a mapping, or whole pages of one, back. \errors whatever munmap gives  \src munmap(2)
  static auto unmap(std::byte* memory, std::size_t bytes) noexcept -> result<void> { return checked(::munmap(memory, bytes)); }

  /// Makes whole pages fault when touched. Each call may split a mapping in three.
  /// \errors `not_enough_memory` when the process has as many mappings as it may  \src mprotect(2)
  static auto protect_none(std::byte* memory, std::size_t bytes) noexcept -> result<void> {
    return checked(::mprotect(memory, bytes, PROT_NONE));
  }

  /// Tells the system how whole pages are going to be used. \errors whatever madvise gives  \src madvise(2)
  static auto advise(std::byte* memory, std::size_t bytes, int advice) noexcept -> result<void> {
    return checked(::madvise(memory, bytes, advice));
  }

  /// Called with each stack before it is first used, if `tracks_stacks`; gives the number for `stack_unmapped`.
  static auto stack_mapped(std::byte*, std::size_t) noexcept -> unsigned { return 0; }
  /// Called once a stack is no longer one, with the number that `stack_mapped` gave.
  static void stack_unmapped(unsigned) noexcept {}
  /// Called with memory that the kernel has written behind the program's back.
  static void memory_written(const void*, std::size_t) noexcept {}

 protected:
  /// 0, or a negative answer with `errno` behind it, as a result.
  static auto checked(int answer) noexcept -> result<void> {
    if (answer < 0) return system_error(errno);
    return {};
  }

 private:
#if defined(MAP_NORESERVE)
  static constexpr int mapping_flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
#else
  static constexpr int mapping_flags = MAP_PRIVATE | MAP_ANONYMOUS;
#endif

  static constexpr auto clock_number(clock_kind clock) noexcept -> ::clockid_t {
    switch (clock) {
#if defined(CLOCK_BOOTTIME)
      case clock_kind::boot: return CLOCK_BOOTTIME;
#endif
      case clock_kind::wall: return CLOCK_REALTIME;
      default: return CLOCK_MONOTONIC;
    }
  }
};

}  // namespace sluice::inline v0::os

#endif
