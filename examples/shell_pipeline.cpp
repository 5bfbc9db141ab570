// SPDX-License-Identifier: MIT
// shell_pipeline [OPTION...] COMMAND [ARGUMENT...] ['|' COMMAND [ARGUMENT...]]...: runs commands, each reading what the one before it
// writes, without a shell: every word is one argument, whatever it holds.
//
// Each command is a task that waits for its process; feeding the first and collecting from the last are two more. When the time is up, or
// at SIGINT or SIGTERM, the waits are cut short, the processes are asked to end and, if they do not, killed. Nobody is left behind: it ends
// after all of its processes.

#include "support/number.hpp"
#include "support/output.hpp"
#include <sluice/sluice.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstring>
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

struct uring_app : sluice::config<sluice::backend::io_uring<>> {};
struct epoll_app : sluice::config<sluice::backend::epoll<>> {};

using words = std::vector<sluice::c_path>;

struct request {
  std::vector<words> commands;
  std::optional<std::string> input;
  nanoseconds limit = nanoseconds::max();
  nanoseconds grace = std::chrono::seconds{2};
  bool hold = false;
  bool pipefail = false;
  bool status = false;
  bool verbose = false;
};

// As shells give them.
enum exit_code : int { timed_out = 124, not_executable = 126, not_found = 127, interrupted = 130, by_signal = 128 };

auto code_of(const sluice::exit_status& ended) -> int { return ended.signal != 0 ? by_signal + ended.signal : ended.code; }

template <class Config>
class pipeline {
 public:
  using coro = sluice::coro_of<Config>;
  using stdio = typename coro::process::stdio;

  explicit pipeline(const request& wanted) : wanted_{wanted} {}

  // The exit code of all.
  auto run() -> sluice::result<int> {
    const auto done = coro::with_timeout(wanted_.limit, [this]() -> status {
      if (const auto started = start(); !started) return started;
      typename coro::scope everything;
      everything.spawn([this] { return feed(); });
      everything.spawn([this] { return collect(); });
      for (auto& one : stages_) everything.spawn([this, &one] { return wait_for(one); });
      return everything.join();
    });
    if (!done) end();
    if (wanted_.status) tell();
    if (!done && done.error() == sluice::errc::timed_out) return timed_out;
    if (!done && done.error() == std::errc::operation_canceled) return interrupted;
    if (!done) return std::unexpected{done.error()};
    const int code = result();
    if (wanted_.hold && std::ranges::all_of(stages_, [](const stage& one) { return code_of(one.ended) == 0; })) {
      if (const auto written = support::write_all<coro>(sluice::file_handle{STDOUT_FILENO}, std::as_bytes(std::span{held_})); !written)
        return std::unexpected{written.error()};
    }
    return code;
  }

 private:
  struct stage {
    typename coro::process process;  // none: it did not start
    sluice::exit_status ended;
  };

  // An error: of this program. A command that cannot be started is its own affair, as in a shell: its neighbours find closed pipes.
  auto start() -> status {
    typename coro::pipe_reader next;  // what the next command reads
    for (const auto& command : wanted_.commands) {
      stdio in = next ? stdio{next.handle()} : stdio::null;
      if (stages_.empty()) in = wanted_.input ? stdio::pipe : stdio::inherit;
      const bool last = stages_.size() + 1 == wanted_.commands.size();
      if (const auto launched = launch(command, in, last && !wanted_.hold ? stdio::inherit : stdio::pipe); !launched) return launched;
      if (!last) next = std::move(stages_.back().process.out());
    }
    return {};
  }

  auto launch(const words& command, stdio in, stdio out) -> status {
    auto started = coro::process::spawn({.path = command.front(),
                                         .arguments = command,
                                         .search = true,
                                         .group = group_ > 0 ? group_ : wanted_group(),
                                         .in = in,
                                         .out = out});
    if (!started && started.error() == std::errc::operation_canceled) return std::unexpected{started.error()};
    auto& one = stages_.emplace_back();
    if (started) {
      one.process = std::move(*started);
      if (group_ == 0) group_ = wanted_group() == sluice::new_group ? one.process.id() : sluice::same_group;
      return {};
    }
    std::fprintf(stderr, "shell_pipeline: %s: %s\n", command.front().c_str(), started.error().message().c_str());
    const bool absent = started.error() == std::errc::no_such_file_or_directory || started.error() == std::errc::not_a_directory;
    one.ended.code = absent ? not_found : not_executable;
    return {};
  }

  // A group of their own can be ended as one, with all that they have started. But a terminal stops whoever reads from it and is not of the
  // group in front, and asks that group by itself at ^C.
  static auto wanted_group() -> int { return ::isatty(STDIN_FILENO) == 1 ? sluice::same_group : sluice::new_group; }

  auto feed() -> status {
    auto& to = stages_.front().process.in();
    if (!to) return {};
    const auto written = to.write_all(*wanted_.input);
    (void)to.close();
    // Nobody has to read all that there is.
    return written || written.error() == std::errc::broken_pipe ? status{} : written;
  }

  auto collect() -> status {
    auto& from = stages_.back().process.out();
    if (!from) return {};
    std::vector<std::byte> buffer(64 * 1024);
    for (;;) {
      const auto got = from.read_some(buffer);
      if (!got) return std::unexpected{got.error()};
      if (*got == 0) return {};
      held_.append(reinterpret_cast<const char*>(buffer.data()), *got);
    }
  }

