// SPDX-License-Identifier: MIT
// tree [--summary] [--null] [--jobs N] [--verbose] [ROOT...]: everything below some directories, with kind and size, in the order of names.
//
// Directories are read several at a time, and all the names that one read gives are asked about in one submission. A directory is opened
// from the handle of the one that holds it, never by its whole path: so nothing is too deep, and nobody who exchanges a directory for a
// link meanwhile leads the walk elsewhere. The deepest one that is known is read first, which keeps the handles few.
//
// Symbolic links are told, not followed. What cannot be read is told, counted, and makes the exit code 1. A file with several names is
// listed under each but its bytes are counted once; a directory that holds itself, by a mount, is not entered again.

#include "support/limits.hpp"
#include "support/number.hpp"
#include "support/output.hpp"
#include "support/owned.hpp"
#include <sluice/sluice.hpp>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <memory>
#include <optional>
#include <ranges>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <getopt.h>

namespace {

namespace op = sluice::op;
using sluice::file_kind;
using status = sluice::result<void>;

struct uring_app : sluice::config<sluice::backend::io_uring<>> {};
struct epoll_app : sluice::config<sluice::backend::epoll<>> {};

struct request {
  std::vector<std::string> roots;
  std::uint16_t jobs = 16;
  bool summary = false;
  bool null = false;
  bool verbose = false;
};

struct directory;

struct entry {
  std::string name;
  file_kind kind = file_kind::unknown;
  std::uint64_t size = 0;
  std::error_code error;        // why nothing is known of it
  directory* inside = nullptr;  // what it holds, if it is one
};

auto letter_of(file_kind kind) -> char {
  switch (kind) {
    case file_kind::regular: return 'f';
    case file_kind::directory: return 'd';
    case file_kind::symbolic_link: return 'l';
    case file_kind::pipe: return 'p';
    case file_kind::socket: return 's';
    case file_kind::character_device: return 'c';
    case file_kind::block_device: return 'b';
    case file_kind::unknown: break;
  }
  return '?';
}

// One line stays one line, and a terminal gets no orders: what a name must not do is written as C writes it.
void append_printable(std::string& out, std::string_view name) {
  for (const char one : name) {
    const auto byte = static_cast<unsigned char>(one);
    if (byte >= 0x20 && byte != 0x7f && one != '\\') {
      out.push_back(one);
      continue;
    }
    const char digits[] = {'\\', static_cast<char>('0' + (byte >> 6U)), static_cast<char>('0' + (byte >> 3U & 7U)),
                           static_cast<char>('0' + (byte & 7U))};
    out.append(one == '\n' ? "\\n" : one == '\\' ? "\\\\" : std::string_view{digits, sizeof(digits)});
  }
}

// A directory that was found, and what is in it once it was read. All of them live until the end, so that none owns another: the end of a
// deep tree would need a deep stack.
struct directory {
  directory* parent = nullptr;
  const entry* self = nullptr;  // in its parent, once that is complete
  std::uint64_t device = 0;
  std::uint64_t id = 0;
  std::vector<entry> entries;
  bool repeats = false;   // it is one of those that hold it, and is not read again
  std::error_code error;  // why it was not read, or not to its end
  sluice::directory_handle handle;
  std::size_t unopened = 0;  // directories in it that have yet to be opened from its handle
};

template <class Config>
class walk {
 public:
  using coro = sluice::coro_of<Config>;
  using aio = sluice::aio_of<Config>;

  explicit walk(const request& wanted) : wanted_{wanted} { top_.handle = sluice::working_directory; }
  walk(const walk&) = delete;
  auto operator=(const walk&) -> walk& = delete;
  ~walk() {
    // Only a walk that was cut short has any.
    for (auto& one : found_) close(one);
  }

  // Finds everything. An error: the walk itself failed, or was cut short.
  auto run() -> status {
    std::vector<op::stat_at> roots;
    for (const auto& root : wanted_.roots) roots.push_back({.path = root, .follow = false});
    ask(top_, roots);
    queue(top_);
    start();
    if (auto done = readers_.join(); !done) return done;
    if (coro::this_task::cancelled()) return std::unexpected{std::make_error_code(std::errc::operation_canceled)};
    return {};
  }

