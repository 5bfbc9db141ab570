// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Directories with an owner: the names in them, and what is done to those. Layer: io.

#include <sluice/c_path.hpp>
#include <sluice/directory_entries.hpp>
#include <sluice/handle.hpp>
#include <sluice/io/file.hpp>
#include <sluice/io/items.hpp>
#include <sluice/io/object.hpp>
#include <sluice/op/directory.hpp>
#include <sluice/op/file.hpp>
#include <sluice/result.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

namespace sluice::inline v0::io {

/// An open directory. Relative paths given to it start there, wherever it is moved meanwhile; whoever exchanges one of the directories
/// above it leads nobody elsewhere.
/// \src openat(2)
template <class Config>
class basic_directory : public basic_object<Config, directory_handle> {
 public:
  using file_type = basic_file<Config>;  ///< what it opens besides directories
  using basic_object<Config, directory_handle>::basic_object;

  /// Opens a directory; of the flags, `no_follow`, `beneath` and `path_only` make sense here.
  /// \errors those of open(2), `not_a_directory` for one; `operation_canceled`
  [[nodiscard]] static auto open(c_path path, open_flags flags = open_flags::read) noexcept -> result<basic_directory> {
    return open_at(working_directory, path, flags);
  }
  /// The same, a relative path starting from a directory. \errors those of openat(2); `operation_canceled`
  [[nodiscard]] static auto open_at(directory_handle from, c_path path, open_flags flags = open_flags::read) noexcept
      -> result<basic_directory> {
    const auto opened = basic_directory::perform(op::open_at{.directory = from, .path = path, .flags = flags | open_flags::directory});
    if (!opened) return std::unexpected{opened.error()};
    return basic_directory{directory_handle{opened->native()}};
  }

  /// The next name in it, without those of itself and of its parent, in no particular order; nothing at the end. The name is there until
  /// the next call. Whoever begins again opens the directory once more, by a dot from here. One task at a time reads.
  /// \errors those of getdents(2), `not_enough_memory`; `operation_canceled`, after which it goes on where it was; `errc::in_progress`
  /// while another task waits for names
  /// \allocates 16 KiB at the first call
  [[nodiscard]] auto next() noexcept -> result<std::optional<directory_entry>> {
    if (!*this) return closed_already();
    if (!names_.make()) return failure(std::errc::not_enough_memory);
    // This object may be moved, or gone, while it waits.
    const shared_names mine{names_};
    if (mine->is_awaited) return failure(errc::in_progress);
    while (mine->at == directory_entries::iterator{}) {
      mine->is_awaited = true;
      const auto got = basic_directory::perform(op::read_directory{.directory = this->handle(), .buffer = mine->bytes});
      mine->is_awaited = false;
      if (!got) return std::unexpected{got.error()};
      if (mine.is_sole()) return closed_already();
      if (got->is_end()) return std::nullopt;
      mine->at = got->begin();
    }
    const directory_entry one = *mine->at;
    ++mine->at;
    return one;
  }
  /// All that `next` would give, as a range of results: an error is the last one.
  [[nodiscard]] auto entries() noexcept {
    return item_range{[this]() noexcept { return next(); }};
  }

  /// Opens a file in it, or makes one. \errors those of openat(2); `operation_canceled`
  [[nodiscard]] auto open_file(c_path path, open_flags flags = open_flags::read, std::uint32_t mode = 0644) const noexcept
      -> result<file_type> {
    if (!*this) return closed_already();
    return file_type::open_at(this->handle(), path, flags, mode);
  }
  /// Opens a directory in it. \errors those of openat(2); `operation_canceled`
  [[nodiscard]] auto open_directory(c_path path, open_flags flags = open_flags::read) const noexcept -> result<basic_directory> {
    if (!*this) return closed_already();
    return open_at(this->handle(), path, flags);
  }

