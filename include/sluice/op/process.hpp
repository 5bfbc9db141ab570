// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations on processes. Layer: op.

#include <sluice/c_path.hpp>
#include <sluice/handle.hpp>

#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::inline v0 {

/// How a process ended.
struct exit_status {
  int code = 0;              ///< what it returned, if no signal ended it
  int signal = 0;            ///< the signal that ended it, 0 for none
  bool dumped_core = false;  ///< the signal left a core file

  /// Whether it ended by itself, with code 0.
  [[nodiscard]] constexpr auto succeeded() const noexcept -> bool { return code == 0 && signal == 0; }
};

/// A descriptor of a new process.
struct given_handle {
  any_handle handle = {};  ///< what it is here
  int number = -1;         ///< under which number it is open there; 0 to 2 are the standard streams
};

/// A process that was started.
struct spawned_process {
  process_handle process = {};  ///< closed by the caller, with `op::close_process`
  int id = -1;                  ///< its number; means nothing once `op::child_exit` is done
};

/// In which group of processes a new one is.
inline constexpr int same_group = -1;
/// In one of its own.
inline constexpr int new_group = 0;

namespace op {

/// Starts a program in a new process. It has the descriptors of `.descriptors` and those that are not close-on-exec, and the signal mask
/// that this thread had without the library. Result: the process.
///
/// It is a plain call that returns when the program has begun or was refused.
/// \errors those of posix_spawn(3) and execve(2): `no_such_file_or_directory`, `permission_denied`; `too_many_files_open`
/// \allocates while it runs  \os a plain call  \src posix_spawn(3), pidfd_open(2)
struct spawn_process {
  c_path path = {};                                          ///< the program
  std::span<const c_path> arguments = {};                    ///< the first one is the program's own name; none: `path` alone
  std::span<const c_path> environment = {};                  ///< `name=value` each, unless it is inherited
  bool inherit_environment = true;                           ///< it has this process's environment, and `environment` is not looked at
  std::span<const given_handle> descriptors = {};            ///< what it has besides; the array must live until done
  c_path working_directory = {};                             ///< where it starts; empty: where this process is
  bool search = false;                                       ///< a `path` without a slash is looked for in the folders of `PATH`
  int group = same_group;                                    ///< `same_group`, `new_group`, or the number of one to join
  using result_type = spawned_process;                       ///< the process
  static constexpr std::string_view name = "spawn_process";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("path", &spawn_process::path);
    visit("arguments", &spawn_process::arguments);
    visit("environment", &spawn_process::environment);
    visit("inherit_environment", &spawn_process::inherit_environment);
    visit("descriptors", &spawn_process::descriptors);
    visit("working_directory", &spawn_process::working_directory);
    visit("search", &spawn_process::search);
    visit("group", &spawn_process::group);
  }
};

/// Waits until a child has ended, and takes its status: nobody else can have it afterwards. Result: code and signal.
/// \errors `no_child_process` if somebody else took it; `operation_canceled`, which leaves it for another wait
/// \os by polling its handle before Linux 6.7  \src waitid(2)
struct child_exit {
  process_handle process = {};                            ///< a child of this process
  using result_type = exit_status;                        ///< how it ended
  static constexpr std::string_view name = "child_exit";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) { visit("process", &child_exit::process); }
};

/// Closes the handle of a process, which goes on: first cancels this ring's operations on it, is done after them, and is never skipped.
/// Result: nothing.
/// \errors those of close(2); the handle is gone in any case  \src close(2)
struct close_process {
  process_handle process = {};                               ///< gives up its number
  using result_type = void;                                  ///< nothing
  static constexpr bool closes_handle = true;                ///< never skipped, never cancelled
  static constexpr std::string_view name = "close_process";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) { visit("process", &close_process::process); }
};

}  // namespace op
}  // namespace sluice::inline v0
