// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What a new process is given, and what comes back of one. Layer: io.

#include <sluice/c_path.hpp>
#include <sluice/handle.hpp>
#include <sluice/op/process.hpp>

#include <cstdint>
#include <span>
#include <string>

namespace sluice::inline v0::io {

/// What a standard stream of a new process is.
class stdio {
 public:
  /// The kinds.
  enum class kind : std::uint8_t {
    inherit,    ///< this process's own
    null,       ///< nothing to read, and what is written is gone
    pipe,       ///< a pipe, whose other end the `process` has
    as_output,  ///< the same as the standard output; for `.err`
    handle,     ///< an open descriptor
  };

  static const stdio inherit;    ///< this process's own
  static const stdio null;       ///< nothing to read, and what is written is gone
  static const stdio pipe;       ///< a pipe, whose other end the `process` has
  static const stdio as_output;  ///< the same as the standard output; for `.err`

  /// This process's own.
  constexpr stdio() noexcept = default;
  /// One of those without a handle.
  explicit constexpr stdio(kind which) noexcept : kind_{which} {}
  /// This; it stays open here, and is still the caller's.
  constexpr stdio(any_handle what) noexcept : kind_{kind::handle}, handle_{what} {}  // NOLINT(google-explicit-constructor)
  /// The same for a handle of one kind.
  template <class Kind>
  constexpr stdio(basic_handle<Kind> what) noexcept : stdio{any_handle{what}} {}  // NOLINT(google-explicit-constructor)

  /// Which it is.
  [[nodiscard]] constexpr auto which() const noexcept -> kind { return kind_; }
  /// The descriptor, if it is one.
  [[nodiscard]] constexpr auto handle() const noexcept -> any_handle { return handle_; }

 private:
  kind kind_ = kind::inherit;
  any_handle handle_;
};
inline constexpr stdio stdio::inherit{kind::inherit};
inline constexpr stdio stdio::null{kind::null};
inline constexpr stdio stdio::pipe{kind::pipe};
inline constexpr stdio stdio::as_output{kind::as_output};

/// How a program is started. What the spans and paths view is looked at during the call alone.
struct process_options {
  c_path path = {};                                ///< the program
  std::span<const c_path> arguments = {};          ///< the first one is the program's own name; none: `path` alone
  std::span<const c_path> environment = {};        ///< `name=value` each, unless it is inherited
  bool inherit_environment = true;                 ///< it has this process's environment, and `environment` is not looked at
  c_path working_directory = {};                   ///< where it starts; empty: where this process is
  bool search = false;                             ///< a `path` without a slash is looked for in the folders of `PATH`
  int group = same_group;                          ///< `same_group`, `new_group`, or the number of one to join
  stdio in = stdio::inherit;                       ///< its standard input
  stdio out = stdio::inherit;                      ///< its standard output
  stdio err = stdio::inherit;                      ///< its standard error stream
  std::span<const given_handle> descriptors = {};  ///< what it has besides, from number 3 on; at most 29
};

/// What a process has said, and how it ended.
struct process_output {
  exit_status status;  ///< how it ended
  std::string out;     ///< what it wrote to its standard output, if that was a pipe
  std::string err;     ///< what it wrote to its standard error stream, if that was a pipe
};

}  // namespace sluice::inline v0::io
