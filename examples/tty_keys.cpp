// SPDX-License-Identifier: MIT
// tty_keys [--escape-time MILLISECONDS]: says what each key sends, until ^C or ^D.
//
// The key Escape sends the byte that every other special key begins with. Only time tells them apart: as long as what was read may be the
// beginning of something, the next read has a deadline.
//
// Two tasks race: one reads keys, one waits for a signal. Whichever ends first ends the other, and the terminal is as it was before when
// both have ended, whatever the reason.

#include "support/keys.hpp"
#include "support/number.hpp"
#include "support/output.hpp"
#include <sluice/sluice.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <variant>

#include <getopt.h>
#include <unistd.h>

namespace {

struct uring_app : sluice::config<sluice::backend::io_uring<>> {};
struct epoll_app : sluice::config<sluice::backend::epoll<>> {};

struct request {
  std::chrono::milliseconds escape_time{50};
  bool verbose = false;
};

template <class Config>
class listener {
 public:
  using coro = sluice::coro_of<Config>;

  explicit listener(const request& wanted) : wanted_{wanted} {}

  // The exit code.
  auto run() -> sluice::result<int> {
    auto signals = coro::signal_set::open({SIGINT, SIGTERM, SIGHUP, SIGQUIT});
    if (!signals) return std::unexpected{signals.error()};

    // Both are opened once more, so that nothing that they are used for here is noticed by others who have them, too.
    if (auto output = coro::tty::standard_output()) {
      screen_ = std::move(*output);
      out_ = support::output<coro>{screen_.handle()};
    }
    auto input = coro::tty::standard_input();
    const auto raw = input ? input->raw() : std::unexpected{input.error()};
    if (!raw) {
      std::fprintf(stderr, "tty_keys: the standard input is no terminal that can be used: %s\n", raw.error().message().c_str());
      return 1;
    }
    const marked_pastes marked{*input};
    const auto first = coro::race([&] { return keys(*input); },
                                  [&]() -> sluice::result<int> {
                                    const auto taken = signals->wait();
                                    if (!taken) return std::unexpected{taken.error()};
                                    return 128 + taken->number;
                                  });
    if (!first) return std::unexpected{first.error()};
    return std::visit([](int code) { return code; }, *first);
  }

 private:
  // The terminal says where pastes begin and end. One that takes nothing, because nobody looks at it any more, must not keep a program from
  // its end.
  class marked_pastes {
   public:
    explicit marked_pastes(typename coro::tty& terminal) : terminal_{terminal} { tell("\x1b[?2004h"); }
    marked_pastes(const marked_pastes&) = delete;
    auto operator=(const marked_pastes&) -> marked_pastes& = delete;
    ~marked_pastes() { tell("\x1b[?2004l"); }

   private:
    void tell(std::string_view order) {
      (void)coro::shield([&] { return coro::with_timeout(std::chrono::milliseconds{20}, [&] { return terminal_.write_all(order); }); });
    }

    typename coro::tty& terminal_;
  };

  // An end is a success, whatever brought it: only that ends a race.
  auto keys(typename coro::tty& terminal) -> sluice::result<int> {
    std::array<std::byte, 4096> buffer;
    const auto read = [&] { return terminal.read_some(buffer); };
    for (;;) {
      // Who types slowly types single keys; a paste that has begun is waited for.
      const bool may_be_all = !waiting_.empty() && !waiting_.starts_with(support::keys::paste_begin);
      const auto got = may_be_all ? coro::with_timeout(wanted_.escape_time, read) : read();
      const bool quiet = !got && got.error() == sluice::errc::timed_out;
      if (!got && !quiet) {
        if (got.error() == std::errc::operation_canceled) return std::unexpected{got.error()};
        std::fprintf(stderr, "tty_keys: the terminal cannot be read: %s\n", got.error().message().c_str());
        return 1;
      }
      if (got && *got == 0) {
        std::fputs("tty_keys: the terminal has gone\n", stderr);
        return 1;
      }
      if (got) waiting_.append(reinterpret_cast<const char*>(buffer.data()), *got);
      const int end = tell(quiet);
      if (const auto written = out_.flush(); !written) {
        if (written.error() == std::errc::operation_canceled) return std::unexpected{written.error()};
        std::fprintf(stderr, "tty_keys: %s\n", written.error().message().c_str());
        return 1;
      }
      if (end >= 0) return end;
    }
  }

  // Prints what can be told. The exit code if it is to end, or a negative number.
  auto tell(bool last) -> int {
    while (!waiting_.empty()) {
      const auto one = support::decode_key(waiting_, last);
      if (one.bytes == 0) return -1;
      print(one.name, std::string_view{waiting_}.substr(0, one.bytes));
      waiting_.erase(0, one.bytes);
      if (one.name == "Ctrl+C") return 128 + SIGINT;
      if (one.name == "Ctrl+D") return 0;
    }
    return -1;
  }

  void print(std::string_view name, std::string_view bytes) {
    static constexpr std::string_view digits = "0123456789abcdef";
    static constexpr std::size_t most = 32;
    std::string line{name};
    line.resize(std::max<std::size_t>(line.size() + 1, 24), ' ');
    for (const char one : bytes.substr(0, most)) {
      const auto byte = static_cast<unsigned char>(one);
      line.append(" ").push_back(digits[byte >> 4U]);
      line.push_back(digits[byte & 0xfU]);
    }
    if (bytes.size() > most) line.append(" ...");
    out_.put(line).put("\n");
  }

  const request& wanted_;
  typename coro::tty screen_;  // none: the output goes elsewhere
  support::output<coro> out_{sluice::file_handle{STDOUT_FILENO}};
  std::string waiting_;  // read, and not told yet
};

constexpr const char* usage =
    "usage: tty_keys [--escape-time MILLISECONDS] [--verbose]\n"
    "Says what each key sends: its name and its bytes. ^D ends it, and so does ^C.\n"
    "  -e, --escape-time MILLISECONDS  so much later, what has come is all that a key has sent (50)\n"
    "  -v, --verbose                   say which backend is used\n"
    "      --help                      print this\n"
    "Exit code: 0 after ^D; 130 after ^C; 128 + N after signal N; 1 without a terminal, or when it has gone; 2 for a wrong command line.\n";

}  // namespace

int main(int argc, char** argv) {
  static constexpr ::option known[] = {{"escape-time", 1, nullptr, 'e'}, {"verbose", 0, nullptr, 'v'}, {"help", 0, nullptr, 'h'}, {}};
  request wanted;
  for (int one = 0; (one = ::getopt_long(argc, argv, "e:v", known, nullptr)) != -1;) {
    switch (one) {
      case 'e': {
        const auto time = support::number<std::uint16_t>(optarg);
        if (!time) {
          std::fprintf(stderr, "tty_keys: --escape-time takes milliseconds\n%s", usage);
          return 2;
        }
        wanted.escape_time = std::chrono::milliseconds{*time};
        break;
      }
      case 'v': wanted.verbose = true; break;
      case 'h': std::fputs(usage, stdout); return 0;
      default: std::fputs(usage, stderr); return 2;
    }
  }
  if (optind != argc) {
    std::fputs(usage, stderr);
    return 2;
  }
  return sluice::first_available<uring_app, epoll_app>([&]<class Config>(sluice::chosen<Config> why) {
    if (wanted.verbose) std::fputs(why.text().c_str(), stderr);
    // The signals are read here, not caught.
    return sluice::coro_of<Config>::main({.handle_termination = false}, [&] { return listener<Config>{wanted}.run(); });
  });
}
