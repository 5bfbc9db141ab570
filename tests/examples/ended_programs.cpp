// SPDX-License-Identifier: MIT
// Examples that end by themselves, and one that never does, asked to end at one turn of their schedulers after the other.
// What the examples include comes first: each of them is then read in a namespace of its own.
#define main main_of_example
#include "../../examples/support/http_client.hpp"
#include "../../examples/support/limits.hpp"
#include "../../examples/support/links.hpp"
#include "../../examples/support/number.hpp"
#include "../../examples/support/output.hpp"
#include "../../examples/support/owned.hpp"
#include "../../examples/support/progress.hpp"
#include "../../examples/support/watches.hpp"
#include <sluice/sluice.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <deque>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <ranges>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <getopt.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

namespace port_scan {
#include "../../examples/port_scan.cpp"
}  // namespace port_scan
namespace crawl_local {
#include "../../examples/crawl_local.cpp"
}  // namespace crawl_local
namespace tree {
#include "../../examples/tree.cpp"
}  // namespace tree
namespace file_copy {
#include "../../examples/file_copy.cpp"
}  // namespace file_copy
namespace shell_pipeline {
#include "../../examples/shell_pipeline.cpp"
}  // namespace shell_pipeline
namespace tail_follow {
#include "../../examples/tail_follow.cpp"
}  // namespace tail_follow
#undef main

#include <support/example.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

/// A folder that is gone at the end.
struct folder {
  folder() {
    std::string pattern = (fs::temp_directory_path() / "sluice.XXXXXX").string();
    path = ::mkdtemp(pattern.data());
  }
  folder(const folder&) = delete;
  auto operator=(const folder&) -> folder& = delete;
  ~folder() { fs::remove_all(path); }

  void write(const std::string& name, std::size_t bytes) const {
    fs::create_directories((path / name).parent_path());
    std::ofstream{path / name} << std::string(bytes, 'x');
  }
  [[nodiscard]] auto names() const -> std::set<std::string> {
    std::set<std::string> all;
    for (const auto& one : fs::recursive_directory_iterator{path}) all.insert(one.path().lexically_relative(path).string());
    return all;
  }

  fs::path path;
};

/// Listens until the end, and has two pages that lead to each other and nowhere.
class site {
 public:
  site() {
    ::sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    ::socklen_t length = sizeof(where);
    ::bind(listener_, reinterpret_cast<const ::sockaddr*>(&where), length);
    ::getsockname(listener_, reinterpret_cast<::sockaddr*>(&where), &length);
    port = ::ntohs(where.sin_port);
    ::listen(listener_, 16);
    thread_ = std::thread{[this] { serve(); }};
  }
  site(const site&) = delete;
  auto operator=(const site&) -> site& = delete;
  ~site() {
    ::shutdown(listener_, SHUT_RDWR);
    thread_.join();
    ::close(listener_);
  }

  std::uint16_t port = 0;

 private:
  // Each request is a connection of its own here, so nobody is kept from the next one.
  void serve() {
    for (int peer = 0; (peer = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC)) >= 0; ::close(peer)) {
      std::string asked;
      while (asked.find("\r\n\r\n") == std::string::npos) {
        char some[1024];
        const auto bytes = ::recv(peer, some, sizeof(some), 0);
        if (bytes <= 0) break;
        asked.append(some, static_cast<std::size_t>(bytes));
      }
      const std::string page = "<a href=/one>1</a><a href=/two>2</a>";
      const auto answer =
          "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\nContent-Length: " + std::to_string(page.size()) + "\r\n\r\n" +
          page;
      if (!asked.empty()) (void)::send(peer, answer.data(), answer.size(), MSG_NOSIGNAL);
    }
  }

  int listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  std::thread thread_;
};

constexpr auto nothing_to_see = [](bool /*whole*/) { return true; };

template <class Config>
void end_tree() {
  const folder below;
  // Several branches, so that folders wait to be opened from others meanwhile.
  for (const char* name : {"a/one", "a/b/two", "a/b/c/three", "a/d/four", "a/e/f/five", "g/h/six", "g/i/seven", "g/j/k/eight", "nine"})
    below.write(name, 10);
  const tree::request wanted{.roots = {below.path.string()}, .jobs = 3};
  const auto before = below.names();
  example::ask_to_end_at_each_turn<sluice::coro_of<Config>>([&] { return tree::list<Config>(wanted); },
                                                            [&](bool /*whole*/) { return below.names() == before; });
}

