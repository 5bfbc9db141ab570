// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A file on which calls wait and nothing interrupts them, for as long as a test likes.

#include <support/descriptors.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace support {

/// Whoever changes the length of the file waits, in the kernel and deaf to signals, until `release`: a thread is in the middle of a write
/// to it and waits for memory that a userfaultfd(2) of ours holds back. That needs rights which not every process has.
class held_file {
 public:
  /// Whether this process may hold memory back.
  static auto possible() -> bool {
    static const bool known = [] {
      const descriptor probe{open_faults()};
      return probe.get() >= 0;
    }();
    return known;
  }

  held_file() : file_{temporary_file()}, faults_{open_faults()} {
    BOOST_REQUIRE(faults_.get() >= 0);
    memory_ = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    BOOST_REQUIRE(memory_ != MAP_FAILED);
    ::uffdio_register region{.range = {.start = address(), .len = bytes}, .mode = UFFDIO_REGISTER_MODE_MISSING, .ioctls = 0};
    BOOST_REQUIRE(::ioctl(faults_.get(), UFFDIO_REGISTER, &region) == 0);
    writer_ = std::thread{[this] { (void)!::write(file_.get(), memory_, bytes); }};
    // Its fault is the sign that it is in the middle.
    BOOST_REQUIRE(readable(faults_.get(), 10'000));
    // It goes to sleep right after it has told of it.
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
    deaf_before_ = deaf_threads();
  }
  held_file(const held_file&) = delete;
  auto operator=(const held_file&) -> held_file& = delete;
  ~held_file() {
    release();
    ::munmap(memory_, bytes);
  }

  /// Comes back when so many threads of this process, the kernel's workers among them, are in a call that waits for the file.
  void await_callers(std::size_t count = 1) const {
    const auto limit = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    for (auto earlier = deaf_threads();;) {
      // For a moment threads are deaf for other reasons, too.
      std::this_thread::sleep_for(std::chrono::milliseconds{3});
      auto now = deaf_threads();
      std::size_t callers = 0;
      for (const auto& one : now)
        if (earlier.contains(one) && !deaf_before_.contains(one)) ++callers;
      if (callers >= count) return;
      BOOST_REQUIRE(std::chrono::steady_clock::now() < limit);
      earlier = std::move(now);
    }
  }

  /// Lets everybody go on; from any thread, once.
  void release() {
    if (!writer_.joinable()) return;
    ::uffdio_zeropage zeros{.range = {.start = address(), .len = bytes}, .mode = 0, .zeropage = 0};
    (void)::ioctl(faults_.get(), UFFDIO_ZEROPAGE, &zeros);
    writer_.join();
  }

  [[nodiscard]] auto file() const noexcept -> sluice::file_handle { return file_.file(); }

 private:
  static constexpr std::size_t bytes = 4096;

  /// Threads that sleep and hear no signal, by number.
  static auto deaf_threads() -> std::set<std::string> {
    std::set<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator{"/proc/self/task"}) {
      std::string line;
      std::getline(std::ifstream{entry.path() / "stat"}, line);
      const auto end = line.rfind(')');
      if (end != std::string::npos && line.size() > end + 2 && line[end + 2] == 'D') found.insert(entry.path().filename());
    }
    return found;
  }

  static auto open_faults() -> int {
    const auto made = static_cast<int>(::syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK));
    if (made < 0) return -1;
    ::uffdio_api wanted{.api = UFFD_API, .features = 0, .ioctls = 0};
    if (::ioctl(made, UFFDIO_API, &wanted) == 0) return made;
    ::close(made);
    return -1;
  }
  [[nodiscard]] auto address() const noexcept -> std::uint64_t { return reinterpret_cast<std::uintptr_t>(memory_); }

  descriptor file_;
  descriptor faults_;
  void* memory_ = nullptr;
  std::set<std::string> deaf_before_;
  std::thread writer_;
};

}  // namespace support