  // Prints what was found; how much could not be read.
  auto print() -> sluice::result<std::size_t> {
    support::output<coro> out{sluice::file_handle{1}};
    support::output<coro> complaints{sluice::file_handle{2}};
    std::size_t failed = 0;
    struct place {
      const directory* in;
      std::size_t next;
      std::size_t length;  // of its path
    };
    std::vector<place> places{{.in = &top_, .next = 0, .length = 0}};
    std::string path;
    std::string line;
    const auto complain = [&](std::string_view why) {
      ++failed;
      line = "tree: ";
      append_printable(line, path);
      complaints.put(line.append(": ").append(why).append("\n"));
    };
    while (!places.empty() && out.good()) {
      auto& [in, next, length] = places.back();
      path.resize(length);
      if (next == in->entries.size()) {
        places.pop_back();
        continue;
      }
      const entry& one = in->entries[next++];
      if (in != &top_ && !path.ends_with('/')) path.push_back('/');
      path.append(one.name);
      if (one.error) {
        complain(one.error.message());
        continue;
      }
      if (one.inside != nullptr && one.inside->error) complain(one.inside->error.message());
      if (one.inside != nullptr && one.inside->repeats) complain("is a directory that holds it, and is not entered again");
      if (!wanted_.summary) out.put(line_of(line, one, path));
      if (one.inside != nullptr) places.push_back({.in = one.inside, .next = 0, .length = path.size()});
    }
    if (wanted_.summary) out.put(summary());
    if (auto told = complaints.flush(); !told) return std::unexpected{told.error()};
    if (auto written = out.flush(); !written) return std::unexpected{written.error()};
    return failed;
  }

 private:
  static void close(directory& one) noexcept {
    if (one.handle) (void)coro::io(op::close_directory{.directory = std::exchange(one.handle, {})});
  }

  // Tasks of one scheduler take turns only where they wait: what they share needs no lock.
  void start() {
    while (reading_ < wanted_.jobs && !unread_.empty()) {
      ++reading_;
      readers_.spawn([this, first = take()] {
        for (auto* one = first; one != nullptr && !coro::this_task::cancelled(); one = take()) {
          read(*one);
          start();
        }
        --reading_;
      });
    }
  }
  auto take() -> directory* {
    if (unread_.empty()) return nullptr;
    auto* const last = unread_.back();
    unread_.pop_back();
    return last;
  }

  void read(directory& one) {
    using flag = sluice::open_flags;
    const auto opened = coro::io(
        op::open_at{.directory = one.parent->handle, .path = one.self->name, .flags = flag::read | flag::directory | flag::no_follow});
    if (--one.parent->unopened == 0) close(*one.parent);
    if (!opened) {
      one.error = opened.error();
      return;
    }
    one.handle = sluice::directory_handle{opened->native()};
    if (const auto done = read_names(one); !done) one.error = done.error();
    std::ranges::sort(one.entries, {}, &entry::name);
    queue(one);
    if (one.unopened == 0) close(one);
  }

  // Its entries stay where they are from here on. The first in order is read first: it is the last of those that wait.
  void queue(directory& one) {
    for (const auto& inner : one.entries | std::views::reverse) {
      if (inner.inside == nullptr || inner.inside->repeats) continue;
      inner.inside->self = &inner;
      unread_.push_back(inner.inside);
      ++one.unopened;
    }
  }

  auto read_names(directory& one) -> status {
    const auto memory = std::make_unique_for_overwrite<std::byte[]>(buffer_bytes);
    for (;;) {
      const auto names = coro::io(op::read_directory{.directory = one.handle, .buffer = {memory.get(), buffer_bytes}});
      if (!names) return std::unexpected{names.error()};
      if (names->is_end()) return {};
      std::vector<op::stat_at> questions;
      for (const auto& name : *names) questions.push_back({.directory = one.handle, .path = name.name.data(), .follow = false});
      ask(one, questions);
    }
  }

  // All at once: the operations are started in one submission, and each brings its own answer.
  void ask(directory& in, const std::vector<op::stat_at>& questions) {
    std::vector<typename aio::template operation<op::stat_at>> asked(questions.begin(), questions.end());
    coro::io(std::span{asked});
    for (const auto& one : asked) {
      entry named;
      named.name = one.op.path.c_str();
      if (const auto about = one.result())
        note(in, named, *about);
      else
        named.error = about.error();
      in.entries.push_back(std::move(named));
    }
  }

  void note(directory& in, entry& one, const sluice::file_status& about) {
    one.kind = about.kind;
    one.size = about.size;
    if (about.kind != file_kind::directory) {
      ++(about.kind == file_kind::regular ? files_ : about.kind == file_kind::symbolic_link ? links_ : others_);
      if (about.links < 2 || counted_.emplace(about.device, about.id).second) bytes_ += about.size;
      return;
    }
    ++directories_;
    bytes_ += about.size;
    one.inside = &found_.emplace_back();
    one.inside->parent = &in;
    one.inside->device = about.device;
    one.inside->id = about.id;
    for (const auto* outer = &in; outer != &top_; outer = outer->parent) {
      if (outer->device == about.device && outer->id == about.id) one.inside->repeats = true;
    }
  }

