// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations on directories and on the names in them. Layer: op.

#include <sluice/bitmask.hpp>
#include <sluice/c_path.hpp>
#include <sluice/directory_entries.hpp>
#include <sluice/handle.hpp>
#include <sluice/interval.hpp>
#include <sluice/op/file.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::inline v0 {

/// What is known of a file without opening it. All times are the wall clock's; one that the file system does not keep is the epoch.
/// \units bytes, nanoseconds  \src statx(2)
struct file_status {
  file_kind kind = file_kind::unknown;  ///< what it is
  std::uint32_t mode = 0;               ///< permissions: the low twelve bits
  std::uint64_t size = 0;               ///< length in bytes; of a symbolic link, that of its target's name
  std::uint64_t room = 0;               ///< bytes that it takes on the device
  std::uint64_t id = 0;                 ///< number within its device
  std::uint64_t device = 0;             ///< number of the device that it lies on; with `id` it tells files apart
  std::uint64_t links = 0;              ///< names that it has
  std::uint32_t owner = 0;              ///< user
  std::uint32_t group = 0;              ///< group
  time_point accessed = {};             ///< last read
  time_point modified = {};             ///< last written
  time_point changed = {};              ///< last written, or its status changed
  time_point created = {};              ///< made
};

namespace op {

/// Closes a directory: first cancels this ring's operations that start from it, is done after them, and is never skipped. Result: nothing.
/// \errors those of close(2); the handle is gone in any case  \src close(2)
struct close_directory {
  directory_handle directory = {};                             ///< gives up its number
  using result_type = void;                                    ///< nothing
  static constexpr bool closes_handle = true;                  ///< never skipped, never cancelled
  static constexpr std::string_view name = "close_directory";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) { visit("directory", &close_directory::directory); }
};

/// Gives a file or directory another name, perhaps in another directory of the same file system. Result: nothing.
/// \errors those of renameat2(2); `file_exists` if it is not to replace what has that name, `invalid_argument` from a file system that
/// cannot make sure of it  \src renameat2(2)
struct rename_at {
  directory_handle directory = working_directory;        ///< where a relative path starts
  c_path path = {};                                      ///< the name that it loses; must live until done
  directory_handle to_directory = working_directory;     ///< where the new path starts, if it is relative; not closed before this is done
  c_path to_path = {};                                   ///< the name that it gets; must live until done
  bool replace = true;                                   ///< takes the place of what has that name
  using result_type = void;                              ///< nothing
  static constexpr std::string_view name = "rename_at";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("directory", &rename_at::directory);
    visit("path", &rename_at::path);
    visit("to_directory", &rename_at::to_directory);
    visit("to_path", &rename_at::to_path);
    visit("replace", &rename_at::replace);
  }
};

/// Takes a name away, and with the last one the file. Result: nothing.
/// \errors those of unlinkat(2); `is_a_directory` or `directory_not_empty`  \src unlinkat(2)
struct unlink_at {
  directory_handle directory = working_directory;        ///< where a relative path starts
  c_path path = {};                                      ///< must live until done
  bool remove_directory = false;                         ///< it is an empty directory, and nothing else
  using result_type = void;                              ///< nothing
  static constexpr std::string_view name = "unlink_at";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("directory", &unlink_at::directory);
    visit("path", &unlink_at::path);
    visit("remove_directory", &unlink_at::remove_directory);
  }
};

/// Makes a directory. Result: nothing.
/// \errors those of mkdirat(2), `file_exists`  \src mkdirat(2)
struct mkdir_at {
  directory_handle directory = working_directory;       ///< where a relative path starts
  c_path path = {};                                     ///< must live until done
  std::uint32_t mode = 0755;                            ///< permissions, before the umask
  using result_type = void;                             ///< nothing
  static constexpr std::string_view name = "mkdir_at";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("directory", &mkdir_at::directory);
    visit("path", &mkdir_at::path);
    visit("mode", &mkdir_at::mode);
  }
};

/// Makes a symbolic link. Result: nothing.
/// \errors those of symlinkat(2), `file_exists`  \src symlinkat(2)
struct symlink_at {
  c_path target = {};                                     ///< what it leads to, as it is written, there or not; must live until done
  directory_handle directory = working_directory;         ///< where a relative path starts
  c_path path = {};                                       ///< its name; must live until done
  using result_type = void;                               ///< nothing
  static constexpr std::string_view name = "symlink_at";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("target", &symlink_at::target);
    visit("directory", &symlink_at::directory);
    visit("path", &symlink_at::path);
  }
};

/// Gives a file one more name in the same file system. Result: nothing.
/// \errors those of linkat(2), `file_exists`  \src linkat(2)
struct link_at {
  directory_handle directory = working_directory;      ///< where a relative path starts
  c_path path = {};                                    ///< a name that it has; must live until done
  directory_handle to_directory = working_directory;   ///< where the new path starts, if it is relative; not closed before this is done
  c_path to_path = {};                                 ///< the name that it gets, too; must live until done
  bool follow = false;                                 ///< a symbolic link stands for what it leads to
  using result_type = void;                            ///< nothing
  static constexpr std::string_view name = "link_at";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("directory", &link_at::directory);
    visit("path", &link_at::path);
    visit("to_directory", &link_at::to_directory);
    visit("to_path", &link_at::to_path);
    visit("follow", &link_at::follow);
  }
};

/// Says what a file is. Result: its status.
/// \errors those of statx(2)  \src statx(2)
struct stat_at {
  directory_handle directory = working_directory;  ///< where a relative path starts
  c_path path = {};                                ///< empty: what `directory` itself stands for, of whatever kind; must live until done
  bool follow = true;                              ///< a symbolic link stands for what it leads to
  using result_type = file_status;                 ///< what is known of it
  static constexpr std::string_view name = "stat_at";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("directory", &stat_at::directory);
    visit("path", &stat_at::path);
    visit("follow", &stat_at::follow);
  }
};

/// Reads the next entries of a directory into `buffer`, as many as fit. Result: a view of them, which is at its end when there are no more.
///
/// The system has no asynchronous form. Where a backend has no threads for what may block, it blocks while the directory is fetched
/// from its device.
/// \errors those of getdents64(2), `invalid_argument` if the next entry does not fit  \os a plain call with io_uring  \src getdents64(2)
struct read_directory {
  directory_handle directory = {};                            ///< open for reading
  std::span<std::byte> buffer = {};                           ///< 300 bytes hold any entry; must live as long as what is read is looked at
  using result_type = directory_entries;                      ///< the entries
  static constexpr std::string_view name = "read_directory";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("directory", &read_directory::directory);
    visit("buffer", &read_directory::buffer);
  }
};

}  // namespace op
}  // namespace sluice::inline v0
