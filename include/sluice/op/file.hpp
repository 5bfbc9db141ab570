// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations on files and what looks like one. Layer: op.

#include <sluice/bitmask.hpp>
#include <sluice/buffer.hpp>
#include <sluice/c_path.hpp>
#include <sluice/handle.hpp>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace sluice::inline v0 {

/// How a file is opened. What is opened is close-on-exec unless `inherit` is set.
/// \src open(2)
enum class open_flags : std::uint32_t {
  read = 1U << 0U,           ///< for reading
  write = 1U << 1U,          ///< for writing
  create = 1U << 2U,         ///< made if it does not exist, with `.mode`
  exclusive = 1U << 3U,      ///< with `create`: an error if it exists
  truncate = 1U << 4U,       ///< emptied
  append = 1U << 5U,         ///< every write goes to the end
  directory = 1U << 6U,      ///< an error unless it is a directory
  no_follow = 1U << 7U,      ///< an error if the last part is a symbolic link
  direct = 1U << 8U,         ///< past the page cache, with aligned buffers
  sync = 1U << 9U,           ///< a write is done when it is on the device
  data_sync = 1U << 10U,     ///< as `sync`, for the data alone
  non_blocking = 1U << 11U,  ///< do not wait for the other end of a FIFO or a device
  path_only = 1U << 12U,     ///< names the place only, no access to the content
  inherit = 1U << 13U,       ///< stays open in a program that this one executes
  beneath = 1U << 14U,       ///< an error (`cross_device_link`) if the path leads out of the directory that it starts from, by links too
};
/// Bits.
template <>
inline constexpr bool is_bitmask<open_flags> = true;

/// What a program is going to do with a part of a file.
/// \src posix_fadvise(2)
enum class file_advice : std::uint8_t {
  normal,      ///< nothing special
  sequential,  ///< to read it from its start to its end
  random,      ///< to read here and there
  no_reuse,    ///< to read it once
  will_need,   ///< to read it soon: may be fetched now
  dont_need,   ///< nothing any more: may be dropped from memory
};

/// Where relative paths start unless said otherwise: the working directory.
inline constexpr directory_handle working_directory{-100};

namespace op {

/// Does nothing, through the whole machinery. Result: nothing.
struct nop {
  using result_type = void;                        ///< nothing
  static constexpr std::string_view name = "nop";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&&) {}
};

/// Reads at most `buffer.size()` bytes. Result: bytes read, 0 at the end.
/// \units bytes  \errors those of read(2); `operation_canceled`  \src read(2), pread(2)
struct read {
  file_handle file = {};                            ///< open for reading
  std::span<std::byte> buffer = {};                 ///< filled from its start; must live until done
  std::uint64_t offset = current_position;          ///< where to read, in bytes from the start
  using result_type = std::size_t;                  ///< bytes
  static constexpr std::string_view name = "read";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("file", &read::file);
    visit("buffer", &read::buffer);
    visit("offset", &read::offset);
  }
};

/// Writes at most `buffer.size()` bytes; fewer is no error. Result: bytes written.
/// \units bytes  \errors those of write(2), `broken_pipe` without a signal; `operation_canceled`  \src write(2), pwrite(2)
struct write {
  file_handle file = {};                             ///< open for writing
  std::span<const std::byte> buffer = {};            ///< must live, unchanged, until done
  std::uint64_t offset = current_position;           ///< where to write, in bytes from the start
  using result_type = std::size_t;                   ///< bytes
  static constexpr std::string_view name = "write";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("file", &write::file);
    visit("buffer", &write::buffer);
    visit("offset", &write::offset);
  }
};

/// Reads into several buffers, one after the other. Result: bytes read, 0 at the end.
/// \units bytes  \errors those of readv(2), `invalid_argument` for more than 1024 buffers  \src preadv(2)
struct readv {
  file_handle file = {};                             ///< open for reading
  std::span<const mutable_buffer> buffers = {};      ///< at most 1024; the array and the bytes must live until done
  std::uint64_t offset = current_position;           ///< where to read, in bytes from the start
  using result_type = std::size_t;                   ///< bytes
  static constexpr std::string_view name = "readv";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("file", &readv::file);
    visit("buffers", &readv::buffers);
    visit("offset", &readv::offset);
  }
};

/// Writes several buffers, one after the other; fewer bytes than given is no error. Result: bytes written.
/// \units bytes  \errors those of writev(2), `invalid_argument` for more than 1024 buffers  \src pwritev(2)
struct writev {
  file_handle file = {};                              ///< open for writing
  std::span<const const_buffer> buffers = {};         ///< at most 1024; the array and the bytes must live until done
  std::uint64_t offset = current_position;            ///< where to write, in bytes from the start
  using result_type = std::size_t;                    ///< bytes
  static constexpr std::string_view name = "writev";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("file", &writev::file);
    visit("buffers", &writev::buffers);
    visit("offset", &writev::offset);
  }
};

