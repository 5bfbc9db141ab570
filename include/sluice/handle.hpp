// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Typed handles: what a system calls a descriptor, told apart by what it stands for. Base vocabulary.

#include <type_traits>

namespace sluice::inline v0 {

/// The kinds of object a handle can stand for.
namespace handle_kind {
struct file {};       ///< a file, pipe, terminal or event source
struct socket {};     ///< a socket
struct directory {};  ///< an open directory
struct process {};    ///< a child process
}  // namespace handle_kind

/// A typed number that owns nothing: copying it copies the number, dropping it closes nothing.
/// The number is the descriptor on POSIX systems; on Windows a HANDLE or SOCKET, of which only 32 bits are significant.
template <class Kind>
class basic_handle {
 public:
  /// The system's own type.
  using native_type = int;

  /// No object.
  constexpr basic_handle() noexcept = default;
  /// The object with this number.
  explicit constexpr basic_handle(native_type value) noexcept : value_{value} {}
  /// The system's own number, negative where there is no object.
  [[nodiscard]] constexpr auto native() const noexcept -> native_type { return value_; }
  /// Whether there is an object.
  [[nodiscard]] explicit constexpr operator bool() const noexcept { return value_ >= 0; }
  /// Whether both are the same number.
  friend constexpr auto operator==(basic_handle, basic_handle) noexcept -> bool = default;

 private:
  native_type value_ = -1;
};

/// Names a file, pipe or terminal. The system's `<fcntl.h>` may have a `struct file_handle`: where both are seen, write
/// `sluice::file_handle`.
using file_handle = basic_handle<handle_kind::file>;
using socket_handle = basic_handle<handle_kind::socket>;        ///< names a socket
using directory_handle = basic_handle<handle_kind::directory>;  ///< names an open directory
using process_handle = basic_handle<handle_kind::process>;      ///< names a child process

static_assert(std::is_trivially_copyable_v<file_handle>);

/// A handle of any kind, for operations that do not care. Owns nothing.
class any_handle {
 public:
  /// No object.
  constexpr any_handle() noexcept = default;
  /// The same object.
  template <class Kind>
  constexpr any_handle(basic_handle<Kind> of) noexcept : value_{of.native()} {}  // NOLINT(google-explicit-constructor)
  /// The system's own number, negative where there is no object.
  [[nodiscard]] constexpr auto native() const noexcept -> int { return value_; }
  /// Whether both are the same number.
  friend constexpr auto operator==(any_handle, any_handle) noexcept -> bool = default;

 private:
  int value_ = -1;
};

}  // namespace sluice::inline v0
