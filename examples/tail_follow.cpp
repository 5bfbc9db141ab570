// SPDX-License-Identifier: MIT
// tail_follow [OPTION...] FILE...: prints the last lines of files, and then whatever is added to them.
//
// One task does it all: it looks at the files that may have changed, prints, and waits. It waits on inotify, whose descriptor an ordinary
// read with a deadline takes what has changed from, or for a time where there is none. Beside it another task waits for whoever reads the
// output to go away; the first of both that ends, ends the other.
//
// SIGTERM or SIGINT cuts the wait short, not the output: what was read is printed.

#include "support/number.hpp"
#include "support/output.hpp"
#include "support/owned.hpp"
#include "support/watches.hpp"
#include <sluice/sluice.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <getopt.h>
#include <unistd.h>

namespace {

namespace op = sluice::op;
using status = sluice::result<void>;
using std::chrono::nanoseconds;
using support::watches;

struct uring_app : sluice::config<sluice::backend::io_uring<>> {};
struct epoll_app : sluice::config<sluice::backend::epoll<>> {};

struct request {
  std::vector<std::string> names;
  std::uint64_t lines = 10;
  nanoseconds interval = std::chrono::seconds{1};
  bool by_name = false;
  bool poll = false;
  bool verbose = false;
};

void say(const std::string& name, std::string_view what) {
  std::fprintf(stderr, "tail_follow: %s: %.*s\n", name.c_str(), static_cast<int>(what.size()), what.data());
}

template <class Config>
class follower {
 public:
  using coro = sluice::coro_of<Config>;
  using owned_file = support::owned_file<coro>;

  explicit follower(const request& wanted) : wanted_{wanted}, watches_{!wanted.poll} {
    for (const auto& name : wanted.names) {
      auto& one = files_.emplace_back();
      one.name = name;
      const auto slash = name.rfind('/');
      one.base = slash == std::string::npos ? name : name.substr(slash + 1);
      one.directory = slash == std::string::npos ? "." : slash == 0 ? "/" : name.substr(0, slash);
    }
  }

  // Until nobody wants it any more, or nothing is left to follow: then the exit code.
  auto run() -> sluice::result<int> {
    const auto code = follow_for_reader();
    // What was read is printed, if anybody takes it.
    if (!code) (void)coro::shield([this] { return coro::with_timeout(std::chrono::seconds{1}, [this] { return out_.flush(); }); });
    return code;
  }

 private:
  auto follow_for_reader() -> sluice::result<int> {
    const auto about = coro::io(op::stat_at{.directory = sluice::directory_handle{STDOUT_FILENO}, .path = ""});
    const bool has_reader = about && (about->kind == sluice::file_kind::pipe || about->kind == sluice::file_kind::socket);
    if (!has_reader) return follow();
    const auto first = coro::race([this] { return follow(); }, [this] { return reader_goes(); });
    if (!first) return std::unexpected{first.error()};
    return first->index() == 0 ? std::get<0>(*first) : 0;
  }

  struct followed {
    std::string name;
    std::string base;       // its last part
    std::string directory;  // the rest
    owned_file file{sluice::file_handle{}};
    std::uint64_t offset = 0;  // what is before it was printed
    std::uint64_t device = 0;
    std::uint64_t id = 0;
    int watch = watches::none;
    int names = watches::none;  // the watch of its directory
    bool due = true;            // may have changed
    bool missing = false;       // its name leads nowhere, and that was said
  };

  auto follow() -> sluice::result<int> {
    for (auto& one : files_) {
      if (const auto begun = begin(one); !begun) return std::unexpected{begun.error()};
    }
    for (;;) {
      for (auto& one : files_) {
        if (!std::exchange(one.due, false)) continue;
        if (const auto looked = look(one); !looked) return std::unexpected{looked.error()};
      }
      if (const auto written = out_.flush(); !written) return std::unexpected{written.error()};
      if (!wanted_.by_name && std::ranges::none_of(files_, [](const followed& one) { return bool{one.file.get()}; })) {
        std::fputs("tail_follow: nothing is left to follow\n", stderr);
        return 1;
      }
      if (const auto waited = wait(); !waited) return std::unexpected{waited.error()};
    }
  }

  // Ends when whoever reads the output has gone: nothing else may ever be printed, and then nobody would notice.
  auto reader_goes() -> status {
    const auto gone = coro::io(op::poll_once{.handle = sluice::file_handle{STDOUT_FILENO}, .events = sluice::poll_events::none});
    if (!gone) return std::unexpected{gone.error()};
    return {};
  }

  // The last lines.
  auto begin(followed& one) -> status {
    if (const auto opened = open(one); !opened || !one.file.get()) return opened;
    const auto about = status_of(one);
    if (!about) return std::unexpected{about.error()};
    const auto from = last_lines(one, about->size);
    if (!from) return std::unexpected{from.error()};
    one.offset = *from;
    header(one);
    return print_new(one);
  }

