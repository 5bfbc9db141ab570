// SPDX-License-Identifier: MIT
// file_copy SRC... DEST: copies regular files to a file or into a directory.
//
// Several files are copied at a time, and several blocks of each: every block is a task with a loop of read and write,
// and all that these tasks have to say to the kernel goes there together.
//
// A copy has its final name only once it is complete: it is written under a temporary name in the same directory, brought
// to the device, then renamed. ^C cancels what is in flight, and the temporary files are removed. A file or a link that had
// the name before is replaced.

#include "support/owned.hpp"
#include "support/progress.hpp"
#include <sluice/sluice.hpp>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include <sys/stat.h>
#include <unistd.h>

namespace {

namespace fs = std::filesystem;
namespace op = sluice::op;

struct app : sluice::config<> {};  // every default
using coro = sluice::coro_of<app>;
using owned_file = support::owned_file<coro>;
using status = sluice::result<void>;
using support::progress;

constexpr std::size_t files_at_once = 8;
constexpr std::size_t blocks_at_once = 8;
constexpr std::size_t block_bytes = 128 * 1024;

struct work {
  fs::path from;
  fs::path to;
};

auto failure_of(int number) -> std::unexpected<std::error_code> { return std::unexpected{std::error_code{number, std::system_category()}}; }

// Both transfer less than they are asked for whenever the system likes; only zero bytes are the end.
auto read_whole(sluice::file_handle file, std::span<std::byte> buffer, std::uint64_t offset) -> sluice::result<std::size_t> {
  std::size_t have = 0;
  while (have != buffer.size()) {
    const auto read = coro::io(op::read{.file = file, .buffer = buffer.subspan(have), .offset = offset + have});
    if (!read) return read;
    if (*read == 0) break;
    have += *read;
  }
  return have;
}

auto write_whole(sluice::file_handle file, std::span<const std::byte> bytes, std::uint64_t offset) -> status {
  while (!bytes.empty()) {
    const auto written = coro::io(op::write{.file = file, .buffer = bytes, .offset = offset});
    if (!written) return std::unexpected{written.error()};
    if (*written == 0) return failure_of(EIO);
    bytes = bytes.subspan(*written);
    offset += *written;
  }
  return {};
}

struct transfer {
  sluice::file_handle from;
  sluice::file_handle to;
  std::uint64_t next = 0;  // the first byte that nobody copies yet
};

// Takes the next block until there is none. Tasks of one scheduler take turns only where they wait: `next` needs no lock.
auto copy_blocks(transfer& file, std::size_t bytes, progress& so_far) -> status {
  const auto memory = std::make_unique_for_overwrite<std::byte[]>(bytes);
  const std::span buffer{memory.get(), bytes};
  for (;;) {
    const std::uint64_t offset = std::exchange(file.next, file.next + bytes);
    const auto read = read_whole(file.from, buffer, offset);
    if (!read) return std::unexpected{read.error()};
    if (*read == 0) return {};
    if (auto written = write_whole(file.to, buffer.first(*read), offset); !written) return written;
    so_far.bytes += *read;
  }
}

// A file under a name that nobody looks for. Unless it is renamed it is gone with this object.
class temporary {
 public:
  explicit temporary(const fs::path& target) : path_{target} {
    static unsigned count = 0;
    path_.replace_filename("." + target.filename().string().substr(0, 200) + "." + std::to_string(::getpid()) + "-" +
                           std::to_string(++count) + ".part");
  }
  temporary(const temporary&) = delete;
  auto operator=(const temporary&) -> temporary& = delete;
  ~temporary() {
    if (exists_) ::unlink(path_.c_str());
  }

  auto open() -> sluice::result<sluice::file_handle> {
    using enum sluice::open_flags;
    const auto opened = coro::io(op::open_at{.path = path_, .flags = write | create | exclusive, .mode = 0600});
    exists_ = opened.has_value();
    return opened;
  }
  auto rename_to(const fs::path& target) -> status {
    if (::rename(path_.c_str(), target.c_str()) != 0) return failure_of(errno);
    exists_ = false;
    return {};
  }

