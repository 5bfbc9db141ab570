// SPDX-License-Identifier: MIT
#pragma once
/// @file What the programs of the bench `file` share: a file of blocks, and which of them are read.

#include <bench/support/net.hpp>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>

#include <fcntl.h>
#include <unistd.h>

namespace bench {

/// What one read takes.
inline constexpr std::size_t block_bytes = 4096;
/// What the file holds: far more than a processor's caches, far less than the page cache.
inline constexpr std::uint64_t blocks = 16'384;

/// Blocks as reads past the page cache need them.
struct alignas(block_bytes) block {
  std::byte bytes[block_bytes];
};

/// A file without a name on a disk, each block of which begins with its own number.
class file {
 public:
  /// `direct` goes past the page cache.
  explicit file(bool direct) : descriptor_{must(::open("/var/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600), "/var/tmp")} {
    const auto one = std::make_unique<block>();
    for (std::uint64_t i = 0; i < blocks; ++i) {
      *reinterpret_cast<std::uint64_t*>(one->bytes) = i;
      if (::pwrite(descriptor_, one.get(), block_bytes, static_cast<off_t>(i * block_bytes)) != ssize_t{block_bytes}) give_up("pwrite");
    }
    if (!direct) return;
    must(::fsync(descriptor_), "fsync");
    char name[32];
    std::snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor_);
    const int past = ::open(name, O_RDONLY | O_DIRECT | O_CLOEXEC);
    if (past < 0 && errno == EINVAL) impossible("the file system of /var/tmp knows no O_DIRECT");
    must(past, "O_DIRECT");
    ::close(descriptor_);
    descriptor_ = past;
  }
  file(const file&) = delete;
  auto operator=(const file&) -> file& = delete;
  ~file() { ::close(descriptor_); }

  [[nodiscard]] auto descriptor() const noexcept -> int { return descriptor_; }

 private:
  int descriptor_;
};

/// Blocks in no order, the same for every subject.
class block_numbers {
 public:
  auto next() noexcept -> std::uint64_t {
    state_ = state_ * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    return (state_ >> 40U) % blocks;
  }

 private:
  std::uint64_t state_ = 1;
};

/// Ends the program unless the block is the one that was asked for.
inline void expect(const block& here, std::uint64_t number) {
  if (*reinterpret_cast<const std::uint64_t*>(here.bytes) == number) return;
  std::fprintf(stderr, "another block was read\n");
  std::exit(1);
}

/// The cases: from where, and how many reads are in flight. The file is made while a case warms up.
template <class Cases, class Body>
void run_file_cases(Cases& cases, Body body) {
  std::optional<file> cached;
  std::optional<file> direct;
  const auto run = [&](const char* name, std::optional<file>& from, bool past, unsigned depth, std::uint64_t ops) {
    cases.run(name, ops, depth, depth, [&](std::uint64_t reads) {
      if (!from) from.emplace(past);
      body(from->descriptor(), depth, reads);
    });
  };
  run("from=cache depth=1", cached, false, 1, 2'000'000);
  run("from=cache depth=32", cached, false, 32, 2'000'000);
  run("from=disk depth=1", direct, true, 1, 20'000);
  run("from=disk depth=32", direct, true, 32, 100'000);
}

}  // namespace bench