  // An error: the program is to end. A file that cannot be opened is only told of, and has no handle then.
  auto open(followed& one) -> status {
    // `non_blocking`: a FIFO would wait for its writer.
    const auto opened = coro::io(op::open_at{.path = one.name, .flags = sluice::open_flags::read | sluice::open_flags::non_blocking});
    if (!opened) {
      if (opened.error() == std::errc::operation_canceled) return std::unexpected{opened.error()};
      if (!std::exchange(one.missing, true)) say(one.name, opened.error().message());
      return {};
    }
    owned_file file{*opened};
    const auto about = coro::io(op::stat_at{.directory = sluice::directory_handle{opened->native()}, .path = ""});
    if (!about) return std::unexpected{about.error()};
    if (about->kind != sluice::file_kind::regular) {
      if (!std::exchange(one.missing, true)) say(one.name, "is not a regular file");
      return {};
    }
    forget_watch(one);
    one.file = std::move(file);
    one.offset = 0;
    one.device = about->device;
    one.id = about->id;
    one.missing = false;
    // What happens from here on is told, and what happened before is looked at next.
    one.watch = watches_.add(one.file.get());
    one.due = true;
    return {};
  }

  void forget_watch(followed& one) {
    const int old = std::exchange(one.watch, watches::none);
    if (std::ranges::none_of(files_, [&](const followed& other) { return other.watch == old; })) watches_.remove(old);
  }

  auto status_of(const followed& one) -> sluice::result<sluice::file_status> {
    return coro::io(op::stat_at{.directory = sluice::directory_handle{one.file.get().native()}, .path = ""});
  }

  // Where they begin: looks for ends of lines from the end of the file.
  auto last_lines(const followed& one, std::uint64_t size) -> sluice::result<std::uint64_t> {
    if (wanted_.lines == 0) return size;
    std::uint64_t found = 0;
    for (std::uint64_t at = size; at != 0;) {
      const auto length = static_cast<std::size_t>(std::min<std::uint64_t>(at, buffer_.size()));
      at -= length;
      std::size_t have = 0;
      while (have != length) {
        const auto read =
            coro::io(op::read{.file = one.file.get(), .buffer = std::span{buffer_}.subspan(have, length - have), .offset = at + have});
        if (!read) return std::unexpected{read.error()};
        if (*read == 0) break;  // it was made shorter meanwhile
        have += *read;
      }
      for (std::size_t i = have; i-- != 0;) {
        if (buffer_[i] == std::byte{'\n'} && at + i + 1 != size && ++found == wanted_.lines) return at + i + 1;
      }
    }
    return std::uint64_t{0};
  }

  auto look(followed& one) -> status {
    if (const auto printed = print_new(one); !printed) return printed;
    if (!wanted_.by_name) return {};
    // Watched before it is looked at: a name that appears in between is told.
    if (one.names == watches::none) one.names = watches_.add_names(one.directory);
    const auto about = coro::io(op::stat_at{.path = one.name});
    if (!about) {
      if (about.error() == std::errc::operation_canceled) return std::unexpected{about.error()};
      // What had the name is followed until something else has it: it may still be written to.
      if (!std::exchange(one.missing, true)) say(one.name, about.error().message());
      return {};
    }
    if (one.file.get() && about->device == one.device && about->id == one.id) {
      one.missing = false;
      return {};
    }
    // To the last byte of the old one, then the new one from its first.
    const bool replaced = bool{one.file.get()};
    if (const auto printed = print_new(one); !printed) return printed;
    if (const auto opened = open(one); !opened || one.missing) return opened;
    say(one.name, replaced ? "is another file now" : "has appeared");
    one.due = false;
    return print_new(one);
  }

  // Prints what was added since the last time.
  auto print_new(followed& one) -> status {
    while (one.file.get()) {
      const auto read = coro::io(op::read{.file = one.file.get(), .buffer = buffer_, .offset = one.offset});
      if (!read && read.error() == std::errc::operation_canceled) return std::unexpected{read.error()};
      if (!read) {
        say(one.name, read.error().message());
        one.file.close();
        return {};
      }
      if (*read != 0) {
        header(one);
        out_.put({reinterpret_cast<const char*>(buffer_.data()), *read});
        one.offset += *read;
        continue;
      }
      const auto about = status_of(one);
      if (!about) return std::unexpected{about.error()};
      if (about->size >= one.offset) return {};
      say(one.name, "was truncated");
      one.offset = 0;
    }
    return {};
  }

