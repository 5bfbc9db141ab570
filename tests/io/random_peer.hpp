// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Connections whose other ends are held by plain threads, made from a seed: what comes, and when, is up to the kernel and not to turns of
/// tasks.

#include <sluice/sluice.hpp>
#include <support/descriptors.hpp>
#include <support/dice.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <list>
#include <span>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace fixture::random {

using support::dice;

/// The byte at a place of every stream.
constexpr auto peers_byte(std::size_t place) noexcept -> std::byte {
  return static_cast<std::byte>(place * 7 + place / 251 * 13 + place / 4096 * 5);
}

/// A thread that writes or reads by calls that block, in its own time. It sees no test: what it finds is judged after it has ended.
class blocking_peer {
 public:
  /// How the writer leaves a connection.
  enum class leave { as_it_is, ended, reset };

  /// Writes so many bytes and leaves.
  static auto writer(int number, std::size_t total, leave way, dice d) -> std::jthread {
    return std::jthread{[=]() mutable {
      // Whoever reads may have gone.
      ::sigset_t broken;
      sigemptyset(&broken);
      sigaddset(&broken, SIGPIPE);
      ::pthread_sigmask(SIG_BLOCK, &broken, nullptr);
      std::vector<std::byte> piece;
      for (std::size_t done = 0; done != total;) {
        piece.resize(std::min(total - done, piece_size(d)));
        for (std::size_t i = 0; i != piece.size(); ++i) piece[i] = peers_byte(done + i);
        const auto written = ::write(number, piece.data(), piece.size());
        if (written <= 0) return;
        done += static_cast<std::size_t>(written);
        pause(d);
      }
      // A TCP socket that is disconnected resets its connection, and its number stays. The thread sanitizer takes a connect for the begin
      // of a descriptor, and is not shown it.
      const ::sockaddr nobody{.sa_family = AF_UNSPEC, .sa_data = {}};
      if (way == leave::reset) (void)::syscall(SYS_connect, number, &nobody, sizeof(nobody));
      if (way == leave::ended) (void)::shutdown(number, SHUT_WR);
    }};
  }
  /// Reads to the end; `good` counts the bytes that are what they should be.
  static auto reader(int number, std::size_t& good, dice d) -> std::jthread {
    return std::jthread{[=, &good]() mutable {
      std::vector<std::byte> piece(65536);
      for (;;) {
        const auto got = ::read(number, piece.data(), std::min(piece.size(), 1 + 20 * piece_size(d)));
        if (got <= 0) return;
        for (std::size_t i = 0; i != static_cast<std::size_t>(got); ++i)
          if (piece[i] == peers_byte(good)) ++good;
        pause(d);
      }
    }};
  }

