// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Descriptors for tests: owned ones, pairs of sockets, pipes, listeners, and how many the process has.

#include <sluice/handle.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

namespace support {

/// Owns a descriptor.
class descriptor {
 public:
  descriptor() noexcept = default;
  explicit descriptor(int number) noexcept : number_{number} {}
  descriptor(descriptor&& other) noexcept : number_{std::exchange(other.number_, -1)} {}
  auto operator=(descriptor&& other) noexcept -> descriptor& {
    if (this != &other) {
      reset();
      number_ = std::exchange(other.number_, -1);
    }
    return *this;
  }
  ~descriptor() { reset(); }

  void reset() noexcept {
    if (number_ >= 0) ::close(std::exchange(number_, -1));
  }
  auto release() noexcept -> int { return std::exchange(number_, -1); }
  [[nodiscard]] auto get() const noexcept -> int { return number_; }
  [[nodiscard]] auto file() const noexcept -> sluice::file_handle { return sluice::file_handle{number_}; }
  [[nodiscard]] auto socket() const noexcept -> sluice::socket_handle { return sluice::socket_handle{number_}; }

 private:
  int number_ = -1;
};

/// Two ends of something.
struct ends {
  descriptor near;
  descriptor far;
};

inline auto socket_pair(int type = SOCK_STREAM) -> ends {
  int made[2];
  BOOST_REQUIRE(::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, made) == 0);
  return {descriptor{made[0]}, descriptor{made[1]}};
}

/// `near` is read, `far` is written.
inline auto pipe_pair() -> ends {
  int made[2];
  BOOST_REQUIRE(::pipe2(made, O_CLOEXEC) == 0);
  return {descriptor{made[0]}, descriptor{made[1]}};
}

/// A TCP socket on the loopback interface that listens, and its port.
struct listener {
  descriptor socket;
  std::uint16_t port = 0;

  explicit listener(int backlog = 128) : socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)} {
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::socklen_t length = sizeof(address);
    BOOST_REQUIRE(::bind(socket.get(), reinterpret_cast<::sockaddr*>(&address), length) == 0);
    BOOST_REQUIRE(::listen(socket.get(), backlog) == 0);
    BOOST_REQUIRE(::getsockname(socket.get(), reinterpret_cast<::sockaddr*>(&address), &length) == 0);
    port = ntohs(address.sin_port);
  }

  /// A client that is connected to it, and waits in the backlog.
  [[nodiscard]] auto client() const -> descriptor {
    descriptor made{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    BOOST_REQUIRE(::connect(made.get(), reinterpret_cast<::sockaddr*>(&address), sizeof(address)) == 0);
    return made;
  }
};

/// Two ends of a TCP connection: `near` was accepted.
inline auto tcp_pair() -> ends {
  const listener server;
  auto client = server.client();
  descriptor accepted{::accept4(server.socket.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  BOOST_REQUIRE(accepted.get() >= 0);
  return {std::move(accepted), std::move(client)};
}

/// Makes the peer see a reset instead of an end.
inline void reset_connection(descriptor& end) {
  const ::linger at_once{.l_onoff = 1, .l_linger = 0};
  BOOST_REQUIRE(::setsockopt(end.get(), SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)) == 0);
  end.reset();
}

inline auto bytes_of(std::string_view text) noexcept -> std::span<const std::byte> {
  return std::as_bytes(std::span{text.data(), text.size()});
}

/// Bytes to receive into, read back as text.
template <std::size_t Size = 64>
struct buffer {
  std::array<std::byte, Size> bytes{};
  [[nodiscard]] auto span(std::size_t count = Size) noexcept -> std::span<std::byte> { return std::span{bytes}.first(count); }
  [[nodiscard]] auto text(std::size_t count) const -> std::string { return {reinterpret_cast<const char*>(bytes.data()), count}; }
};

inline void put(const descriptor& end, std::string_view text) {
  BOOST_REQUIRE(::write(end.get(), text.data(), text.size()) == static_cast<::ssize_t>(text.size()));
}

/// Sends until there is no more room.
inline void fill(const descriptor& end) {
  const std::string big(1'000'000, 'x');
  while (::send(end.get(), big.data(), big.size(), MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {}
}

/// Whether a descriptor turns readable within so many milliseconds. An interruption is not an answer: the kernel takes rings down after
/// their owner has gone on, and may interrupt its thread for that.
inline auto readable(int number, int milliseconds) noexcept -> bool {
  ::pollfd one{.fd = number, .events = POLLIN, .revents = 0};
  int outcome = 0;
  while ((outcome = ::poll(&one, 1, milliseconds)) < 0 && errno == EINTR) {}
  return outcome == 1;
}

/// What can be read at once, at most `most` bytes.
inline auto take(const descriptor& end, std::size_t most = 64) -> std::string {
  std::string text(most, '\0');
  const auto got = readable(end.get(), 0) ? ::read(end.get(), text.data(), most) : 0;
  text.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  return text;
}

inline auto is_open(int number) noexcept -> bool { return ::fcntl(number, F_GETFD) >= 0; }

/// How many descriptors the process has.
inline auto count_descriptors() -> std::size_t {
  ::DIR* const folder = ::opendir("/proc/self/fd");
  BOOST_REQUIRE(folder != nullptr);
  std::size_t count = 0;
  while (const auto* row = ::readdir(folder))
    if (row->d_name[0] != '.') ++count;
  ::closedir(folder);
  return count - 1;  // the folder's own
}

/// A file without a name that vanishes with its descriptor.
inline auto temporary_file(std::string_view content = {}) -> descriptor {
  descriptor made{::open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600)};
  BOOST_REQUIRE(made.get() >= 0);
  if (!content.empty()) BOOST_REQUIRE(::pwrite(made.get(), content.data(), content.size(), 0) == static_cast<::ssize_t>(content.size()));
  return made;
}

/// A folder that is removed, with the plain files in it, at the end.
class temporary_folder {
 public:
  temporary_folder() { BOOST_REQUIRE(::mkdtemp(path_.data()) != nullptr); }
  temporary_folder(const temporary_folder&) = delete;
  auto operator=(const temporary_folder&) -> temporary_folder& = delete;
  ~temporary_folder() {
    if (::DIR* const folder = ::opendir(path_.c_str())) {
      while (const auto* row = ::readdir(folder)) ::unlinkat(::dirfd(folder), row->d_name, 0);
      ::closedir(folder);
    }
    ::rmdir(path_.c_str());
  }
  [[nodiscard]] auto operator/(std::string_view name) const -> std::string { return path_ + "/" + std::string{name}; }

 private:
  std::string path_ = "/tmp/sluice-test-XXXXXX";
};

/// Changes a soft limit of the process until it goes out of scope.
class limit_guard {
 public:
  limit_guard(int what, ::rlim_t value) : what_{what} {
    ::getrlimit(static_cast<__rlimit_resource_t>(what_), &before_);
    auto changed = before_;
    changed.rlim_cur = value < before_.rlim_max ? value : before_.rlim_max;
    BOOST_REQUIRE(::setrlimit(static_cast<__rlimit_resource_t>(what_), &changed) == 0);
  }
  limit_guard(const limit_guard&) = delete;
  auto operator=(const limit_guard&) -> limit_guard& = delete;
  ~limit_guard() { ::setrlimit(static_cast<__rlimit_resource_t>(what_), &before_); }

 private:
  int what_;
  ::rlimit before_{};
};

}  // namespace support
