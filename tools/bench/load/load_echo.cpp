// SPDX-License-Identifier: MIT
/// @file Load for the echo servers: a fixed number of messages over plain epoll, and what each cost the server in CPU time.

#include <bench/support/arguments.hpp>
#include <bench/support/clock.hpp>
#include <bench/support/net.hpp>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <dirent.h>
#include <fcntl.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <unistd.h>

namespace {

constexpr auto usage =
    "load_echo --port N [--pid N] [--conns N] [--bytes N] [--depth N] [--messages N] [--warm N] [--idle N] [--burst N]"
    " [--seconds N]";

[[noreturn]] void fail(const std::string& why) {
  std::fprintf(stderr, "load_echo: %s\n", why.c_str());
  std::exit(1);
}

/// What the kernel knows about the server process from outside.
class observed {
 public:
  explicit observed(std::uint64_t pid) : pid_{pid} {}

  /// CPU time of all its threads, user and system. \units nanoseconds
  [[nodiscard]] auto cpu() const -> std::uint64_t {
    if (pid_ == 0) return 0;
    auto tasks = "/proc/" + std::to_string(pid_) + "/task";
    auto* folder = opendir(tasks.c_str());
    if (folder == nullptr) fail("the server has gone");
    std::uint64_t sum = 0;
    while (auto* entry = readdir(folder)) {
      if (entry->d_name[0] == '.') continue;
      auto* file = std::fopen((tasks + "/" + entry->d_name + "/schedstat").c_str(), "re");
      unsigned long long spent = 0;
      if (file != nullptr) {
        if (std::fscanf(file, "%llu", &spent) == 1) sum += spent;
        std::fclose(file);
      }
    }
    closedir(folder);
    return sum;
  }

  /// Open descriptors.
  [[nodiscard]] auto descriptors() const -> std::uint64_t {
    if (pid_ == 0) return 0;
    auto path = "/proc/" + std::to_string(pid_) + "/fd";
    struct stat status{};
    if (stat(path.c_str(), &status) == 0 && status.st_size > 0) return static_cast<std::uint64_t>(status.st_size);
    auto* folder = opendir(path.c_str());  // before Linux 6.2 the folder's size says nothing
    if (folder == nullptr) fail("the server has gone");
    std::uint64_t count = 0;
    while (auto* entry = readdir(folder)) count += entry->d_name[0] != '.' ? 1U : 0U;
    closedir(folder);
    return count;
  }

 private:
  std::uint64_t pid_;
};

/// Ends the program when it takes longer than it may.
class deadline {
 public:
  explicit deadline(std::uint64_t seconds) : end_{bench::now() + static_cast<std::int64_t>(seconds) * 1'000'000'000} {}
  void check(const char* doing) const {
    if (bench::now() > end_) fail(std::string{"time is up while "} + doing);
  }

 private:
  std::int64_t end_;
};

struct connection {
  int socket = -1;
  std::uint64_t unsent = 0;          ///< bytes of started messages that the socket did not take yet
  std::uint64_t sent = 0;            ///< bytes ever sent
  std::uint64_t received = 0;        ///< bytes ever received
  std::uint64_t first = 0;           ///< index of the oldest start time
  std::vector<std::int64_t> starts;  ///< one a message in flight, a ring of `depth`
};

struct shape {
  std::uint64_t bytes;
  std::uint64_t depth;
};

class load {
 public:
  load(std::uint16_t port, shape of, const deadline& until) : port_{port}, of_{of}, until_{until} {
    chunk_.resize(std::max<std::uint64_t>(of.bytes * of.depth, 64 * 1024) + of.bytes);
    for (std::size_t i = 0; i < chunk_.size(); ++i) chunk_[i] = static_cast<char>('a' + i % of.bytes % 23);
    answer_.resize(chunk_.size() - of.bytes);
  }

  /// Opens `count` more connections, a wave at a time, and has one message echoed on each: then the server knows them all.
  void open(std::uint64_t count) {
    auto start = connections_.size();
    connections_.resize(start + count);
    for (auto i = start; i < connections_.size();) {
      auto end = std::min<std::size_t>(i + 256, connections_.size());
      auto wave = i;
      for (; i < end; ++i) dial(i);
      exchange(wave, end, end - wave);
    }
  }

