// SPDX-License-Identifier: MIT
// port_scan HOST FROM-TO [--at-once N] [--timeout MS]: which ports of a host accept a connection. Scan no machine whose owner has not
// agreed to it.
//
// Each attempt is a task, as many of them at once as the semaphore has permits (1000), each for so long at most (1000 ms). ^C ends all
// attempts, and what was found by then is printed.

#include "support/limits.hpp"
#include "support/number.hpp"
#include <sluice/sluice.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <getopt.h>

namespace {

namespace ip = sluice::ip;
using std::chrono::milliseconds;

struct app : sluice::config<> {};  // every default
using coro = sluice::coro_of<app>;

struct options {
  std::string_view host;
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  std::size_t at_once = 1000;
  milliseconds timeout{1000};

  [[nodiscard]] auto ports() const noexcept -> std::size_t { return last - first + std::size_t{1}; }

  static auto read(int argc, char** argv) -> std::optional<options> {
    static constexpr ::option known[] = {{"at-once", 1, nullptr, 'n'}, {"timeout", 1, nullptr, 't'}, {}};
    options made;
    for (int one = 0; (one = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
      const auto value = support::number<std::uint32_t>(optarg != nullptr ? optarg : "");
      if (one == '?' || value.value_or(0) == 0) return std::nullopt;
      if (one == 'n') made.at_once = *value;
      if (one == 't') made.timeout = milliseconds{*value};
    }
    if (argc - optind != 2) return std::nullopt;
    made.host = argv[optind];
    const std::string_view range = argv[optind + 1];
    const auto dash = range.find('-');
    if (dash == std::string_view::npos) return std::nullopt;
    const auto first = support::number<std::uint16_t>(range.substr(0, dash));
    const auto last = support::number<std::uint16_t>(range.substr(dash + 1));
    if (!first || !last || *first == 0 || *last < *first) return std::nullopt;
    made.first = *first;
    made.last = *last;
    return made;
  }
};

enum class state : std::uint8_t { untried, open, closed, silent, failed };

class scan {
 public:
  explicit scan(const options& what) : what_{what}, states_(what.ports(), state::untried) {}

  // Tries all ports. Whether it was not interrupted.
  auto try_all(ip::address host) -> bool {
    coro::semaphore turns{what_.at_once};
    coro::scope attempts{{.on_failure = sluice::on_failure::keep}};
    for (std::size_t i = 0; i != states_.size(); ++i) {
      auto turn = turns.hold();
      if (!turn) break;
      const ip::endpoint where{host, static_cast<std::uint16_t>(what_.first + i)};
      attempts.spawn([this, i, where, mine = std::move(*turn)] { states_[i] = attempt(where); });
    }
    const auto ended = attempts.join();  // interrupted, it ends them first
    if (!ended && ended.error() != std::errc::operation_canceled) why_ = ended.error();
    return !coro::this_task::cancelled();
  }

  void print(std::chrono::duration<double> spent) const {
    for (std::size_t i = 0; i != states_.size(); ++i)
      if (states_[i] == state::open) std::printf("%zu open\n", what_.first + i);
    std::printf("%zu open, %zu closed, %zu silent", count(state::open), count(state::closed), count(state::silent));
    if (const auto failed = count(state::failed); failed != 0) std::printf(", %zu failed (%s)", failed, why_.message().c_str());
    if (const auto untried = count(state::untried); untried != 0) std::printf(", %zu not tried", untried);
    std::printf(" in %.2f s\n", spent.count());
  }
  [[nodiscard]] auto found_out() const -> bool { return count(state::failed) == 0; }

 private:
  [[nodiscard]] auto count(state which) const -> std::size_t { return static_cast<std::size_t>(std::ranges::count(states_, which)); }

  auto attempt(ip::endpoint where) -> state {
    const auto made = coro::with_timeout(what_.timeout, [&] { return coro::tcp_stream::connect(where); });
    if (made) {
      // Where the system chose the port of this side from the same range, it may have met itself: nobody listens there.
      const auto mine = made->local();
      return mine && *mine == where ? state::closed : state::open;
    }
    const auto& error = made.error();
    if (error == std::errc::connection_refused || error == std::errc::connection_reset) return state::closed;
    if (error == std::errc::timed_out) return state::silent;
    if (error == std::errc::operation_canceled) return state::untried;
    why_ = error;
    return state::failed;
  }

  const options& what_;
  std::vector<state> states_;
  std::error_code why_;  // of the last one that failed
};

auto run(const options& what) -> sluice::result<int> {
  const auto found = coro::resolver{}.resolve(what.host);
  if (!found) {
    std::fprintf(stderr, "port_scan: %.*s: %s\n", static_cast<int>(what.host.size()), what.host.data(), found.error().message().c_str());
    return 1;
  }
  const auto host = found->front().address;
  const auto begun = std::chrono::steady_clock::now();
  scan all{what};
  const bool whole = all.try_all(host);
  all.print(std::chrono::steady_clock::now() - begun);
  if (!whole) {
    std::fprintf(stderr, "port_scan: interrupted\n");
    return 130;
  }
  return all.found_out() ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  auto what = options::read(argc, argv);
  if (!what) {
    std::fprintf(stderr, "usage: port_scan HOST FROM-TO [--at-once N] [--timeout MS]\n");
    return 2;
  }
  // Some descriptors are there already, and the ring takes another.
  constexpr std::size_t reserve = 16;
  const std::size_t limit = support::raise_descriptor_limit();
  what->at_once = std::min(what->at_once, limit > 2 * reserve ? limit - reserve : reserve);
  return coro::main([&] { return run(*what); });
}