  auto wait_for(stage& one) -> status {
    if (!one.process) return {};
    const auto ended = one.process.wait();
    if (!ended) return std::unexpected{ended.error()};
    one.ended = *ended;
    return {};
  }

  // Ends all that run. Whoever asked this program to end waits for it, too.
  void end() {
    for (auto& one : stages_) {
      (void)one.process.in().close();
      (void)one.process.out().close();
    }
    coro::shield([this] {
      send(SIGTERM);
      if (coro::with_timeout(wanted_.grace, [this] { return wait_for_all(); })) return;
      send(SIGKILL);
      (void)wait_for_all();
    });
  }
  auto wait_for_all() -> status {
    typename coro::scope all;
    for (auto& one : stages_) all.spawn([this, &one] { return wait_for(one); });
    return all.join();
  }
  void send(int number) {
    bool any = false;
    for (auto& one : stages_) {
      if (!one.process || one.process.status()) continue;
      any = true;
      (void)one.process.signal(number);
    }
    // As long as one of them was not waited for, nobody else can have the number of their group.
    if (any && group_ > 0) ::kill(-group_, number);
  }

  [[nodiscard]] auto result() const -> int {
    int code = code_of(stages_.back().ended);
    if (!wanted_.pipefail) return code;
    for (const auto& one : stages_)
      if (const int other = code_of(one.ended); other != 0) code = other;
    return code;
  }

  void tell() const {
    for (std::size_t i = 0; i < stages_.size(); ++i) {
      const auto& ended = stages_[i].ended;
      std::string how = "exit code " + std::to_string(ended.code);
      if (ended.signal != 0) {
        const char* const name = ::sigabbrev_np(ended.signal);
        how = "signal " + (name != nullptr ? "SIG" + std::string{name} : std::to_string(ended.signal));
        if (ended.dumped_core) how += ", core dumped";
      }
      std::fprintf(stderr, "%zu: %s: %s\n", i + 1, wanted_.commands[i].front().c_str(), how.c_str());
    }
  }

  const request& wanted_;
  std::deque<stage> stages_;
  int group_ = 0;  // the one that all are in; 0: not known yet
  std::string held_;
};

constexpr const char* usage =
    "usage: shell_pipeline [OPTION...] COMMAND [ARGUMENT...] ['|' COMMAND [ARGUMENT...]]...\n"
    "Runs the commands; each reads what the one before it writes. There is no shell: a word is an argument, whatever it holds.\n"
    "  -i, --input TEXT        what the first command reads, instead of the standard input\n"
    "      --hold              print the output only when all have ended, and only if all have succeeded\n"
    "  -t, --timeout SECONDS   end them all after so long\n"
    "      --grace SECONDS     how long they may take to end when they are asked to, before they are killed (2)\n"
    "      --pipefail          the exit code is that of the last command that failed, not just that of the last one\n"
    "      --status            say at the end how each command ended\n"
    "      --separator WORD    what stands between commands, instead of |\n"
    "  -v, --verbose           say which backend is used\n"
    "      --help              print this\n"
    "Exit code: that of the last command, 128 + N for signal N; 127 if it is not found, 126 if it cannot be run;\n"
    "124 if the time was up, 130 if interrupted; 2 for a wrong command line.\n";

auto wrong(const char* what) -> int {
  std::fprintf(stderr, "shell_pipeline: %s\n%s", what, usage);
  return 2;
}

// The commands between separators; none if one of them is empty.
auto split(std::span<char* const> all, std::string_view separator) -> std::vector<words> {
  std::vector<words> commands(1);
  for (const char* const word : all) {
    if (word == separator)
      commands.emplace_back();
    else
      commands.back().emplace_back(word);
  }
  if (std::ranges::any_of(commands, &words::empty)) return {};
  return commands;
}

}  // namespace

int main(int argc, char** argv) {
  static constexpr ::option known[] = {{"input", 1, nullptr, 'i'},     {"hold", 0, nullptr, 'o'},
                                       {"timeout", 1, nullptr, 't'},   {"grace", 1, nullptr, 'g'},
                                       {"pipefail", 0, nullptr, 'p'},  {"status", 0, nullptr, 's'},
                                       {"separator", 1, nullptr, 'x'}, {"verbose", 0, nullptr, 'v'},
                                       {"help", 0, nullptr, 'h'},      {}};
  request wanted;
  std::string_view separator = "|";
  // The first word that is no option begins the first command, and what follows belongs to that.
  for (int one = 0; (one = ::getopt_long(argc, argv, "+i:t:v", known, nullptr)) != -1;) {
    switch (one) {
      case 'i': wanted.input = optarg; break;
      case 'o': wanted.hold = true; break;
      case 't':
      case 'g': {
        const auto time = support::seconds(optarg);
        if (!time) return wrong("--timeout and --grace take seconds");
        (one == 't' ? wanted.limit : wanted.grace) = *time;
        break;
      }
      case 'p': wanted.pipefail = true; break;
      case 's': wanted.status = true; break;
      case 'x': separator = optarg; break;
      case 'v': wanted.verbose = true; break;
      case 'h': std::fputs(usage, stdout); return 0;
      default: std::fputs(usage, stderr); return 2;
    }
  }
  wanted.commands = split({argv + optind, argv + argc}, separator);
  if (wanted.commands.empty()) return wrong("a command is missing");

  return sluice::first_available<uring_app, epoll_app>([&]<class Config>(sluice::chosen<Config> why) {
    if (wanted.verbose) std::fputs(why.text().c_str(), stderr);
    return sluice::coro_of<Config>::main([&] { return pipeline<Config>{wanted}.run(); });
  });
}
