// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Changes of files, told by the system: a descriptor that an ordinary read operation waits on.

#include <sluice/handle.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <sys/inotify.h>
#include <unistd.h>

namespace support {

/// One inotify instance. Where there is none, or no room for a watch, the numbers are -1, and whoever wants to know has to look.
class watches {
 public:
  static constexpr int none = -1;

  watches() = default;
  explicit watches(bool wanted) : native_{wanted ? ::inotify_init1(IN_CLOEXEC) : none} {}
  watches(const watches&) = delete;
  auto operator=(const watches&) -> watches& = delete;
  ~watches() {
    if (native_ >= 0) ::close(native_);
  }

  /// What to read from.
  [[nodiscard]] auto handle() const noexcept -> sluice::file_handle { return sluice::file_handle{native_}; }

  /// Watches what is open, whatever name it has: for content, and for the loss of its name.
  auto add(sluice::file_handle file) -> int {
    const std::string path = "/proc/self/fd/" + std::to_string(file.native());
    return ::inotify_add_watch(native_, path.c_str(), IN_MODIFY | IN_ATTRIB | IN_MOVE_SELF | IN_DELETE_SELF);
  }
  /// Watches for names that appear in a directory.
  auto add_names(const std::string& directory) -> int {
    return ::inotify_add_watch(native_, directory.c_str(), IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
  }
  void remove(int watch) {
    if (watch != none) ::inotify_rm_watch(native_, watch);
  }

  struct event {
    int watch;              ///< `none`: some were lost
    bool ended;             ///< the watch is no longer one
    std::string_view name;  ///< of what appeared in a directory
  };

  /// Calls `take` with each event in what was read.
  template <class Take>
  static void for_each(std::span<const std::byte> read, Take&& take) {
    while (read.size() >= sizeof(::inotify_event)) {
      ::inotify_event head;
      std::memcpy(&head, read.data(), sizeof(head));
      const auto* const name = reinterpret_cast<const char*>(read.data() + sizeof(head));
      take(event{
          .watch = head.wd, .ended = (head.mask & IN_IGNORED) != 0, .name = head.len != 0 ? std::string_view{name} : std::string_view{}});
      read = read.subspan(sizeof(head) + head.len);
    }
  }

 private:
  int native_ = none;
};

}  // namespace support
