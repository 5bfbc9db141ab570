// SPDX-License-Identifier: MIT
// crawl_local URL [--at-once N] [--limit N] [--timeout MS]: fetches the page at an http URL of this machine, and all that it leads to on
// the same host and port; prints the status and the size of each, sorted, then the links that are broken. Other machines are not crawled.
//
// Each page is a task that waits for one of N turns (16), fetches it within so long (10000 ms), and starts a task for each link that nobody
// has met before, up to a limit (1000).

#include "support/http_client.hpp"
#include "support/limits.hpp"
#include "support/links.hpp"
#include "support/number.hpp"
#include <sluice/sluice.hpp>

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <getopt.h>

namespace {

namespace ip = sluice::ip;
using std::chrono::milliseconds;

struct app : sluice::config<> {};  // every default
using coro = sluice::coro_of<app>;

struct options {
  support::http_url start;
  std::size_t at_once = 16;
  std::size_t limit = 1000;
  milliseconds timeout{10'000};

  static auto read(int argc, char** argv) -> std::optional<options> {
    static constexpr ::option known[] = {{"at-once", 1, nullptr, 'n'}, {"limit", 1, nullptr, 'l'}, {"timeout", 1, nullptr, 't'}, {}};
    options made;
    for (int one = 0; (one = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
      const auto value = support::number<std::uint32_t>(optarg != nullptr ? optarg : "");
      if (one == '?' || value.value_or(0) == 0) return std::nullopt;
      if (one == 'n') made.at_once = *value;
      if (one == 'l') made.limit = *value;
      if (one == 't') made.timeout = milliseconds{*value};
    }
    if (argc - optind != 1) return std::nullopt;
    auto url = support::http_url::parse(argv[optind]);
    if (!url) return std::nullopt;
    made.start = std::move(*url);
    return made;
  }
};

// What became of one page.
struct outcome {
  std::string from;  // the page whose link was met first; empty for the start
  unsigned status = 0;
  std::size_t size = 0;
  std::error_code why = std::make_error_code(std::errc::operation_canceled);

  [[nodiscard]] auto good() const noexcept -> bool { return !why && status < 400; }
};

class crawler {
 public:
  crawler(const options& what, ip::endpoint where)
      : what_{what}, client_{where, what.start.site().substr(sizeof("http://") - 1)}, turns_{what.at_once} {}

  auto run() -> sluice::result<void> {
    meet(what_.start.target, "");
    if (const auto done = pages_.join(); !done) return done;  // interrupted, it ends them first
    if (coro::this_task::cancelled()) return sluice::canceled();
    return {};
  }

  // Whether nothing is broken. Pages that nobody got to, because it was interrupted, are left out.
  auto print() -> bool {
    const auto site = what_.start.site();
    std::erase_if(met_, [](const auto& one) { return one.second.why == std::errc::operation_canceled; });
    std::size_t broken = 0;
    for (const auto& [target, one] : met_) {
      broken += one.good() ? 0 : 1;
      std::printf("%s %zu %s%s\n", one.why ? "---" : std::to_string(one.status).c_str(), one.size, site.c_str(), target.c_str());
    }
    if (left_out_ != 0) std::printf("%zu links beyond the limit were not followed\n", left_out_);
    if (broken != 0) std::printf("broken:\n");
    for (const auto& [target, one] : met_) {
      if (one.good()) continue;
      const auto why = one.why ? one.why.message() : std::to_string(one.status);
      std::printf("%s%s: %s", site.c_str(), target.c_str(), why.c_str());
      if (!one.from.empty()) std::printf("; a link of %s%s", site.c_str(), one.from.c_str());
      std::printf("\n");
    }
    return broken == 0;
  }

 private:
  // Nothing waits between the look and the insertion, so each page has one task.
  void meet(std::string target, std::string_view from) {
    if (met_.contains(target)) return;
    if (met_.size() == what_.limit) {
      ++left_out_;
      return;
    }
    // The nodes of a map stay where they are.
    const auto at = met_.emplace(std::move(target), outcome{.from = std::string{from}}).first;
    pages_.spawn([this, at] { visit(at->first, at->second); });
  }

  void visit(const std::string& target, outcome& result) {
    const auto turn = turns_.hold();
    if (!turn) return;
    const auto page = coro::with_timeout(what_.timeout, [&] { return client_.get(target); });
    if (!page) {
      result.why = page.error();
      return;
    }
    result.why = {};
    result.status = page->status;
    result.size = page->body.size();
    const support::http_url here{.host = what_.start.host, .port = what_.start.port, .target = target};
    const auto follow = [&](std::string_view link) {
      if (auto next = here.follow(link)) meet(std::move(*next), target);
    };
    if (page->status >= 300 && page->status < 400 && !page->location.empty()) follow(page->location);
    if (page->status == 200 && page->type.starts_with("text/html")) support::for_each_link(page->body, follow);
  }

  const options& what_;
  support::http_client<coro> client_;
  coro::semaphore turns_;
  std::map<std::string, outcome> met_;
  std::size_t left_out_ = 0;
  coro::scope pages_{{.on_failure = sluice::on_failure::keep}};  // ends before what its tasks use
};

auto is_this_machine(const ip::address& one) -> bool { return one.is_v4() ? one.to_v4()[0] == 127 : one == ip::loopback_v6; }

auto crawl(const options& what) -> sluice::result<int> {
  const auto refuse = [&](const std::string& why) {
    std::fprintf(stderr, "crawl_local: %s%s\n", what.start.host.c_str(), why.c_str());
    return 1;
  };
  const auto found = coro::resolver{}.resolve(what.start.host, what.start.port);
  if (!found) return refuse(": " + found.error().message());
  for (const auto& one : *found)
    if (!is_this_machine(one.address)) return refuse(" is another machine, " + std::string{one.address.text().view()});
  // All are this machine, which may listen on one of them only.
  auto tried = coro::with_timeout(what.timeout, [&] { return coro::tcp_stream::connect(what.start.host, what.start.port); });
  if (!tried) return refuse(": " + tried.error().message());
  crawler all{what, tried->peer()};
  (void)tried->close();

  const auto done = all.run();
  const bool sound = all.print();
  if (done) return sound ? 0 : 1;
  if (done.error() != std::errc::operation_canceled) return std::unexpected{done.error()};
  std::fprintf(stderr, "crawl_local: interrupted\n");
  return 130;
}

}  // namespace

int main(int argc, char** argv) {
  const auto what = options::read(argc, argv);
  if (!what) {
    std::fprintf(stderr, "usage: crawl_local URL [--at-once N] [--limit N] [--timeout MS]\n");
    return 2;
  }
  support::raise_descriptor_limit();
  return coro::main([&] { return crawl(*what); });
}