  /// What is known of it. \errors those of statx(2); `operation_canceled`
  [[nodiscard]] auto stat() const noexcept -> result<file_status> { return stat(c_path{}); }
  /// What is known of something in it; of a symbolic link itself if it is not to be followed. \errors as above
  [[nodiscard]] auto stat(c_path path, bool follow = true) const noexcept -> result<file_status> {
    return here(op::stat_at{.directory = this->handle(), .path = path, .follow = follow});
  }

  /// Makes a directory, with these permissions before the umask. \errors those of mkdirat(2); `operation_canceled`
  auto make(c_path path, std::uint32_t mode = 0755) noexcept -> result<void> {
    return here(op::mkdir_at{.directory = this->handle(), .path = path, .mode = mode});
  }
  /// Removes a name of what is not a directory. \errors those of unlinkat(2); `operation_canceled`
  auto remove(c_path path) noexcept -> result<void> { return here(op::unlink_at{.directory = this->handle(), .path = path}); }
  /// Removes an empty directory. \errors those of unlinkat(2), `directory_not_empty` for one; `operation_canceled`
  auto remove_directory(c_path path) noexcept -> result<void> {
    return here(op::unlink_at{.directory = this->handle(), .path = path, .remove_directory = true});
  }
  /// Gives another name to a file or directory, in one step, and takes the place of what has that name unless told not to.
  /// \errors those of renameat2(2); `file_exists` where it is not to replace; `operation_canceled`
  auto rename(c_path from, c_path to, bool replace = true) noexcept -> result<void> { return rename(from, *this, to, replace); }
  /// The same into another directory of the same file system. \errors as above
  auto rename(c_path from, const basic_directory& there, c_path to, bool replace = true) noexcept -> result<void> {
    if (!there) return closed_already();
    return here(
        op::rename_at{.directory = this->handle(), .path = from, .to_directory = there.handle(), .to_path = to, .replace = replace});
  }
  /// Makes a symbolic link that leads to `target`, as it is written, there or not. \errors those of symlinkat(2); `operation_canceled`
  auto symlink(c_path target, c_path path) noexcept -> result<void> {
    return here(op::symlink_at{.target = target, .directory = this->handle(), .path = path});
  }
  /// Gives a file one more name. \errors those of linkat(2), `file_exists` for one; `operation_canceled`
  auto link(c_path path, c_path to) noexcept -> result<void> { return link(path, *this, to); }
  /// The same in another directory of the same file system. \errors as above
  auto link(c_path path, const basic_directory& there, c_path to) noexcept -> result<void> {
    if (!there) return closed_already();
    return here(op::link_at{.directory = this->handle(), .path = path, .to_directory = there.handle(), .to_path = to});
  }

 private:
  // Outside of the object, so that a move leaves it where the names are seen.
  struct names {
    directory_entries::iterator at;
    std::size_t owners = 1;
    bool is_awaited = false;
    std::byte bytes[16 * std::size_t{1024}];
  };
  // They belong to the object, and to the task that reads them: the system may still write there when the object is gone.
  class shared_names {
   public:
    shared_names() noexcept = default;
    shared_names(const shared_names& other) noexcept : names_{other.names_} {
      if (names_ != nullptr) ++names_->owners;
    }
    shared_names(shared_names&& other) noexcept : names_{std::exchange(other.names_, nullptr)} {}
    auto operator=(shared_names other) noexcept -> shared_names& {
      std::swap(names_, other.names_);
      return *this;
    }
    ~shared_names() {
      if (names_ != nullptr && --names_->owners == 0) delete names_;
    }
    [[nodiscard]] auto operator->() const noexcept -> names* { return names_; }
    [[nodiscard]] auto is_sole() const noexcept -> bool { return names_->owners == 1; }
    // Whether there are some.
    auto make() noexcept -> bool {
      if (names_ == nullptr) names_ = new (std::nothrow) names;
      return names_ != nullptr;
    }

   private:
    names* names_ = nullptr;
  };

  // An absolute path would work without a directory, too, and hide the mistake.
  template <class Op>
  auto here(const Op& one) const noexcept -> result<typename Op::result_type> {
    if (!*this) return closed_already();
    return basic_directory::perform(one);
  }

  shared_names names_;
};

}  // namespace sluice::inline v0::io
