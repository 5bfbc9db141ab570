// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations on files and directories as calls of Linux. A policy's part.

#include <sluice/op/directory.hpp>
#include <sluice/op/file.hpp>
#include <sluice/os/linux_files.hpp>
#include <sluice/os/native_flags.hpp>
#include <sluice/os/native_op.hpp>

#if defined(__linux__)

#include <cstddef>
#include <cstdint>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>

namespace sluice::inline v0::os {

/// \cond
// What each is, native_op.hpp says.

/// \src posix_fadvise(2)
constexpr auto advice_bits(file_advice advice) noexcept -> int {
  switch (advice) {
    case file_advice::sequential: return POSIX_FADV_SEQUENTIAL;
    case file_advice::random: return POSIX_FADV_RANDOM;
    case file_advice::no_reuse: return POSIX_FADV_NOREUSE;
    case file_advice::will_need: return POSIX_FADV_WILLNEED;
    case file_advice::dont_need: return POSIX_FADV_DONTNEED;
    default: return POSIX_FADV_NORMAL;
  }
}

/// \src statx(2)
constexpr auto kind_of_mode(unsigned mode) noexcept -> file_kind {
  switch (mode & S_IFMT) {
    case S_IFREG: return file_kind::regular;
    case S_IFDIR: return file_kind::directory;
    case S_IFLNK: return file_kind::symbolic_link;
    case S_IFIFO: return file_kind::pipe;
    case S_IFSOCK: return file_kind::socket;
    case S_IFCHR: return file_kind::character_device;
    case S_IFBLK: return file_kind::block_device;
    default: return file_kind::unknown;
  }
}

/// A length or offset as the system takes it: one that is larger than any is negative there, and refused.
constexpr auto signed_bytes(std::uint64_t bytes) noexcept -> ::off_t { return static_cast<::off_t>(bytes); }

constexpr auto remove_bits(const op::unlink_at& op) noexcept -> int { return op.remove_directory ? AT_REMOVEDIR : 0; }
constexpr auto rename_bits(const op::rename_at& op) noexcept -> unsigned { return op.replace ? 0U : rename_no_replace; }
constexpr auto link_bits(const op::link_at& op) noexcept -> int { return op.follow ? AT_SYMLINK_FOLLOW : 0; }
constexpr auto allocate_bits(const op::allocate& op) noexcept -> int { return op.keep_size ? FALLOC_FL_KEEP_SIZE : 0; }
inline auto stat_bits(const op::stat_at& op) noexcept -> int {
  return (op.follow ? 0 : AT_SYMLINK_NOFOLLOW) | (*op.path.c_str() == '\0' ? AT_EMPTY_PATH : 0);
}
inline constexpr unsigned stat_mask = STATX_BASIC_STATS | STATX_BTIME;

/// For a path that may not leave its directory. Bits that mean nothing without others are refused there. \src openat2(2)
inline auto open_how_of(const op::open_at& op) noexcept -> ::open_how {
  const int bits = open_bits(op.flags);
  return {.flags = static_cast<std::uint64_t>(bits), .mode = (bits & O_CREAT) != 0 ? op.mode & 07777U : 0U, .resolve = RESOLVE_BENEATH};
}

template <>
struct native_op<op::open_at> : plain_native_op {
  struct kept {
    ::open_how how;
  };

  template <class Os>
  static auto call(const op::open_at& op, kept& keep) noexcept -> int {
    if (!has(op.flags, open_flags::beneath)) return Os::openat(op.directory.native(), op.path.c_str(), open_bits(op.flags), op.mode);
    keep.how = open_how_of(op);
    return Os::openat2(op.directory.native(), op.path.c_str(), &keep.how);
  }
};

template <>
struct native_op<op::truncate> : plain_native_op {
  template <class Os>
  static auto call(const op::truncate& op, kept&) noexcept -> int {
    return Os::ftruncate(op.file.native(), signed_bytes(op.length));
  }
};

template <>
struct native_op<op::allocate> : plain_native_op {
  template <class Os>
  static auto call(const op::allocate& op, kept&) noexcept -> int {
    return Os::fallocate(op.file.native(), allocate_bits(op), signed_bytes(op.offset), signed_bytes(op.length));
  }
};

template <>
struct native_op<op::advise> : plain_native_op {
  template <class Os>
  static auto call(const op::advise& op, kept&) noexcept -> int {
    return Os::fadvise(op.file.native(), signed_bytes(op.offset), signed_bytes(op.length), advice_bits(op.advice));
  }
};

template <>
struct native_op<op::copy_range> : plain_native_op {
  static constexpr std::size_t most = 1U << 20U;  ///< bytes that one call copies