  /// `total` messages over the connections [first, last), each with `depth` of them in flight.
  void exchange(std::size_t first, std::size_t last, std::uint64_t total) {
    to_start_ = total;
    to_finish_ = total;
    auto depth = std::min(of_.depth, std::max<std::uint64_t>(total / (last - first), 1));
    for (auto i = first; i < last; ++i) start(connections_[i], depth);
    std::array<epoll_event, 512> ready;
    while (to_finish_ != 0) {
      int count = epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), 1000);
      until_.check("waiting for echoes");
      for (int i = 0; i < count; ++i) serve(ready[static_cast<std::size_t>(i)]);
    }
  }

  void keep_latencies(std::uint64_t count) { latencies_.reserve(count), keep_ = true; }
  void drop_latencies() { keep_ = false; }

  /// The latency that the share `part` of the messages did not exceed. \units microseconds
  auto latency(double part) -> double {
    if (latencies_.empty()) return 0;
    auto at = latencies_.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(latencies_.size() - 1));
    std::nth_element(latencies_.begin(), at, latencies_.end());
    return static_cast<double>(*at) / 1000;
  }

  void close_all() {
    for (auto& one : connections_) ::close(one.socket);
    connections_.clear();
  }

 private:
  /// One source address for 10,000 connections: none runs out of ports.
  void dial(std::size_t index) {
    auto& one = connections_[index];
    one.socket = bench::must(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    int on = 1;
    setsockopt(one.socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    auto from = bench::loopback(0);
    from.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + static_cast<std::uint32_t>(index / 10'000));
    bench::must(::bind(one.socket, reinterpret_cast<sockaddr*>(&from), sizeof from), "bind");
    auto to = bench::loopback(port_);
    bench::must(::connect(one.socket, reinterpret_cast<sockaddr*>(&to), sizeof to), "connect");
    bench::no_delay(one.socket);
    bench::must(fcntl(one.socket, F_SETFL, O_NONBLOCK), "fcntl");
    one.starts.resize(of_.depth);
    watch(index, EPOLL_CTL_ADD, EPOLLIN);
  }

  void watch(std::size_t index, int how, std::uint32_t events) {
    epoll_event event{};
    event.events = events;
    event.data.u64 = index;
    bench::must(epoll_ctl(epoll_, how, connections_[index].socket, &event), "epoll_ctl");
  }

  /// Sends `count` new messages, or as many as are left to start.
  void start(connection& one, std::uint64_t count) {
    count = std::min(count, to_start_);
    if (count == 0) return;
    to_start_ -= count;
    auto at = bench::now();
    auto flying = (one.sent + one.unsent - one.received + of_.bytes - 1) / of_.bytes;
    for (std::uint64_t i = 0; i < count; ++i) one.starts[(one.first + flying + i) % of_.depth] = at;
    one.unsent += count * of_.bytes;
    push(one);
  }

  void push(connection& one) {
    auto index = static_cast<std::size_t>(&one - connections_.data());
    auto sent = ::send(one.socket, chunk_.data() + one.sent % of_.bytes, one.unsent, MSG_NOSIGNAL);
    if (sent < 0 && errno != EAGAIN) fail(std::string{"send: "} + std::strerror(errno));
    if (sent > 0) {
      one.sent += static_cast<std::uint64_t>(sent);
      one.unsent -= static_cast<std::uint64_t>(sent);
    }
    if (one.unsent != 0) watch(index, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
  }

  void serve(const epoll_event& event) {
    auto& one = connections_[event.data.u64];
    if ((event.events & EPOLLOUT) != 0) {
      push(one);
      if (one.unsent == 0) watch(event.data.u64, EPOLL_CTL_MOD, EPOLLIN);
    }
    if ((event.events & ~std::uint32_t{EPOLLOUT}) == 0) return;
    auto got = ::recv(one.socket, answer_.data(), answer_.size(), 0);
    if (got < 0 && errno == EAGAIN) return;
    if (got <= 0) fail(got == 0 ? "the server closed a connection" : std::string{"recv: "} + std::strerror(errno));
    auto bytes = static_cast<std::uint64_t>(got);
    if (std::memcmp(answer_.data(), chunk_.data() + one.received % of_.bytes, bytes) != 0) fail("an echo differs from what was sent");
    auto whole = one.received / of_.bytes;
    one.received += bytes;
    if (one.received > one.sent) fail("more came back than was sent");
    whole = one.received / of_.bytes - whole;
    if (whole == 0) return;
    auto at = keep_ ? bench::now() : 0;
    for (std::uint64_t i = 0; i < whole; ++i) {
      if (keep_) latencies_.push_back(static_cast<std::uint32_t>(std::min<std::int64_t>(at - one.starts[one.first], UINT32_MAX)));
      one.first = (one.first + 1) % of_.depth;
    }
    to_finish_ -= whole;
    start(one, whole);
  }

  std::uint16_t port_;
  shape of_;
  const deadline& until_;
  int epoll_ = bench::must(epoll_create1(EPOLL_CLOEXEC), "epoll_create1");
  std::vector<connection> connections_;
  std::vector<char> chunk_;  ///< messages end to end, so that a send may start anywhere in one
  std::vector<char> answer_;
  std::vector<std::uint32_t> latencies_;
  std::uint64_t to_start_ = 0;
  std::uint64_t to_finish_ = 0;
  bool keep_ = false;
};

/// Lets the server go to sleep: the kernel brings its CPU time up to date then.
void settle() { usleep(20'000); }

/// Opens `count` connections as fast as the server takes them, closes all of them at once, waits until it has no descriptor left.
void burst(std::uint16_t port, std::uint64_t count, const observed& server, const deadline& until) {
  auto before = server.descriptors();
  for (int quiet = 0; quiet < 5; ++quiet) {  // earlier connections may still be on their way out
    settle();
    auto again = server.descriptors();
    if (again != before) quiet = 0;
    before = again;
    until.check("waiting for the server to come to rest");
  }
  auto cpu = server.cpu();
  auto start = bench::now();
  std::vector<int> sockets;
  for (std::uint64_t i = 0; i < count; ++i) {
    int socket = bench::must(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), "socket");
    auto to = bench::loopback(port);
    bench::must(::connect(socket, reinterpret_cast<sockaddr*>(&to), sizeof to), "connect");
    sockets.push_back(socket);
    while (i % 512 == 511 && server.descriptors() < before + i + 1) until.check("connecting");
  }
  while (server.descriptors() < before + count) until.check("waiting for accepts");
  for (int socket : sockets) ::close(socket);
  while (server.descriptors() > before) {
    until.check("waiting for the server to close");
    usleep(1000);
  }
  auto seconds = static_cast<double>(bench::now() - start) / 1e9;
  settle();
  std::printf("{\"cpu\": %.6g, \"rate\": %.6g, \"left\": %llu}\n", static_cast<double>(server.cpu() - cpu) / static_cast<double>(count),
              static_cast<double>(count) / seconds, static_cast<unsigned long long>(server.descriptors() - before));
}

}  // namespace

int main(int argc, char** argv) {
  bench::arguments given{
      argc, argv, {"--port", "--pid", "--conns", "--bytes", "--depth", "--messages", "--warm", "--idle", "--burst", "--seconds"}};
  auto port = static_cast<std::uint16_t>(given.number("--port", 0));
  if (port == 0) fail(usage);
  bench::raise_descriptor_limit();
  observed server{given.number("--pid", 0)};
  deadline until{given.number("--seconds", 60)};
  if (auto count = given.number("--burst", 0); count != 0) {
    if (given.number("--pid", 0) == 0) fail("--burst needs --pid");
    burst(port, count, server, until);
    return 0;
  }
  auto conns = given.number("--conns", 1);
  shape of{given.number("--bytes", 64), given.number("--depth", 1)};
  auto messages = given.number("--messages", 100'000);
  if (conns == 0 || of.bytes == 0 || of.depth == 0 || messages == 0) fail(usage);
  load traffic{port, of, until};
  traffic.open(conns + given.number("--idle", 0));
  traffic.exchange(0, conns, std::max(given.number("--warm", messages / 10), conns));
  settle();
  traffic.keep_latencies(messages);
  auto cpu = server.cpu();
  auto start = bench::now();
  traffic.exchange(0, conns, messages);
  auto seconds = static_cast<double>(bench::now() - start) / 1e9;
  traffic.drop_latencies();
  settle();
  cpu = server.cpu() - cpu;
  std::printf("{\"cpu\": %.6g, \"rate\": %.6g, \"p50\": %.6g, \"p99\": %.6g}\n", static_cast<double>(cpu) / static_cast<double>(messages),
              static_cast<double>(messages) / seconds, traffic.latency(0.5), traffic.latency(0.99));
  traffic.close_all();
}
