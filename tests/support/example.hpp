// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Runs the root task of an example in the test's own process, and asks it to end at one moment after the other: a server's of its talk
/// with a client, a program's of its work. The test includes the example's source, its main() under another name; several of them each in a
/// namespace of its own, after all that they include.

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>

#include <arpa/inet.h>
#include <coro/fixture.hpp>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

namespace example {

/// A port that nobody listens on.
inline auto free_port() -> std::uint16_t {
  const int one = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ::sockaddr_in where{};
  where.sin_family = AF_INET;
  where.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  ::socklen_t length = sizeof(where);
  ::bind(one, reinterpret_cast<const ::sockaddr*>(&where), length);
  ::getsockname(one, reinterpret_cast<::sockaddr*>(&where), &length);
  ::close(one);
  return ::ntohs(where.sin_port);
}

/// A client that takes what comes: it connects as soon as somebody listens, and gives up whenever the other side does.
class client {
 public:
  explicit client(std::uint16_t port) {
    ::sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_port = ::htons(port);
    where.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    for (int i = 0; i != 2000; ++i) {
      socket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
      const ::timeval patience{.tv_sec = 5, .tv_usec = 0};
      ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
      if (::connect(socket_, reinterpret_cast<const ::sockaddr*>(&where), sizeof(where)) == 0) return;
      ::close(socket_);
      socket_ = -1;
      std::this_thread::sleep_for(std::chrono::microseconds{10});
    }
  }
  client(const client&) = delete;
  auto operator=(const client&) -> client& = delete;
  ~client() {
    if (socket_ >= 0) ::close(socket_);
  }

  /// Sends a text and receives until what came ends with another one. Whether it did.
  auto talk(std::string_view text, std::string_view expected) -> bool {
    if (socket_ < 0 || ::send(socket_, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<::ssize_t>(text.size())) return false;
    for (std::string got; !got.ends_with(expected);) {
      char some[4096];
      const auto bytes = ::recv(socket_, some, sizeof(some), 0);
      if (bytes <= 0) return false;
      got.append(some, static_cast<std::size_t>(bytes));
    }
    return true;
  }

 private:
  int socket_ = -1;
};

/// What the process has: nothing of it may have become more.
struct possessions {
  static auto now() -> possessions {
    possessions made{.descriptors = fixture::open_descriptors()};
    ::DIR* const threads = ::opendir("/proc/self/task");
    while (const auto* const one = ::readdir(threads))
      if (one->d_name[0] != '.' && !is_of_kernel(one->d_name)) ++made.threads;
    ::closedir(threads);
    int status = 0;
    made.has_children = ::waitpid(-1, &status, WNOHANG) != -1;
    return made;
  }
  /// As `now()`, as soon as there are no more descriptors and threads than `before`, within a second: a thread of the test that serves the
  /// example closes what the example hung up on in its own time, and one that was joined may be listed a moment longer.
  static auto after(const possessions& before) -> possessions {
    auto made = now();
    for (int i = 0; i != 200 && (made.descriptors != before.descriptors || made.threads != before.threads); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds{5});
      made = now();
    }
    return made;
  }

  int descriptors = 0;
  int threads = 0;
  bool has_children = false;

 private:
  /// Those that io_uring has for itself stay for some seconds.
  static auto is_of_kernel(const char* thread) -> bool {
    std::string name;
    std::getline(std::ifstream{std::string{"/proc/self/task/"} + thread + "/comm"}, name);
    return name.starts_with("iou-");
  }
};

/// What examples say goes nowhere meanwhile.
class silence {
 public:
  silence() {
    for (int i = 0; i != 2; ++i) {
      std::fflush(i == 0 ? stdout : stderr);
      said_[i] = ::fcntl(i + 1, F_DUPFD_CLOEXEC, 3);
      ::dup2(nowhere_.handle.native(), i + 1);
    }
  }
  silence(const silence&) = delete;
  auto operator=(const silence&) -> silence& = delete;
  ~silence() {
    for (int i = 0; i != 2; ++i) {
      std::fflush(i == 0 ? stdout : stderr);
      ::dup2(said_[i], i + 1);
      ::close(said_[i]);
    }
  }

 private:
  fixture::scratch_file nowhere_;
  int said_[2] = {-1, -1};
};

/// How the rounds of a test went.
struct rounds {
  int all = 0;
  int whole = 0;  ///< over before it was asked to end
  std::string wrong;
  possessions before;
  possessions after;