 private:
  fs::path path_;
  bool exists_ = false;
};

auto copy_file(const work& one, progress& so_far) -> status {
  const auto opened = coro::io(op::open_at{.path = one.from});
  if (!opened) return std::unexpected{opened.error()};
  const owned_file source{*opened};
  struct ::stat about{};
  if (::fstat(source.get().native(), &about) != 0) return failure_of(errno);

  temporary copy{one.to};
  const auto made = copy.open();
  if (!made) return std::unexpected{made.error()};
  owned_file target{*made};

  transfer file{.from = source.get(), .to = target.get()};
  const auto size = static_cast<std::uint64_t>(about.st_size);
  const auto bytes = static_cast<std::size_t>(std::clamp<std::uint64_t>(size, 4096, block_bytes));
  {
    coro::scope lanes;  // one that fails ends the others
    const auto wanted = std::clamp<std::uint64_t>((size + bytes - 1) / bytes, 1, blocks_at_once);
    for (std::uint64_t i = 0; i < wanted; ++i) lanes.spawn(copy_blocks, std::ref(file), bytes, std::ref(so_far));
    if (auto done = lanes.join(); !done) return done;
  }

  if (::fchmod(target.get().native(), about.st_mode & 07777) != 0) return failure_of(errno);
  // Linked: closed when it is on the device. A close may bring an error of its own, and is never skipped.
  const auto handle = target.release();
  const auto [synced, closed] = coro::io(op::soft(op::fsync{.file = handle}), op::close_file{.file = handle});
  if (!synced) return synced;
  if (!closed) return closed;
  return copy.rename_to(one.to);
}

auto copy_all(const std::vector<work>& all, const fs::path& folder, progress& so_far) -> status {
  coro::scope display;
  if (::isatty(STDERR_FILENO) == 1) display.spawn([&] { support::show_progress<coro>([&] { return so_far; }); });
  {
    std::size_t next = 0;
    coro::scope workers{{.on_failure = sluice::on_failure::keep}};
    for (std::size_t i = 0; i < std::min(files_at_once, all.size()); ++i) {
      workers.spawn([&] {
        while (next < all.size() && !coro::this_task::cancelled()) {
          const work& one = all[next++];
          const auto copied = copy_file(one, so_far);
          if (copied) {
            ++so_far.files;
          } else if (copied.error() != std::errc::operation_canceled) {
            ++so_far.failed;
            std::fprintf(stderr, "file_copy: %s to %s: %s\n", one.from.c_str(), one.to.c_str(), copied.error().message().c_str());
          }
        }
      });
    }
    if (auto done = workers.join(); !done) return done;
  }
  display.cancel();
  if (auto shown = display.join(); !shown) return shown;
  if (coro::this_task::cancelled()) return failure_of(ECANCELED);

  if (so_far.files == 0) return {};
  // The new names are on the device when their directory is.
  const auto opened = coro::io(op::open_at{.path = folder, .flags = sluice::open_flags::read | sluice::open_flags::directory});
  if (!opened) return std::unexpected{opened.error()};
  const owned_file names{*opened};
  return coro::io(op::fsync{.file = names.get()});
}

// What is to be copied where; says what is wrong and gives nothing if that is not clear.
auto plan(std::span<char* const> sources, const fs::path& target, progress& so_far) -> std::vector<work> {
  std::vector<work> all;
  std::set<fs::path> taken;
  std::error_code error;
  const bool into = fs::is_directory(target, error);  // one that cannot be looked at says why when it is written
  const auto refuse = [](const fs::path& which, const char* why) {
    std::fprintf(stderr, "file_copy: %s: %s\n", which.c_str(), why);
    return std::vector<work>{};
  };
  if (!into && sources.size() > 1) return refuse(target, "is not a directory");
  for (const fs::path from : sources) {
    const auto kind = fs::status(from, error);
    if (!fs::exists(kind)) return refuse(from, "does not exist");
    if (!fs::is_regular_file(kind)) return refuse(from, "is not a regular file");
    const fs::path to = into ? target / from.filename() : target;
    if (fs::equivalent(from, to, error)) return refuse(from, "is the same file as its copy");
    if (!taken.insert(to).second) return refuse(to, "would be written twice");
    so_far.total += fs::file_size(from, error);
    all.push_back({.from = from, .to = to});
  }
  return all;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: file_copy SRC... DEST\n");
    return 2;
  }
  progress so_far;
  const fs::path target = argv[argc - 1];
  const auto all = plan({argv + 1, argv + argc - 1}, target, so_far);
  if (all.empty()) return 1;
  const fs::path folder = all.front().to.has_parent_path() ? all.front().to.parent_path() : fs::path{"."};
  return coro::main([&]() -> sluice::result<int> {
    const auto copied = copy_all(all, folder, so_far);
    if (copied) return so_far.failed == 0 ? 0 : 1;
    if (copied.error() != std::errc::operation_canceled) return std::unexpected{copied.error()};
    std::fprintf(stderr, "file_copy: interrupted; %zu of %zu files are complete\n", so_far.files, all.size());
    return 130;
  });
}