  // Says whose lines follow, where there are several files.
  void header(const followed& one) {
    if (files_.size() == 1 || std::exchange(printed_, &one) == &one) return;
    out_.put(std::exchange(begun_, true) ? "\n==> " : "==> ").put(one.name).put(" <==\n");
  }

  // Until something may have changed.
  auto wait() -> status {
    const bool told = std::ranges::all_of(files_, [this](const followed& one) {
      return (one.watch != watches::none || !one.file.get()) && (one.names != watches::none || !wanted_.by_name);
    });
    if (std::ranges::any_of(files_, &followed::due)) return {};
    if (!watches_.handle()) {
      if (const auto slept = coro::sleep(wanted_.interval); !slept) return slept;
      look_at_all();
      return {};
    }
    // Changes that another machine makes to a file are never told.
    const auto limit = told ? 10 * wanted_.interval : wanted_.interval;
    const auto read = coro::io(op::timed(op::read{.file = watches_.handle(), .buffer = buffer_}, limit));
    if (read) {
      watches::for_each(std::span{buffer_}.first(*read), [this](const watches::event& what) { note(what); });
      return {};
    }
    if (read.error() != sluice::errc::timed_out) return std::unexpected{read.error()};
    look_at_all();
    return {};
  }

  void look_at_all() {
    for (auto& one : files_) one.due = true;
  }

  void note(const watches::event& what) {
    for (auto& one : files_) {
      if (what.watch == watches::none || what.watch == one.watch || (what.watch == one.names && (what.ended || what.name == one.base)))
        one.due = true;
      if (!what.ended) continue;
      if (what.watch == one.watch) one.watch = watches::none;
      if (what.watch == one.names) one.names = watches::none;
    }
  }

  const request& wanted_;
  watches watches_;
  std::deque<followed> files_;
  support::output<coro> out_{sluice::file_handle{STDOUT_FILENO}};
  std::vector<std::byte> buffer_ = std::vector<std::byte>(64 * 1024);
  const followed* printed_ = nullptr;  // whose lines came last
  bool begun_ = false;
};

constexpr const char* usage =
    "usage: tail_follow [OPTION...] FILE...\n"
    "Prints the last lines of each FILE, and then what is added, until it is asked to end or nobody reads its output.\n"
    "  -n, --lines N           so many lines at first (10)\n"
    "  -F, --name              follow the name: when another file has it, that one is followed; it need not be there yet\n"
    "  -s, --interval SECONDS  how often to look where changes are not told (1)\n"
    "      --poll              look, even where changes would be told\n"
    "  -v, --verbose           say which backend is used\n"
    "      --help              print this\n"
    "Exit code: 0 when it was asked to end; 1 if nothing is left to follow; 2 for a wrong command line.\n";

auto wrong(const char* what) -> int {
  std::fprintf(stderr, "tail_follow: %s\n%s", what, usage);
  return 2;
}

}  // namespace

int main(int argc, char** argv) {
  static constexpr ::option known[] = {{"lines", 1, nullptr, 'n'},
                                       {"name", 0, nullptr, 'F'},
                                       {"interval", 1, nullptr, 's'},
                                       {"poll", 0, nullptr, 'p'},
                                       {"verbose", 0, nullptr, 'v'},
                                       {"help", 0, nullptr, 'h'},
                                       {}};
  request wanted;
  for (int one = 0; (one = ::getopt_long(argc, argv, "n:Fs:v", known, nullptr)) != -1;) {
    switch (one) {
      case 'n': {
        const auto lines = support::number<std::uint64_t>(optarg);
        if (!lines) return wrong("--lines takes a number");
        wanted.lines = *lines;
        break;
      }
      case 'F': wanted.by_name = true; break;
      case 's': {
        const auto interval = support::seconds(optarg);
        if (!interval || *interval < std::chrono::milliseconds{1}) return wrong("--interval takes seconds, 0.001 at least");
        wanted.interval = *interval;
        break;
      }
      case 'p': wanted.poll = true; break;
      case 'v': wanted.verbose = true; break;
      case 'h': std::fputs(usage, stdout); return 0;
      default: std::fputs(usage, stderr); return 2;
    }
  }
  wanted.names.assign(argv + optind, argv + argc);
  if (wanted.names.empty()) return wrong("a file is missing");

  return sluice::first_available<uring_app, epoll_app>([&]<class Config>(sluice::chosen<Config> why) {
    if (wanted.verbose) std::fputs(why.text().c_str(), stderr);
    return sluice::coro_of<Config>::main([&]() -> sluice::result<int> {
      auto code = follower<Config>{wanted}.run();
      // To be asked to end is the usual way, and so is a reader that has seen enough.
      if (!code && (code.error() == std::errc::operation_canceled || code.error() == std::errc::broken_pipe)) return 0;
      return code;
    });
  });
}