  static auto piece_size(dice& d) -> std::size_t { return d.from(1, d.one_of<std::size_t>({1, 10, 100, 100, 1000, 8000, 50'000})); }
  static void pause(dice& d) {
    switch (d.below(6)) {
      case 0: std::this_thread::sleep_for(std::chrono::microseconds{d.below(200)}); return;
      case 1: std::this_thread::yield(); return;
      case 2:
        for (const auto end = std::chrono::steady_clock::now() + std::chrono::microseconds{d.below(20)};
             std::chrono::steady_clock::now() < end;) {}
        return;
      default: return;
    }
  }
};

/// One program: some connections, and for each a task that reads, one that writes, and perhaps others that only look.
template <class Config>
class peers {
 public:
  using coro = sluice::coro_of<Config>;

  explicit peers(dice chances) : chances_{chances} {
    for (std::size_t count = chances_.from(1, 4); count != 0; --count) connections_.emplace_back(chances_);
  }
  peers(const peers&) = delete;
  auto operator=(const peers&) -> peers& = delete;

  void drive(typename coro::scheduler&) {
    typename coro::scope all{{.on_failure = sluice::on_failure::keep}};
    for (auto& one : connections_) {
      one.begin(chances_);
      if (one.incoming != 0) all.spawn([&one, d = chances_.split()]() mutable { read_all(one, d); });
      if (one.outgoing != 0) all.spawn([&one, d = chances_.split()]() mutable { write_all(one, d); });
      if (chances_.percent(40)) all.spawn([&one, d = chances_.split()]() mutable { look_on(one, d); });
    }
    (void)all.join();
    // Some may never have begun.
    if (cancelled())
      for (auto& one : connections_) one.was_left = true;
  }
  void look_at_what_is_left() {
    for (auto& one : connections_) {
      one.end();
      if (!one.has_begun) continue;
      BOOST_TEST(one.read <= one.incoming);
      BOOST_TEST(one.arrived <= one.outgoing);
      if (one.was_left) continue;
      BOOST_TEST(one.read == one.incoming);
      BOOST_TEST(one.arrived == one.outgoing);
    }
  }

 private:
  struct connection {
    support::ends ends;
    support::ends through = support::pipe_pair();  // for what is spliced
    bool is_pipe = false;
    bool is_tcp = false;
    bool writes_pipe = false;
    std::size_t incoming = 0;  // so much the peer writes
    std::size_t outgoing = 0;
    std::size_t read = 0;
    std::size_t written = 0;
    std::size_t arrived = 0;
    blocking_peer::leave left_by_peer = blocking_peer::leave::as_it_is;
    bool has_begun = false;
    bool was_left = false;
    int at_work = 0;
    std::jthread writer;
    std::jthread reader;

    explicit connection(dice& d) {
      switch (d.below(4)) {
        case 0: ends = support::socket_pair(); break;
        case 1:
          ends = support::pipe_pair();
          is_pipe = true;
          writes_pipe = d.percent(50);
          if (writes_pipe) std::swap(ends.near, ends.far);
          break;
        default:
          ends = support::tcp_pair();
          is_tcp = true;
          break;
      }
      if (d.percent(30)) ::fcntl(ends.near.get(), F_SETFL, ::fcntl(ends.near.get(), F_GETFL) | O_NONBLOCK);
      for (const int one : {ends.near.get(), ends.far.get()}) {
        const int bytes = 4096;
        if (d.percent(30)) (void)::setsockopt(one, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
      }
      const auto amount = [&] { return d.from(1, d.one_of<std::size_t>({10, 1000, 20'000, 200'000})); };
      if (!is_pipe || !writes_pipe) incoming = amount();
      if (is_pipe ? writes_pipe : d.percent(60)) outgoing = amount();
      if (is_tcp && d.percent(10))
        left_by_peer = blocking_peer::leave::reset;
      else if (!is_pipe && d.percent(70))
        left_by_peer = blocking_peer::leave::ended;
    }
    [[nodiscard]] auto is_reset() const -> bool { return left_by_peer == blocking_peer::leave::reset; }
    void begin(dice& d) {
      has_begun = true;
      was_left = is_reset();
      if (incoming != 0) writer = blocking_peer::writer(ends.far.get(), incoming, left_by_peer, d.split());
      if (outgoing != 0) reader = blocking_peer::reader(ends.far.get(), arrived, d.split());
    }
    // What the peer waits for comes to an end with this one.
    void end() {
      if (is_pipe)
        ends.near.reset();
      else
        ::shutdown(ends.near.get(), SHUT_RDWR);
      if (writer.joinable()) writer.join();
      if (reader.joinable()) reader.join();
    }
  };

  static auto cancelled() -> bool { return coro::this_task::cancelled(); }
  static auto small_time(dice& d) { return std::chrono::microseconds{d.below(100)}; }
  static auto size(dice& d) -> std::size_t { return d.from(1, d.one_of<std::size_t>({1, 16, 100, 4000, 70'000})); }
  static void rest(dice& d) {
    if (d.percent(15)) (void)coro::sleep(small_time(d));
    if (d.percent(15)) coro::yield();
  }
  /// What may come of a call that need not wait for its end.
  static auto is_nothing(const std::error_code& why) -> bool {
    return why == sluice::errc::timed_out || why == std::errc::resource_unavailable_try_again || why == std::errc::operation_canceled;
  }

  static auto is_over(connection& at, const std::error_code& why) -> bool {
    if (is_nothing(why)) return false;
    BOOST_TEST_REQUIRE((at.is_reset() && (why == std::errc::connection_reset || why == std::errc::broken_pipe)), why.message());
    return true;
  }

  /// Does it in a task of its own, which is asked to end.
  template <class Op>
  static auto interrupted(const Op& what, dice& d) {
    auto task = coro::spawn([&] { return coro::io(what); });
    for (std::size_t turns = d.below(3); turns != 0; --turns) coro::yield();
    if (d.percent(30)) (void)coro::sleep(small_time(d));
    task.request_cancel();
    return task.join();
  }
  /// Does it in one of several ways: all give what it gives, or nothing.
  template <class Op>
  static auto somehow(const Op& what, sluice::any_handle handle, sluice::poll_events events, dice& d)
      -> sluice::result<typename Op::result_type> {
    switch (d.below(8)) {
      case 0: return coro::io(op::timed(what, small_time(d)));
      case 1: return coro::with_timeout(small_time(d), [&] { return coro::io(what); });
      case 2: return interrupted(what, d);
      case 3: {
        const auto seen = coro::io(op::poll_once{.handle = handle, .events = events});
        if (!seen) return std::unexpected{seen.error()};
        return coro::io(what);
      }
      case 4: return std::get<1>(coro::io(op::soft(op::poll_once{.handle = handle, .events = events}), what));
      case 5: return std::get<0>(coro::io(what, op::nop{}));
      default: return coro::io(what);
    }
  }

  static auto read_some(connection& from, std::span<std::byte> room, dice& d) -> sluice::result<std::size_t> {
    const sluice::file_handle file{from.ends.near.get()};
    const sluice::socket_handle socket{from.ends.near.get()};
    const std::size_t half = room.size() / 2;
    const std::array<sluice::mutable_buffer, 2> both{room.first(half), room.subspan(half)};
    const auto do_it = [&](const auto& what) { return somehow(what, file, sluice::poll_events::readable, d); };
    if (d.percent(10)) {
      const auto moved =
          do_it(op::splice{.handle = file, .to = from.through.far.file(), .length = std::min<std::size_t>(room.size(), 4096)});
      if (moved)
        BOOST_TEST_REQUIRE((*moved == 0 || ::read(from.through.near.get(), room.data(), *moved) == static_cast<::ssize_t>(*moved)));
      return moved;
    }
    if (from.is_pipe || d.percent(20)) {
      if (d.percent(50)) return do_it(op::read{.file = file, .buffer = room});
      return do_it(op::readv{.file = file, .buffers = both});
    }
    switch (d.below(4)) {
      case 0: {
        // No more than comes: the peer need not end the stream.
        const auto most = std::min(
            {room.size(), std::size_t{64}, from.incoming - from.read + (from.left_by_peer == blocking_peer::leave::ended ? 1U : 0U)});
        return do_it(op::recv{.socket = socket, .buffer = room.first(most), .flags = sluice::recv_flags::wait_all});
      }
      case 1: {
        const auto got = do_it(op::recv_msg{.socket = socket, .buffers = both});
        if (!got) return std::unexpected{got.error()};
        return got->bytes;
      }
      default: return do_it(op::recv{.socket = socket, .buffer = room});
    }
  }
  static auto write_some(connection& to, std::span<const std::byte> some, dice& d) -> sluice::result<std::size_t> {
    const sluice::file_handle file{to.ends.near.get()};
    const sluice::socket_handle socket{to.ends.near.get()};
    const std::size_t half = some.size() / 2;
    const std::array<sluice::const_buffer, 2> both{some.first(half), some.subspan(half)};
    const auto do_it = [&](const auto& what) { return somehow(what, file, sluice::poll_events::writable, d); };
    if (to.is_pipe || d.percent(20)) {
      if (d.percent(50)) return do_it(op::write{.file = file, .buffer = some});
      return do_it(op::writev{.file = file, .buffers = both});
    }
    switch (d.below(4)) {
      case 0: return do_it(op::send{.socket = socket, .buffer = some, .flags = sluice::send_flags::wait_all});
      case 1: return do_it(op::send_msg{.socket = socket, .buffers = both});
      default: return do_it(op::send{.socket = socket, .buffer = some});
    }
  }

  /// Whether it is over.
  static auto took(connection& from, std::span<const std::byte> some) -> bool {
    for (const auto one : some) BOOST_TEST_REQUIRE((one == peers_byte(from.read++)));
    return some.empty() || (from.read == from.incoming && from.left_by_peer == blocking_peer::leave::as_it_is);
  }
  static void read_all(connection& from, dice& d) {
    ++from.at_work;
    if (!from.is_pipe && d.percent(25)) {
      read_stream(from, d);
    } else {
      std::vector<std::byte> room;
      for (bool over = false; !over && !cancelled();) {
        room.resize(size(d) + 1);
        const auto got = read_some(from, room, d);
        if (got)
          over = took(from, std::span{room}.first(*got));
        else
          over = is_over(from, got.error());
        rest(d);
      }
    }
    --from.at_work;
  }
  static void read_stream(connection& from, dice& d) {
    auto group = coro::buffer_group::make({.count = 4, .bytes = d.one_of<std::uint32_t>({64, 1000, 8000})});
    BOOST_TEST_REQUIRE(group.has_value());
    auto data = coro::stream(op::recv_many{
        .socket = sluice::socket_handle{from.ends.near.get()}, .buffers = *group, .limit = d.one_of<std::uint32_t>({1, 3, 16})});
    for (;;) {
      const auto lease = data.next();
      if (!lease || took(from, lease->bytes())) break;
      rest(d);
    }
  }
  static void write_all(connection& to, dice& d) {
    ++to.at_work;
    std::vector<std::byte> some;
    for (bool over = false; to.written != to.outgoing && !over && !cancelled();) {
      some.resize(std::min(size(d), to.outgoing - to.written));
      for (std::size_t i = 0; i != some.size(); ++i) some[i] = peers_byte(to.written + i);
      const auto put = write_some(to, some, d);
      if (put)
        to.written += *put;
      else
        over = is_over(to, put.error());
      rest(d);
    }
    if (!to.is_pipe && d.percent(50) && !cancelled()) {
      const auto ended = coro::io(op::shutdown{.socket = to.ends.near.socket(), .how = sluice::shutdown_how::send});
      BOOST_TEST((ended.has_value() || to.is_reset() || cancelled()));
    }
    --to.at_work;
  }
  /// Waits beside them for what comes or never comes, and takes nothing.
  static void look_on(connection& at, dice& d) {
    using sluice::poll_events;
    while (at.at_work != 0 && !cancelled()) {
      const auto events = d.one_of({poll_events::readable, poll_events::writable, poll_events::urgent});
      (void)coro::io(op::timed(op::poll_once{.handle = sluice::file_handle{at.ends.near.get()}, .events = events}, small_time(d) * 20));
      (void)coro::sleep(small_time(d));
    }
  }

  dice chances_;
  std::list<connection> connections_;
};

}  // namespace fixture::random
