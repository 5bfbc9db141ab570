// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What the tests of the coroutine layer share: a config, pairs of sockets, and ways to see what is left behind.

#include <sluice/sluice.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace fixture {

using namespace std::chrono_literals;
namespace op = sluice::op;

/// Assertions of the test framework want more room than most programs do.
using roomy = sluice::stack::guarded<{.bytes = 256 * 1024}>;
struct app : sluice::config<roomy> {};

/// `roomy`, and how many stacks are out.
struct counted_stacks {
  static constexpr auto kind = sluice::policy_kind::stack;
  static constexpr std::string_view name = "counted";
  static constexpr std::size_t guard_bytes = roomy::guard_bytes;

  auto allocate() noexcept -> sluice::result<sluice::stack_span> {
    auto made = inner.allocate();
    if (made) ++out;
    return made;
  }
  auto allocate(std::size_t bytes) noexcept -> sluice::result<sluice::stack_span> {
    auto made = inner.allocate(bytes);
    if (made) ++out;
    return made;
  }
  void deallocate(sluice::stack_span stack) noexcept {
    inner.deallocate(stack);
    --out;
  }

  static inline std::atomic<int> out = 0;
  roomy inner;
};

/// How many descriptors the process has.
inline auto open_descriptors() -> int {
  int count = 0;
  ::DIR* const folder = ::opendir("/proc/self/fd");
  while (::readdir(folder) != nullptr) ++count;
  ::closedir(folder);
  return count;
}

/// Two connected stream sockets, closed at the end unless somebody else did it.
struct socket_pair {
  socket_pair() {
    std::array<int, 2> both{};
    if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, both.data()) == 0) {
      left = sluice::socket_handle{both[0]};
      right = sluice::socket_handle{both[1]};
    }
  }
  socket_pair(const socket_pair&) = delete;
  auto operator=(const socket_pair&) -> socket_pair& = delete;
  ~socket_pair() {
    if (left) ::close(left.native());
    if (right) ::close(right.native());
  }
  sluice::socket_handle left;
  sluice::socket_handle right;
};

/// A file without a name.
struct scratch_file {
  scratch_file() : stream{std::tmpfile()}, handle{::fileno(stream)} {}
  scratch_file(const scratch_file&) = delete;
  auto operator=(const scratch_file&) -> scratch_file& = delete;
  ~scratch_file() { std::fclose(stream); }
  /// All of it.
  [[nodiscard]] auto text() const -> std::string {
    std::string all;
    std::array<char, 4096> some{};
    for (::off_t at = 0;;) {
      const auto bytes = ::pread(handle.native(), some.data(), some.size(), at);
      if (bytes <= 0) return all;
      all.append(some.data(), static_cast<std::size_t>(bytes));
      at += bytes;
    }
  }
  std::FILE* stream;
  sluice::file_handle handle;
};

/// What is written to the standard error stream while `f` runs.
template <class F>
auto error_output_of(F&& f) -> std::string {
  const scratch_file file;
  std::fflush(stderr);
  const int before = ::dup(2);
  ::dup2(file.handle.native(), 2);
  std::forward<F>(f)();
  std::fflush(stderr);
  ::dup2(before, 2);
  ::close(before);
  return file.text();
}

/// The same bytes as `std::byte`s.
inline auto bytes_of(std::string_view text) -> std::span<const std::byte> { return std::as_bytes(std::span{text.data(), text.size()}); }

/// How long something took.
struct stopwatch {
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
  [[nodiscard]] auto passed() const -> std::chrono::nanoseconds { return std::chrono::steady_clock::now() - start; }
};

/// Lets the other tasks run until a condition holds, or for so long that a test fails by it. A sleep of some milliseconds is no promise of
/// that: it is over at the next turn if the thread lost its processor between the reading of the clock and the arming of the timer, and
/// what the other tasks began may not have had a turn then.
template <class Coro, class Condition>
void run_others_until(Condition holds) {
  const stopwatch watch;
  while (!holds() && watch.passed() < 60s) Coro::yield();
}

/// The calling program's child runs `f` and ends with its value; gives the child's number.
template <class F>
auto in_child(F&& f) -> ::pid_t {
  std::fflush(nullptr);
  const ::pid_t child = ::fork();
  if (child == 0) ::_exit(std::forward<F>(f)());
  return child;
}

/// Waits for a child's end: its status as waitpid(2) gives it.
inline auto status_of(::pid_t child) -> int {
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {}
  return status;
}

}  // namespace fixture
