// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The descriptors of one run of a random test of chains: what they hold at first, what happens to them beside the operations, what is
/// left.

#include <support/descriptors.hpp>
#include <support/oracle/plan.hpp>

#include <cerrno>
#include <string>
#include <string_view>
#include <vector>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

namespace oracle {

/// A number that no file has.
inline constexpr int bad_number = 7777;

/// The descriptors that a plan names. Operations may close them, and then a number may mean another file: each is known by its inode.
class world {
 public:
  explicit world(const plan& p) : plan_{p}, choked_(p.things.size()) {
    for (std::size_t i = 0; i < p.things.size(); ++i) make(i);
  }
  world(const world&) = delete;
  auto operator=(const world&) -> world& = delete;
  ~world() {
    for (auto& one : ends_)
      if (is_open(one)) ::close(one.number);
  }

  [[nodiscard]] auto number(int thing, int end) const -> int {
    if (thing < 0) return bad_number;
    return ends_[static_cast<std::size_t>(thing) * 2 + static_cast<std::size_t>(end)].number;
  }

  /// What happens beside the operations.
  void apply(const event& e) {
    const auto sends = number(e.on, 1 - e.end);
    if (e.what == deed::feed) {
      const std::string bytes(e.size, 'f');
      (void)!::write(sends, bytes.data(), bytes.size());
    } else if (e.what == deed::drain) {
      // No more than was there: what whoever waits for room sends meanwhile is not taken.
      int there = 0;
      const int from = number(e.on, e.end);
      BOOST_REQUIRE(::ioctl(from, FIONREAD, &there) == 0);
      std::string bytes(static_cast<std::size_t>(there), '\0');
      if (there != 0) BOOST_REQUIRE(::read(from, bytes.data(), bytes.size()) == there);
    } else if (e.what == deed::hang_up) {
      ::close(number(e.on, e.end));
    }
  }

  /// Numbers that are still open, for whoever wants to close them.
  [[nodiscard]] auto open_numbers() const -> std::vector<int> {
    std::vector<int> all;
    for (const auto& one : ends_)
      if (is_open(one)) all.push_back(one.number);
    return all;
  }

  /// What is there afterwards.
  void look(outcome& o) const {
    for (std::size_t i = 0; i < ends_.size(); ++i) {
      o.open.push_back(is_open(ends_[i]) ? 1 : 0);
      o.left.emplace_back();
      if (o.open.back() == 0) continue;
      const auto what = plan_.things[i / 2].what;
      if (what == sort::file) {
        std::string bytes(65536, '\0');
        const auto got = ::pread(ends_[i].number, bytes.data(), bytes.size(), 0);
        bytes.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
        o.left.back() = bytes + "@" + std::to_string(::lseek(ends_[i].number, 0, SEEK_CUR));
      } else if (what != sort::lonely && !((what == sort::pipe || what == sort::full_pipe) && i % 2 == 1)) {
        o.left.back() = take(ends_[i].number);
      }
    }
    o.choked = choked_;
  }

 private:
  struct place {
    int number = -1;
    ::ino_t inode = 0;
    ::dev_t device = 0;
  };

  static auto is_open(const place& one) -> bool {
    struct ::stat now{};
    return one.number >= 0 && ::fstat(one.number, &now) == 0 && now.st_ino == one.inode && now.st_dev == one.device;
  }

  /// All that can be read without waiting.
  static auto take(int number) -> std::string {
    std::string all;
    for (;;) {
      char bytes[65536];
      int there = 0;
      auto got = ::recv(number, bytes, sizeof(bytes), MSG_DONTWAIT);
      if (got < 0 && errno == ENOTSOCK) {
        if (::ioctl(number, FIONREAD, &there) != 0 || there == 0) return all;
        got = ::read(number, bytes, sizeof(bytes));
      }
      if (got <= 0) return all;
      all.append(bytes, static_cast<std::size_t>(got));
    }
  }

  void add(int a, int b) {
    for (const int number : {a, b}) {
      place one;
      one.number = number;
      struct ::stat now{};
      if (number >= 0 && ::fstat(number, &now) == 0) {
        one.inode = now.st_ino;
        one.device = now.st_dev;
      }
      ends_.push_back(one);
    }
  }

  void make(std::size_t index) {
    const auto& t = plan_.things[index];
    int made[2] = {-1, -1};
    const auto put = [&](int from, std::size_t count) {
      const std::string bytes(count, 'p');
      if (count != 0) BOOST_REQUIRE(::write(made[from], bytes.data(), count) == static_cast<::ssize_t>(count));
    };
    switch (t.what) {
      case sort::pipe:
      case sort::full_pipe:
        BOOST_REQUIRE(::pipe2(made, O_CLOEXEC) == 0);
        if (t.what == sort::full_pipe) BOOST_REQUIRE(::fcntl(made[1], F_SETPIPE_SZ, 4096) == 4096);
        put(1, t.before[0]);
        break;
      case sort::pair:
      case sort::choked_pair:
      case sort::datagrams:
        BOOST_REQUIRE(::socketpair(AF_UNIX, (t.what == sort::datagrams ? SOCK_DGRAM : SOCK_STREAM) | SOCK_CLOEXEC, 0, made) == 0);
        if (t.what == sort::choked_pair) {
          const int small = 4608;
          ::setsockopt(made[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
          const std::string bytes(1024, 'p');
          for (;;) {
            const auto sent = ::send(made[0], bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
            if (sent <= 0) break;
            choked_[index] += static_cast<std::size_t>(sent);
          }
        } else {
          put(0, t.before[1]);
        }
        put(1, t.before[0]);
        break;
      case sort::file:
        made[0] = ::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
        BOOST_REQUIRE(made[0] >= 0);
        if (t.before[0] != 0) {
          const std::string bytes(t.before[0], 'p');
          BOOST_REQUIRE(::pwrite(made[0], bytes.data(), bytes.size(), 0) == static_cast<::ssize_t>(bytes.size()));
        }
        break;
      case sort::lonely: made[0] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); break;
    }
    add(made[0], made[1]);
  }

  const plan& plan_;
  std::vector<place> ends_;
  std::vector<std::size_t> choked_;
};

/// Bytes for each member: what it sends, or room for what it reads.
struct buffers {
  std::vector<std::string> bytes;

  explicit buffers(const plan& p) {
    for (std::size_t i = 0; i < p.members.size(); ++i) {
      const auto& m = p.members[i];
      const bool writes = m.what == verb::write || m.what == verb::send;
      bytes.emplace_back(m.size, writes ? static_cast<char>('A' + i % 26) : '\0');
    }
  }
  /// What a member has read.
  [[nodiscard]] auto read(const plan& p, std::size_t i, int result) const -> std::string {
    if ((p.members[i].what != verb::read && p.members[i].what != verb::recv) || result <= 0) return {};
    return bytes[i].substr(0, static_cast<std::size_t>(result));
  }
};

}  // namespace oracle
