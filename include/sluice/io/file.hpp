// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Files with an owner. Layer: io.

#include <sluice/buffer.hpp>
#include <sluice/c_path.hpp>
#include <sluice/handle.hpp>
#include <sluice/io/byte_stream.hpp>
#include <sluice/io/object.hpp>
#include <sluice/op/directory.hpp>
#include <sluice/op/file.hpp>
#include <sluice/result.hpp>

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>
#include <system_error>

namespace sluice::inline v0::io {

/// An open file, or whatever else a path leads to. What has no offset in its name reads and writes at the file's own position, which one
/// task at a time moves; what has one leaves the position alone, and any number of tasks may do it at a time.
/// \src open(2)
template <class Config>
class basic_file : public basic_object<Config, file_handle>, public reading<basic_file<Config>>, public writing<basic_file<Config>> {
 public:
  using basic_object<Config, file_handle>::basic_object;
  using writing<basic_file>::write_all;

  /// Opens a file, or makes one where the flags say so; `mode` is what it may then be used for, before the umask.
  /// \errors those of open(2); `operation_canceled`
  [[nodiscard]] static auto open(c_path path, open_flags flags = open_flags::read, std::uint32_t mode = 0644) noexcept
      -> result<basic_file> {
    return open_at(working_directory, path, flags, mode);
  }
  /// The same, a relative path starting from a directory. \errors those of openat(2); `operation_canceled`
  [[nodiscard]] static auto open_at(directory_handle from, c_path path, open_flags flags = open_flags::read,
                                    std::uint32_t mode = 0644) noexcept -> result<basic_file> {
    const auto opened = basic_file::perform(op::open_at{.directory = from, .path = path, .flags = flags, .mode = mode});
    if (!opened) return std::unexpected{opened.error()};
    return basic_file{*opened};
  }

  /// Reads at most `buffer.size()` bytes. Result: bytes read, 0 at the end.
  /// \units bytes  \errors those of read(2); `operation_canceled`
  [[nodiscard]] auto read_some(std::span<std::byte> buffer) noexcept -> result<std::size_t> {
    return basic_file::perform(op::read{.file = this->handle(), .buffer = buffer});
  }
  /// Writes at most `buffer.size()` bytes. Result: bytes written.
  /// \units bytes  \errors those of write(2), `broken_pipe` without a signal; `operation_canceled`
  [[nodiscard]] auto write_some(std::span<const std::byte> buffer) noexcept -> result<std::size_t> {
    return basic_file::perform(op::write{.file = this->handle(), .buffer = buffer});
  }
  /// Writes what the system takes of several pieces, at most 1024 of them. Result: bytes written.
  /// \units bytes  \errors as above; `invalid_argument` for more pieces
  [[nodiscard]] auto write_some(std::span<const const_buffer> pieces) noexcept -> result<std::size_t> {
    return basic_file::perform(op::writev{.file = this->handle(), .buffers = pieces});
  }
  /// Writes several pieces, one after the other, as many at once as the system takes. \errors as above; some may have been written then
  [[nodiscard]] auto write_all(std::span<const const_buffer> pieces) noexcept -> result<void> {
    return write_gathered(*this, pieces, [this](std::span<const const_buffer> some) noexcept { return write_some(some); });
  }

  /// Reads from a place in the file until the buffer is full or the file ends. Result: bytes read; fewer than asked for only at the end.
  /// \units bytes  \errors those of pread(2), `invalid_argument` for a place that no file has; `operation_canceled`
  [[nodiscard]] auto read_at(std::span<std::byte> buffer, std::uint64_t offset) const noexcept -> result<std::size_t> {
    if (offset == current_position) return no_such_place();
    std::size_t have = 0;
    while (have != buffer.size()) {
      const auto got = basic_file::perform(op::read{.file = this->handle(), .buffer = buffer.subspan(have), .offset = offset + have});
      if (!got) return got;
      if (*got == 0) break;
      have += *got;
    }
    return have;
  }
  /// Writes all of it to a place in the file; a gap behind the present end reads as zeros.
  /// \units bytes  \errors those of pwrite(2), `invalid_argument` for a place that no file has; `operation_canceled`; some of the bytes may
  /// have been written then  \os Linux appends, wherever the place is, to a file that was opened with `open_flags::append`
  [[nodiscard]] auto write_at(std::span<const std::byte> buffer, std::uint64_t offset) noexcept -> result<void> {
    if (offset == current_position) return no_such_place();
    while (!buffer.empty()) {
      const auto put = basic_file::perform(op::write{.file = this->handle(), .buffer = buffer, .offset = offset});
      if (!put) return std::unexpected{put.error()};
      if (*put == 0) return failure(std::errc::io_error);
      buffer = buffer.subspan(*put);
      offset += *put;
    }
    return {};
  }

  /// What is known of it. \errors those of statx(2); `operation_canceled`
  [[nodiscard]] auto stat() const noexcept -> result<file_status> {
    if (!*this) return closed_already();
    // An empty path: what the handle itself stands for, whatever its kind.
    return basic_file::perform(op::stat_at{.directory = directory_handle{this->handle().native()}});
  }
  /// Its length; 0 for a device. \units bytes  \errors as above
  [[nodiscard]] auto size() const noexcept -> result<std::uint64_t> {
    const auto about = stat();
    if (!about) return std::unexpected{about.error()};
    return about->size;
  }
  /// Makes it longer, by zeros, or shorter. The position stays. \units bytes  \errors those of ftruncate(2); `operation_canceled`
  auto truncate(std::uint64_t length) noexcept -> result<void> {
    return basic_file::perform(op::truncate{.file = this->handle(), .length = length});
  }
  /// Reserves room on the device, so that later writes there do not fail for want of it. The file grows to hold it unless told to keep its
  /// size.
  /// \units bytes  \errors those of fallocate(2), `no_space_on_device`, `not_supported` by some file systems; `operation_canceled`
  auto allocate(std::uint64_t offset, std::uint64_t length, bool keep_size = false) noexcept -> result<void> {
    return basic_file::perform(op::allocate{.file = this->handle(), .offset = offset, .length = length, .keep_size = keep_size});
  }
  /// Brings what was written to the device; `data_only` leaves out what is not needed to read the data back.
  /// \errors those of fsync(2), what could not be written earlier among them; `operation_canceled`
  auto sync(bool data_only = false) noexcept -> result<void> {
    return basic_file::perform(op::fsync{.file = this->handle(), .data_only = data_only});
  }
  /// Says what a part of it, as a rule all, is going to be used for. A hint: nothing but speed depends on it.
  /// \units bytes  \errors those of posix_fadvise(2); `operation_canceled`
  auto advise(file_advice advice, std::uint64_t offset = 0, std::uint64_t length = 0) noexcept -> result<void> {
    return basic_file::perform(op::advise{.file = this->handle(), .offset = offset, .length = length, .advice = advice});
  }

 private:
  // The number stands for the file's own position elsewhere.
  static auto no_such_place() noexcept -> std::unexpected<std::error_code> { return failure(std::errc::invalid_argument); }
};

}  // namespace sluice::inline v0::io
