// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A fixture that looks at what a case leaves behind: descriptors, threads, mappings of rings, memory.

#include <sluice/detail/sanitizer.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <string>
#include <system_error>
#include <thread>

#include <malloc.h>
#include <unistd.h>

namespace support {

/// What the process has at a moment.
struct possessions {
  std::map<std::string, std::string> descriptors;  ///< by number, what each is
  std::size_t threads = 0;                         ///< but for the kernel's own, which work for rings and end when they like
  std::size_t rings = 0;                           ///< mappings of rings
  std::size_t allocated = 0;                       ///< bytes from malloc

  static auto now() -> possessions {
    namespace files = std::filesystem;
    possessions seen;
    std::error_code gone;
    for (const auto& entry : files::directory_iterator{"/proc/self/fd"}) {
      const auto target = files::read_symlink(entry.path(), gone);
      if (!gone && target.native().find("/fd") == std::string::npos) seen.descriptors[entry.path().filename()] = target;
    }
    for (const auto& entry : files::directory_iterator{"/proc/self/task"}) {
      std::string name;
      if (std::getline(std::ifstream{entry.path() / "comm"}, name) && !name.starts_with("iou-")) ++seen.threads;
    }
    std::ifstream maps{"/proc/self/maps"};
    for (std::string line; std::getline(maps, line);)
      if (line.find("[io_uring]") != std::string::npos) ++seen.rings;
    seen.allocated = ::mallinfo2().uordblks;
    return seen;
  }
};

/// A case, or all cases of a suite, must leave what they found. Where the allocator does not count (under sanitizers, whose own leak check
/// does) memory is not looked at.
class leftovers {
 public:
  leftovers() : before_{possessions::now()} {}
  leftovers(const leftovers&) = delete;
  auto operator=(const leftovers&) -> leftovers& = delete;
  ~leftovers() {
    auto after = possessions::now();
    // A thread that was joined may be listed a moment longer, and the kernel takes a ring's mappings down in its own time.
    for (int i = 0; i < 200 && !is_left_as_found(after); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
      after = possessions::now();
    }
    for (const auto& [number, what] : after.descriptors) {
      const auto found = before_.descriptors.find(number);
      BOOST_TEST((found != before_.descriptors.end()), "descriptor " << number << " is left: " << what);
    }
    for (const auto& [number, what] : before_.descriptors)
      BOOST_TEST(after.descriptors.contains(number), "descriptor " << number << " is gone: " << what);
    // The thread sanitizer starts one of its own when it likes.
    if (!sluice::detail::thread_sanitizer)
      BOOST_TEST(after.threads == before_.threads, "threads: " << before_.threads << " before, " << after.threads << " after");
    BOOST_TEST(after.rings == before_.rings, "mappings of rings: " << before_.rings << " before, " << after.rings << " after");
    const auto more = after.allocated > before_.allocated ? after.allocated - before_.allocated : 0;
    if (std::getenv("SLUICE_SHOW_MEMORY") != nullptr) BOOST_TEST_MESSAGE(more << " bytes more than before");
    BOOST_TEST(more < tolerated, more << " bytes more are allocated than before");
  }

 private:
  // What libraries allocate once, and the test framework for what it has to say.
  static constexpr std::size_t tolerated = 96 * 1024;

  [[nodiscard]] auto is_left_as_found(const possessions& after) const -> bool {
    return (after.threads == before_.threads || sluice::detail::thread_sanitizer) && after.rings == before_.rings &&
           after.descriptors.size() == before_.descriptors.size();
  }

  possessions before_;
};

}  // namespace support