  auto line_of(std::string& line, const entry& one, std::string_view path) const -> std::string_view {
    std::array<char, 32> head;
    const int used = std::snprintf(head.data(), head.size(), "%c %12llu  ", letter_of(one.kind), static_cast<unsigned long long>(one.size));
    line.assign(head.data(), static_cast<std::size_t>(used));
    if (wanted_.null)
      line.append(path).push_back('\0');
    else
      append_printable(line, path), line.push_back('\n');
    return line;
  }

  [[nodiscard]] auto summary() const -> std::string {
    const auto some = [](std::size_t count, const char* one, const char* many) {
      return std::to_string(count) + " " + (count == 1 ? one : many);
    };
    return some(directories_, "directory", "directories") + ", " + some(files_, "file", "files") + ", " +
           some(links_, "symbolic link", "symbolic links") + ", " + some(others_, "other", "others") + ", " +
           some(bytes_, "byte", "bytes") + "\n";
  }

  static constexpr std::size_t buffer_bytes = 16 * 1024;

  const request& wanted_;
  directory top_;  // holds the roots
  std::deque<directory> found_;
  std::vector<directory*> unread_;
  std::size_t reading_ = 0;
  std::set<std::pair<std::uint64_t, std::uint64_t>> counted_;  // files with several names
  std::size_t directories_ = 0;
  std::size_t files_ = 0;
  std::size_t links_ = 0;
  std::size_t others_ = 0;
  std::uint64_t bytes_ = 0;
  typename coro::scope readers_;  // ends before what it works on
};

template <class Config>
auto list(const request& wanted) -> sluice::result<int> {
  walk<Config> all{wanted};
  if (const auto walked = all.run(); !walked) return std::unexpected{walked.error()};
  const auto failed = all.print();
  if (!failed) return std::unexpected{failed.error()};
  return *failed == 0 ? 0 : 1;
}

constexpr const char* usage =
    "usage: tree [--summary] [--null] [--jobs N] [--verbose] [ROOT...]\n"
    "Lists everything below each ROOT (the working directory if none is given): kind, size in bytes, path.\n"
    "  -s, --summary   only say how much there is\n"
    "  -0, --null      end each path with a zero byte, and write it as it is\n"
    "  -j, --jobs N    read so many directories at a time, 1 to 1000 (16)\n"
    "  -v, --verbose   say which backend is used, and why not another\n"
    "      --help      print this\n"
    "Exit code: 0; 1 if something could not be read; 2 for a wrong command line; 130 if interrupted.\n";

}  // namespace

int main(int argc, char** argv) {
  static constexpr ::option known[] = {{"summary", 0, nullptr, 's'}, {"null", 0, nullptr, '0'}, {"jobs", 1, nullptr, 'j'},
                                       {"verbose", 0, nullptr, 'v'}, {"help", 0, nullptr, 'h'}, {}};
  request wanted;
  std::optional<std::uint16_t> jobs = wanted.jobs;
  for (int one = 0; (one = ::getopt_long(argc, argv, "s0j:v", known, nullptr)) != -1;) {
    switch (one) {
      case 's': wanted.summary = true; break;
      case '0': wanted.null = true; break;
      case 'j': jobs = support::number<std::uint16_t>(optarg); break;
      case 'v': wanted.verbose = true; break;
      case 'h': std::fputs(usage, stdout); return 0;
      default: std::fputs(usage, stderr); return 2;
    }
  }
  if (!jobs || *jobs < 1 || *jobs > 1000) {
    std::fprintf(stderr, "tree: --jobs takes a number from 1 to 1000\n%s", usage);
    return 2;
  }
  wanted.jobs = *jobs;
  wanted.roots.assign(argv + optind, argv + argc);
  if (wanted.roots.empty()) wanted.roots.emplace_back(".");

  // A deep tree with many branches takes a handle for each level that has more to read.
  support::raise_descriptor_limit();

  return sluice::first_available<uring_app, epoll_app>([&]<class Config>(sluice::chosen<Config> why) {
    if (wanted.verbose) std::fputs(why.text().c_str(), stderr);
    return sluice::coro_of<Config>::main([&]() -> sluice::result<int> {
      const auto listed = list<Config>(wanted);
      if (listed) return *listed;
      // Whoever read this has seen enough.
      if (listed.error() == std::errc::broken_pipe) return 0;
      if (listed.error() != std::errc::operation_canceled) return std::unexpected{listed.error()};
      std::fputs("tree: interrupted\n", stderr);
      return 130;
    });
  });
}