template <class Config>
void end_pipeline() {
  shell_pipeline::request wanted;
  wanted.commands = {{"cat"}, {"tr", "a", "b"}};
  wanted.input = std::string(100'000, 'a');
  example::ask_to_end_at_each_turn<sluice::coro_of<Config>>([&] { return shell_pipeline::pipeline<Config>{wanted}.run(); },
                                                            [](bool /*whole*/) { return ::waitpid(-1, nullptr, WNOHANG) == -1; });
}

template <class Config>
void end_following() {
  using coro = sluice::coro_of<Config>;
  const folder below;
  below.write("log", 100);
  const tail_follow::request wanted{.names = {(below.path / "log").string()}, .by_name = true};
  // It would go on for ever, so its time is up one day; meanwhile the file grows, and another one gets its name.
  example::ask_to_end_at_each_turn<coro>(
      [&]() -> sluice::result<void> {
        typename coro::scope writer;
        writer.spawn([&] {
          for (int i = 0; coro::sleep(200us); ++i) {
            if (i % 4 == 3) fs::rename(below.path / "log", below.path / "log.old");
            std::ofstream{below.path / "log", std::ios::app} << "one more\n";
          }
        });
        const auto followed = coro::with_timeout(3ms, [&] { return tail_follow::follower<Config>{wanted}.run(); });
        if (!followed && followed.error() != sluice::errc::timed_out) return std::unexpected{followed.error()};
        writer.cancel();
        return {};
      },
      nothing_to_see);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ended_programs, *needs::ring())

BOOST_AUTO_TEST_CASE(port_scan) {
  const site here;
  const auto first = static_cast<std::uint16_t>(here.port - 20);
  const ::port_scan::options wanted{.host = "127.0.0.1", .first = first, .last = here.port, .at_once = 8};
  example::ask_to_end_at_each_turn<::port_scan::coro>([&] { return ::port_scan::run(wanted); }, nothing_to_see);
}

BOOST_AUTO_TEST_CASE(crawl_local) {
  const site here;
  ::crawl_local::options wanted;
  wanted.start = *support::http_url::parse("http://127.0.0.1:" + std::to_string(here.port) + "/");
  wanted.at_once = 2;
  example::ask_to_end_at_each_turn<::crawl_local::coro>([&] { return ::crawl_local::crawl(wanted); }, nothing_to_see);
}

BOOST_AUTO_TEST_CASE(tree_on_a_ring) { end_tree<tree::uring_app>(); }
BOOST_AUTO_TEST_CASE(tree_on_epoll) { end_tree<tree::epoll_app>(); }

/// Each copy is whole or not there, and nothing else is.
BOOST_AUTO_TEST_CASE(file_copy) {
  const folder from;
  const folder to;
  std::vector<::file_copy::work> all;
  for (const std::size_t bytes : {0U, 100U, 200'000U}) {
    const auto name = std::to_string(bytes);
    from.write(name, bytes);
    all.push_back({.from = from.path / name, .to = to.path / name});
  }
  example::ask_to_end_at_each_turn<::file_copy::coro>(
      [&]() -> sluice::result<void> {
        support::progress so_far;
        return ::file_copy::copy_all(all, to.path, so_far);
      },
      [&](bool whole) {
        const auto names = to.names();
        bool sound = !whole || names.size() == all.size();
        for (const auto& name : names) {
          sound = sound && fs::exists(from.path / name) && fs::file_size(to.path / name) == fs::file_size(from.path / name);
          fs::remove(to.path / name);
        }
        return sound;
      });
}

BOOST_AUTO_TEST_CASE(shell_pipeline_on_a_ring) { end_pipeline<shell_pipeline::uring_app>(); }
BOOST_AUTO_TEST_CASE(shell_pipeline_on_epoll) { end_pipeline<shell_pipeline::epoll_app>(); }

BOOST_AUTO_TEST_CASE(tail_follow_on_a_ring) { end_following<tail_follow::uring_app>(); }
BOOST_AUTO_TEST_CASE(tail_follow_on_epoll) { end_following<tail_follow::epoll_app>(); }

BOOST_AUTO_TEST_SUITE_END()