/// Brings what was written to the device. Result: nothing.
/// \errors those of fsync(2)  \src fsync(2), fdatasync(2)
struct fsync {
  file_handle file = {};                             ///< any open file
  bool data_only = false;                            ///< leaves out what is not needed to read the data back
  using result_type = void;                          ///< nothing
  static constexpr std::string_view name = "fsync";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("file", &fsync::file);
    visit("data_only", &fsync::data_only);
  }
};

/// Opens or makes a file, or opens a directory. Result: the handle, which the caller closes; that of a directory is
/// `directory_handle{opened.native()}`.
/// \errors those of openat(2); with `beneath` `cross_device_link`, and `resource_unavailable_try_again` if a directory on the way was
/// renamed meanwhile  \src openat(2), openat2(2)
struct open_at {
  directory_handle directory = working_directory;      ///< where a relative path starts
  c_path path = {};                                    ///< must live until done
  open_flags flags = open_flags::read;                 ///< how
  std::uint32_t mode = 0644;                           ///< permissions of a file that is made, before the umask
  using result_type = file_handle;                     ///< the new handle
  static constexpr std::string_view name = "open_at";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("directory", &open_at::directory);
    visit("path", &open_at::path);
    visit("flags", &open_at::flags);
    visit("mode", &open_at::mode);
  }
};

/// Makes a file longer, by zeros, or shorter. Result: nothing.
/// \units bytes  \errors those of ftruncate(2)  \os a plain call before Linux 6.9  \src ftruncate(2)
struct truncate {
  file_handle file = {};                                ///< open for writing
  std::uint64_t length = 0;                             ///< what is left of it, or what it grows to
  using result_type = void;                             ///< nothing
  static constexpr std::string_view name = "truncate";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("file", &truncate::file);
    visit("length", &truncate::length);
  }
};

/// Reserves room on the device, so that later writes there do not fail for want of it. Result: nothing.
/// \units bytes  \errors those of fallocate(2), `no_space_on_device`, `not_supported` by some file systems  \src fallocate(2)
struct allocate {
  file_handle file = {};                                ///< open for writing
  std::uint64_t offset = 0;                             ///< from here
  std::uint64_t length = 0;                             ///< so much; not 0
  bool keep_size = false;                               ///< the file does not grow, only its room does
  using result_type = void;                             ///< nothing
  static constexpr std::string_view name = "allocate";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("file", &allocate::file);
    visit("offset", &allocate::offset);
    visit("length", &allocate::length);
    visit("keep_size", &allocate::keep_size);
  }
};

/// Says what a part of a file is going to be used for. A hint: nothing but speed depends on it. Result: nothing.
/// \units bytes  \errors those of posix_fadvise(2)  \os a plain call for more than 4 GiB  \src posix_fadvise(2)
struct advise {
  file_handle file = {};                              ///< any open file
  std::uint64_t offset = 0;                           ///< from here
  std::uint64_t length = 0;                           ///< so much; 0: to the end
  file_advice advice = file_advice::normal;           ///< what for
  using result_type = void;                           ///< nothing
  static constexpr std::string_view name = "advise";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("file", &advise::file);
    visit("offset", &advise::offset);
    visit("length", &advise::length);
    visit("advice", &advise::advice);
  }
};

/// Copies bytes from one regular file to another, or within one, without passing them through the program; file systems that can share the
/// data do. Result: bytes copied, 0 at the end of the source.
///
/// One call copies at most 1 MiB, so that whoever makes it is not held up for long: the system has no asynchronous form.
/// \units bytes  \errors those of copy_file_range(2), `invalid_argument` for what is not a regular file  \os always a plain call
/// \src copy_file_range(2)
struct copy_range {
  file_handle file = {};                                  ///< read
  std::uint64_t offset = current_position;                ///< where to read
  file_handle to = {};                                    ///< written; not closed before this is done
  std::uint64_t to_offset = current_position;             ///< where to write
  std::size_t length = 0;                                 ///< at most so many
  using result_type = std::size_t;                        ///< bytes
  static constexpr bool moves_bytes = true;               ///< fewer than `.length` break a soft link
  static constexpr std::string_view name = "copy_range";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("file", &copy_range::file);
    visit("offset", &copy_range::offset);
    visit("to", &copy_range::to);
    visit("to_offset", &copy_range::to_offset);
    visit("length", &copy_range::length);
  }
};

/// Closes a file: first cancels this ring's operations on it, is done after them, and is never skipped. Result: nothing.
/// \errors those of close(2); the handle is gone in any case  \src close(2)
struct close_file {
  file_handle file = {};                                  ///< gives up its number
  using result_type = void;                               ///< nothing
  static constexpr bool closes_handle = true;             ///< never skipped, never cancelled
  static constexpr std::string_view name = "close_file";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) { visit("file", &close_file::file); }
};

}  // namespace op
}  // namespace sluice::inline v0