  template <class Os>
  static auto call(const op::copy_range& op, kept&) noexcept -> ssize_t {
    ::off64_t from = signed_bytes(op.offset);
    ::off64_t to = signed_bytes(op.to_offset);
    return Os::copy_file_range(op.file.native(), op.offset == current_position ? nullptr : &from, op.to.native(),
                               op.to_offset == current_position ? nullptr : &to, op.length < most ? op.length : most);
  }
};

template <>
struct native_op<op::rename_at> : plain_native_op {
  template <class Os>
  static auto call(const op::rename_at& op, kept&) noexcept -> int {
    return Os::renameat2(op.directory.native(), op.path.c_str(), op.to_directory.native(), op.to_path.c_str(), rename_bits(op));
  }
};

template <>
struct native_op<op::unlink_at> : plain_native_op {
  template <class Os>
  static auto call(const op::unlink_at& op, kept&) noexcept -> int {
    return Os::unlinkat(op.directory.native(), op.path.c_str(), remove_bits(op));
  }
};

template <>
struct native_op<op::mkdir_at> : plain_native_op {
  template <class Os>
  static auto call(const op::mkdir_at& op, kept&) noexcept -> int {
    return Os::mkdirat(op.directory.native(), op.path.c_str(), op.mode);
  }
};

template <>
struct native_op<op::symlink_at> : plain_native_op {
  template <class Os>
  static auto call(const op::symlink_at& op, kept&) noexcept -> int {
    return Os::symlinkat(op.target.c_str(), op.directory.native(), op.path.c_str());
  }
};

template <>
struct native_op<op::link_at> : plain_native_op {
  template <class Os>
  static auto call(const op::link_at& op, kept&) noexcept -> int {
    return Os::linkat(op.directory.native(), op.path.c_str(), op.to_directory.native(), op.to_path.c_str(), link_bits(op));
  }
};

template <>
struct native_op<op::stat_at> : plain_native_op {
  struct kept {
    struct ::statx facts;
  };

  template <class Os>
  static auto call(const op::stat_at& op, kept& keep) noexcept -> int {
    return Os::statx(op.directory.native(), op.path.c_str(), stat_bits(op), stat_mask, &keep.facts);
  }

  static auto value(const op::stat_at&, const kept& keep, std::int32_t) noexcept -> file_status {
    const auto& from = keep.facts;
    constexpr std::uint64_t block = 512;
    return {.kind = kind_of_mode(from.stx_mode),
            .mode = from.stx_mode & 07777U,
            .size = from.stx_size,
            .room = from.stx_blocks * block,
            .id = from.stx_ino,
            .device = std::uint64_t{from.stx_dev_major} << 32U | from.stx_dev_minor,
            .links = from.stx_nlink,
            .owner = from.stx_uid,
            .group = from.stx_gid,
            .accessed = time_of(from.stx_atime),
            .modified = time_of(from.stx_mtime),
            .changed = time_of(from.stx_ctime),
            .created = (from.stx_mask & STATX_BTIME) != 0 ? time_of(from.stx_btime) : time_point{}};
  }

 private:
  static auto time_of(const ::statx_timestamp& from) noexcept -> time_point {
    constexpr std::int64_t second = 1'000'000'000;
    std::int64_t count = 0;
    if (__builtin_mul_overflow(std::int64_t{from.tv_sec}, second, &count) || __builtin_add_overflow(count, from.tv_nsec, &count))
      return from.tv_sec < 0 ? time_point{INT64_MIN} : time_point::never();
    return time_point{count};
  }
};

template <>
struct native_op<op::read_directory> : plain_native_op {
  template <class Os>
  static auto call(const op::read_directory& op, kept&) noexcept -> ssize_t {
    constexpr std::size_t most = 0x7fff'f000;
    return Os::getdents64(op.directory.native(), op.buffer.data(), op.buffer.size() < most ? op.buffer.size() : most);
  }

  static auto value(const op::read_directory& op, const kept&, std::int32_t raw) noexcept -> directory_entries {
    return directory_entries{op.buffer.first(static_cast<std::size_t>(raw))};
  }
};

/// \endcond

}  // namespace sluice::inline v0::os

#endif