  void check(int least) const {
    BOOST_TEST(wrong == "");
    BOOST_TEST(after.descriptors == before.descriptors);
    BOOST_TEST(after.threads == before.threads);
    BOOST_TEST(!after.has_children);
    BOOST_TEST(whole >= 5);
    BOOST_TEST(all >= least);
  }
};

/// Runs one round: `program()` as a task that is asked to end when `until(task)` comes back. What was wrong; empty if nothing was.
template <class Coro, class Program, class Until>
auto end_once(Program&& program, Until&& until) -> std::string {
  auto home = Coro::scheduler::make();
  if (!home.has_value()) return "there is no scheduler: " + home.error().message();
  std::string wrong;
  home->spawn({.name = "driver"}, [&] {
    auto root = Coro::spawn({.name = "example"}, program);
    until(root);
    root.request_cancel();
    const auto outcome = root.join();
    if (!outcome && outcome.error() != std::errc::operation_canceled) wrong = "it failed: " + outcome.error().message();
  });
  if (const auto outcome = home->run(); !outcome) wrong = "the scheduler failed: " + outcome.error().message();
  if (home->live() != 0) wrong = "there are tasks left";
  if (home->ring().in_flight() != 0) wrong = "there are operations left";
  if (home->ring().timers() != 0) wrong = "there are timers left";
  return wrong;
}

/// Runs `serve(port)` as the root task, and `talk(client)` on two threads beside it, again and again; each time the root task is asked to
/// end a little later, until the talk has been over before that several times: ten times at least, since one that has some grace may be
/// over however early it is asked. Nothing may be left. `run(port, moment)` does one round: what was wrong.
template <class Talk, class Run>
void ask_to_end_at_each_moment_of(Talk talk, Run run) {
  using namespace std::chrono_literals;
  constexpr int least = 10;
  rounds done;
  {
    // The example says where it listens, again and again.
    const silence kept;
    done.before = possessions::now();
    // In small steps as far as a talk usually lasts, and in larger ones on a machine that has other things to do.
    for (auto moment = 0us; (done.whole < 5 || done.all < least) && done.all < 200 && done.wrong.empty();
         moment += done.all < 100 ? 40us : moment / 10, ++done.all) {
      const auto port = free_port();
      std::thread others[2];
      bool talked[2] = {};
      for (int i = 0; i != 2; ++i)
        others[i] = std::thread{[&, i] {
          client one{port};
          talked[i] = talk(one);
        }};
      done.wrong = run(port, moment);
      for (auto& one : others) one.join();
      done.whole += talked[0] && talked[1] ? 1 : 0;
    }
    done.after = possessions::after(done.before);
  }
  done.check(least);
}
template <class Coro, class Serve, class Talk>
void ask_to_end_at_each_moment(Serve serve, Talk talk) {
  (void)Coro::run([] {});
  ask_to_end_at_each_moment_of(std::move(talk), [&](std::uint16_t port, std::chrono::microseconds moment) {
    return end_once<Coro>([&] { return serve(port); },
                          [&](auto& /*task*/) {
                            // By its first turn it listens, so that nobody waits in vain for long.
                            Coro::yield();
                            (void)Coro::sleep(moment);
                          });
  });
}

/// Runs `program()`, which ends by itself, as the root task again and again; each time it is asked to end some turns of the scheduler
/// later, until it was over before that several times. `looks_sound(whole)` looks at what is there after each round.
template <class Coro, class Program, class LooksSound>
void ask_to_end_at_each_turn(Program program, LooksSound looks_sound) {
  (void)Coro::run([] {});
  rounds done;
  {
    const silence kept;
    done.before = possessions::now();
    for (std::uint64_t turns = 0; done.whole < 5 && done.all < 400 && done.wrong.empty(); turns += 1 + turns / 16, ++done.all) {
      bool whole = false;
      done.wrong = end_once<Coro>(program, [&](auto& task) {
        for (std::uint64_t i = 0; i != turns && !task.done(); ++i) Coro::yield();
        whole = task.done();
      });
      done.whole += whole ? 1 : 0;
      if (done.wrong.empty() && !looks_sound(whole)) done.wrong = "what it left is not sound, after " + std::to_string(turns) + " turns";
    }
    done.after = possessions::after(done.before);
  }
  done.check(9);
}

}  // namespace example
