// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A program of tasks that write, relay and read streams of bytes by the objects that users hold, made from a seed while it runs.

#include <sluice/sluice.hpp>
#include <support/dice.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <arpa/inet.h>
#include <coro/fixture.hpp>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

namespace fixture::random {

using sluice::errc;
using sluice::result;
using support::dice;

/// The byte at a place of every stream; a line ends now and then.
constexpr auto byte_at(std::size_t place) noexcept -> std::byte {
  if (place % 61 == 60) return std::byte{'\n'};
  return static_cast<std::byte>(33 + (place * 7 + place / 61 * 13 + place / 4096 * 5) % 90);
}

/// One program, and what goes where in it. It outlives the scheduler.
///
/// A line of wires leads from one who writes to one who reads, with relays between. In a calm program each task goes on until the line is
/// at its end, or is asked to end and has a successor; in a rough one others close, shut down and ask to end as they like.
template <class Config>
class conversation {
 public:
  using coro = sluice::coro_of<Config>;

  explicit conversation(dice chances) : chances_{chances}, is_calm_{chances_.percent(50)} {
    for (std::size_t count = chances_.from(1, 3); count != 0; --count) {
      auto& one = lines_.emplace_back();
      one.target = size(chances_) * chances_.from(1, 8);
      for (std::size_t wires = chances_.percent(50) ? 1 : chances_.from(2, 3); wires != 0; --wires) add_wire(one);
    }
  }
  conversation(const conversation&) = delete;
  auto operator=(const conversation&) -> conversation& = delete;

  void drive(typename coro::scheduler& home) {
    has_begun_ = true;
    for (auto& one : lines_) {
      add_role([&one, this](dice& d) { write_step(one, d); }, [&one] { return one.wires.front().is_over; });
      add_role([&one, this](dice& d) { read_step(one, d); }, [&one] { return one.read_is_over; });
      for (std::size_t i = 1; i != one.wires.size(); ++i)
        add_role([&one, i, this](dice& d) { relay_step(one, i, d); }, [&one, i] { return one.wires[i].is_over; });
    }
    std::vector<typename coro::template task<void>> others;
    if (!is_calm_) {
      for (std::size_t count = chances_.below(3); count != 0; --count) {
        others.push_back(coro::spawn([this, d = chances_.split()]() mutable {
          for (std::size_t steps = d.from(1, 5); steps != 0 && !coro::this_task::cancelled(); --steps) {
            for (std::size_t turns = d.below(30); turns != 0; --turns) coro::yield();
            meddle(d);
          }
        }));
      }
    }
    for (std::size_t turns = chances_.below(400); (turns != 0 || is_calm_) && !cancelled(); turns -= turns != 0 ? 1 : 0) {
      bool is_over = true;
      for (auto& one : roles_) {
        if (one.is_over()) continue;
        is_over = false;
        if (one.task.done() && is_calm_) employ(one);
        if (chances_.percent(1)) one.task.request_cancel();
      }
      if (is_over) break;
      if (turns != 0)
        coro::yield();
      else
        (void)coro::sleep(10us);
    }
    was_left_ = cancelled();
    if (chances_.percent(25) && !is_calm_) home.cancel_all();
    for (auto& one : roles_) one.task.request_cancel();
    for (auto& one : others) one.request_cancel();
    // Relays of calm programs are shielded.
    if (is_calm_) close_all();
    for (auto& one : roles_) (void)one.task.join();
    for (auto& one : others) (void)one.join();
    close_all();
  }
  /// After all tasks, and the scheduler.
  void look_at_what_is_left() {
    if (!has_begun_) return give_up();
    for (const auto& one : lines_) {
      BOOST_TEST((one.writers == 0 && one.readers == 0));
      BOOST_TEST(one.read <= one.written + one.perhaps_written);
      if (one.is_at_end && !one.may_lose) BOOST_TEST(one.read >= one.written);
      if (is_calm_ && !was_left_) BOOST_TEST(one.is_at_end);
    }
  }

 private:
  /// An object that may be moved while it is in use; it stays where it was, and owns nothing.
  template <class Object>
  struct holder {
    std::array<Object, 2> places;
    std::size_t at = 0;
    bool is_closed = false;
    int moves = 0;

    explicit holder(Object&& one) : places{std::move(one), Object{}} {}
    auto now() -> Object& { return places[at]; }
    void move() {
      ++moves;
      places[1 - at] = std::move(places[at]);
      at = 1 - at;
    }
    auto close() -> result<void> {
      is_closed = true;
      return now().close();
    }
  };
  template <class... Objects>
  using any_of = std::variant<std::shared_ptr<holder<Objects>>...>;
  using any_writer = any_of<typename coro::pipe_writer, typename coro::unix_stream, typename coro::tcp_stream, typename coro::file>;
  using any_reader = any_of<typename coro::pipe_reader, typename coro::unix_stream, typename coro::tcp_stream, typename coro::file>;
  template <class Object>
  static constexpr bool is_file = std::is_same_v<Object, typename coro::file>;
  template <class Object>
  static constexpr bool is_pipe = std::is_same_v<Object, typename coro::pipe_reader> || std::is_same_v<Object, typename coro::pipe_writer>;
  template <class Object>
  static constexpr bool is_socket = !is_file<Object> && !is_pipe<Object>;

  struct wire {
    any_writer writes;
    any_reader reads;
    bool is_over = false;  // nothing is written any more
  };
  struct line {
    std::deque<wire> wires;
    std::size_t target = 0;
    std::size_t written = 0;
    std::size_t perhaps_written = 0;  // behind that: a write of many pieces failed
    std::size_t read = 0;
    std::string text;  // of the reader's, from before `read`
    int writers = 0;
    int readers = 0;
    bool read_is_over = false;
    bool is_at_end = false;  // as the reader was told
    bool may_lose = false;
    bool is_cut = false;
  };
  struct role {
    std::function<void(dice&)> step;
    std::function<bool()> is_over;
    typename coro::template task<void> task;
  };

  static auto cancelled() -> bool { return coro::this_task::cancelled(); }
  static auto size(dice& d) -> std::size_t {
    const auto most = d.one_of<std::size_t>({3, 30, 300, 300, 3000, 3000, 30'000, 200'000});
    return d.from(1, most);
  }
  static auto small_time(dice& d) { return std::chrono::microseconds{d.below(60)}; }

  void add_wire(line& to) {
    const auto flags = chances_.percent(30) ? O_NONBLOCK : 0;
    std::array<int, 2> both{};
    switch (chances_.below(5)) {
      case 0:
      case 1: {
        BOOST_REQUIRE(::pipe2(both.data(), O_CLOEXEC | flags) == 0);
        if (chances_.percent(50)) (void)::fcntl(both[0], F_SETPIPE_SZ, 4096);
        to.wires.push_back({hold(typename coro::pipe_writer{sluice::file_handle{both[1]}}),
                            hold(typename coro::pipe_reader{sluice::file_handle{both[0]}})});
        return;
      }
      case 2: {
        BOOST_REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0, both.data()) == 0);
        return add_connection<typename coro::unix_stream>(to, both);
      }
      case 3: connect(both); return add_connection<typename coro::tcp_stream>(to, both);
      default: {
        const int made = ::memfd_create("conversation", MFD_CLOEXEC);
        const int again = ::open(("/proc/self/fd/" + std::to_string(made)).c_str(), O_RDONLY | O_CLOEXEC);
        BOOST_REQUIRE((made >= 0 && again >= 0));
        to.wires.push_back({hold(typename coro::file{sluice::file_handle{made}}), hold(typename coro::file{sluice::file_handle{again}})});
        return;
      }
    }
  }
  template <class Stream>
  void add_connection(line& to, const std::array<int, 2>& both) {
    for (const int one : both) {
      const int bytes = 4096;
      if (chances_.percent(50)) (void)::setsockopt(one, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    }
    auto left = hold(Stream{sluice::socket_handle{both[0]}});
    auto right = hold(Stream{sluice::socket_handle{both[1]}});
    to.wires.push_back({left, right});
    // The other direction is another line's.
    if (chances_.percent(50) && lines_.size() < 5) {
      auto& other = lines_.emplace_back();
      other.target = size(chances_) * chances_.from(1, 8);
      other.wires.push_back({right, left});
    }
  }
  static void connect(std::array<int, 2>& both) {
    const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    ::sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
    ::socklen_t length = sizeof(where);
    BOOST_REQUIRE(::bind(listener, reinterpret_cast<::sockaddr*>(&where), length) == 0);
    BOOST_REQUIRE(::listen(listener, 1) == 0);
    BOOST_REQUIRE(::getsockname(listener, reinterpret_cast<::sockaddr*>(&where), &length) == 0);
    both[0] = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    BOOST_REQUIRE(::connect(both[0], reinterpret_cast<::sockaddr*>(&where), length) == 0);
    both[1] = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    BOOST_REQUIRE(both[1] >= 0);
    ::close(listener);
  }
  template <class Object>
  static auto hold(Object&& one) {
    return std::make_shared<holder<Object>>(std::move(one));
  }

  void add_role(std::function<void(dice&)> step, std::function<bool()> is_over) {
    employ(roles_.emplace_back(std::move(step), std::move(is_over)));
  }
  void employ(role& one) {
    one.task = coro::spawn([&one, d = chances_.split()]() mutable {
      while (!one.is_over() && !cancelled()) one.step(d);
    });
  }

  // Outside of tasks: what closes otherwise would leave the thread a ring.
  void give_up() {
    const auto drop = [](auto& by) {
      if (const auto given = by->now().release()) ::close(given.native());
    };
    for (auto& one : lines_)
      for (auto& each : one.wires) std::visit(drop, each.writes), std::visit(drop, each.reads);
  }
  void close_all() {
    for (auto& one : lines_)
      for (auto& each : one.wires)
        std::visit([](auto& to, auto& from) { BOOST_TEST((to->close().has_value() && from->close().has_value())); }, each.writes,
                   each.reads);
  }

  /// What a failed call may say, in a task that uses an object.
  template <class Object>
  void judge(const std::error_code& why, const line& of, const holder<Object>& by, int moves) const {
    const bool is_torn = !is_calm_ || was_left_ || of.is_cut;
    const bool is_gone = by.is_closed || by.moves != moves;
    // The end of a stream is a broken pipe, too, by its category.
    if (why == errc::timed_out || why == errc::end_of_stream) return;
    if (why == std::errc::operation_canceled)
      BOOST_TEST((cancelled() || by.is_closed));
    else if (why == std::errc::bad_file_descriptor)
      BOOST_TEST(is_gone);
    else if (why == std::errc::broken_pipe || why == std::errc::connection_reset)
      BOOST_TEST(is_torn);
    else
      BOOST_ERROR("an error that is none of these: " << why.message());
  }
  /// Whether a call failed because of what it was for, and not of who made it.
  static auto is_final(const std::error_code& why) -> bool {
    if (why == errc::end_of_stream) return false;
    return why == std::errc::broken_pipe || why == std::errc::connection_reset || why == std::errc::bad_file_descriptor;
  }

  static auto made(std::size_t from, std::size_t count) -> std::vector<std::byte> {
    std::vector<std::byte> all(count);
    for (std::size_t i = 0; i != count; ++i) all[i] = byte_at(from + i);
    return all;
  }

  void write_step(line& to, dice& d) {
    auto& first = to.wires.front();
    if (to.writers != 0) return coro::yield();
    ++to.writers;
    if (to.written >= to.target || to.perhaps_written != 0 || to.is_cut)
      finish(first);
    else
      std::visit([&](auto& by) { write(to, *by, d); }, first.writes);
    --to.writers;
    if (d.percent(20)) coro::yield();
  }
  void finish(wire& one) {
    std::visit(
        [](auto& by) {
          using object = std::remove_cvref_t<decltype(by->now())>;
          if constexpr (is_pipe<object>) {
            BOOST_TEST(by->close().has_value());
          } else if constexpr (is_socket<object>) {
            (void)coro::shield([&] { return by->now().shutdown(); });
          }
        },
        one.writes);
    one.is_over = true;
  }

  template <class Object>
  static auto writing(Object& by, std::span<const std::byte> some) {
    if constexpr (is_socket<Object>)
      return op::send{.socket = by.handle(), .buffer = some};
    else
      return op::write{.file = by.handle(), .buffer = some};
  }
  template <class Object>
  static auto reading(Object& by, std::span<std::byte> some) {
    if constexpr (is_socket<Object>)
      return op::recv{.socket = by.handle(), .buffer = some};
    else
      return op::read{.file = by.handle(), .buffer = some};
  }

  template <class Object>
  void write(line& to, holder<Object>& by, dice& d) {
    const auto bytes = made(to.written, size(d));
    const std::span<const std::byte> all{bytes};
    const auto half = d.below(bytes.size());
    const std::array<sluice::const_buffer, 2> pieces{sluice::const_buffer{all.first(half)}, sluice::const_buffer{all.subspan(half)}};
    const std::span<const sluice::const_buffer> both{pieces};
    auto& one = by.now();
    const int moves = by.moves;
    // One write of the system's has told what became of it.
    const auto note = [&](const result<std::size_t>& put) {
      if (put) {
        BOOST_TEST((*put != 0 && *put <= bytes.size()));
        to.written += *put;
      }
      return put;
    };
    const auto note_all = [&](const result<void>& put) -> result<std::size_t> {
      if (put) {
        to.written += bytes.size();
        return bytes.size();
      }
      to.perhaps_written = bytes.size();
      return std::unexpected{put.error()};
    };
    const auto put = [&]() -> result<std::size_t> {
      switch (d.below(9)) {
        case 0: return note(one.write_some(all));
        case 1: return note(one.write_some(both));
        case 2: return d.percent(70) ? note(one.write_some(all)) : note_all(one.write_all(all));
        case 3: return d.percent(70) ? note(one.write_some(both)) : note_all(one.write_all(both));
        case 4: return note(coro::io(op::timed(writing(one, all), small_time(d))));
        case 5: return note(coro::with_timeout(small_time(d), [&] { return one.write_some(all); }));
        case 6: {
          const auto won = coro::select(writing(one, all), coro::after(small_time(d)));
          const auto& [went, over] = won;
          if (went) return note(*went);
          if (!won) return std::unexpected{won.error()};
          return sluice::failure(errc::timed_out);
        }
        case 7: {
          const auto won = coro::race([&] { return note(one.write_some(all)); }, [t = small_time(d)] { return coro::sleep(t); });
          if (!won) return std::unexpected{won.error()};
          return std::size_t{0};
        }
        default: return write_gathered(to, one, d);
      }
    }();
    if (put) return;
    judge(put.error(), to, by, moves);
    if (!is_final(put.error())) return;
    to.is_cut = true;
  }
  // Through a buffer, which goes on after what failed as long as it keeps what it has.
  template <class Object>
  auto write_gathered(line& to, Object& one, dice& d) -> result<std::size_t> {
    sluice::io::buffered_writer out{one, d.from(1, 300)};
    std::size_t taken = 0;
    result<std::size_t> came = std::size_t{0};
    for (std::size_t steps = d.from(1, 6); steps != 0 && came; --steps) {
      const auto some = made(to.written + taken, d.from(1, 400));
      if (d.percent(50)) {
        came = out.write_some(some);
        if (came) taken += *came;
      } else if (const auto put = out.write_all(some)) {
        taken += some.size();
      } else {
        to.perhaps_written = taken + some.size();
        came = std::unexpected{put.error()};
      }
    }
    for (int tries = 0; tries != 4 && to.perhaps_written == 0 && !out.pending().empty(); ++tries) {
      const auto gone = d.percent(50) ? coro::with_timeout(small_time(d), [&] { return out.flush(); }) : out.flush();
      BOOST_TEST(gone.has_value() == out.pending().empty());
      if (!gone) came = std::unexpected{gone.error()};
    }
    if (to.perhaps_written == 0 && out.pending().empty())
      to.written += taken;
    else
      to.perhaps_written = std::max(taken, to.perhaps_written);
    (void)out.release();
    return came;
  }

  /// Bytes that came, the first of a buffer or a text.
  static void note_read(line& from, std::span<const std::byte> some) {
    for (const auto one : some) {
      if (one != byte_at(from.read)) BOOST_TEST_REQUIRE(from.read == std::size_t(-1), "a wrong byte at " << from.read);
      ++from.read;
    }
  }
  /// As many as came into a buffer in which none of them was before.
  static void note_read_first(line& from, std::span<const std::byte> some) {
    std::size_t count = 0;
    while (count != some.size() && some[count] == byte_at(from.read + count)) ++count;
    from.read += count;
  }
  static void blank(const line& from, std::span<std::byte> some) {
    for (std::size_t i = 0; i != some.size(); ++i) some[i] = ~byte_at(from.read + i);
  }

  void read_step(line& from, dice& d) {
    if (from.readers != 0) return coro::yield();
    ++from.readers;
    auto& last = from.wires.back();
    const bool was_over = last.is_over;
    std::visit(
        [&](auto& by) {
          using object = std::remove_cvref_t<decltype(by->now())>;
          const int moves = by->moves;
          const auto got = read(from, *by, d);
          if (!got) {
            // A text, or a buffer, has its limit.
            if (got.error() != std::errc::message_size) judge(got.error(), from, *by, moves);
            if (is_final(got.error())) from.read_is_over = true;
          }
          const bool is_end = got ? *got == 0 : got.error() == errc::end_of_stream;
          if (!is_end) return;
          if (!is_file<object> || was_over) from.read_is_over = from.is_at_end = true;
          if (is_file<object> && !was_over) (void)coro::sleep(5us);
        },
        last.reads);
    --from.readers;
    if (d.percent(20)) coro::yield();
  }

  // Gives 0 for the end, something else for anything else.
  template <class Object>
  auto read(line& from, holder<Object>& by, dice& d) -> result<std::size_t> {
    std::vector<std::byte> buffer(size(d));
    blank(from, buffer);
    const std::span<std::byte> all{buffer};
    auto& one = by.now();
    const auto note = [&](const result<std::size_t>& got) {
      if (got) note_read(from, all.first(*got));
      return got;
    };
    const auto note_all = [&](const result<void>& got) -> result<std::size_t> {
      if (!got) {
        note_read_first(from, all);
        return std::unexpected{got.error()};
      }
      note_read(from, all);
      return all.size();
    };
    switch (d.below(9)) {
      case 0: return note(one.read_some(all));
      case 1: return note_all(one.read_exactly(all));
      case 2: return note_all(coro::with_timeout(small_time(d), [&] { return one.read_exactly(all); }));
      case 3: return read_a_line(from, one, d);
      case 4: return note(coro::io(op::timed(reading(one, all), small_time(d))));
      case 5: return note(coro::with_timeout(small_time(d), [&] { return one.read_some(all); }));
      case 6: {
        const auto won = coro::select(reading(one, all), coro::after(small_time(d)));
        const auto& [got, over] = won;
        if (got) return note(*got);
        if (!won) return std::unexpected{won.error()};
        return sluice::failure(errc::timed_out);
      }
      case 7: {
        result<std::size_t> came = std::size_t{1};
        const auto won = coro::race([&] { return came = note(one.read_some(all)); }, [t = small_time(d)] { return coro::sleep(t); });
        if (won) return won->index() == 0 ? came : std::size_t{1};
        return std::unexpected{won.error()};
      }
      default: return read_ahead(from, one, d);
    }
  }
  template <class Object>
  auto read_a_line(line& from, Object& one, dice& d) -> result<std::size_t> {
    auto& text = from.text;
    const auto had = text.size();
    const auto ask = [&] { return one.read_until(text, "\n", d.from(1, 200)); };
    const auto got = d.percent(50) ? coro::with_timeout(small_time(d), ask) : ask();
    BOOST_TEST(text.size() >= had);
    note_read(from, bytes_of(std::string_view{text}.substr(had)));
    const auto end = text.find('\n');
    if (got)
      BOOST_TEST(*got == end + 1);
    else if (end != std::string::npos)
      BOOST_TEST(end >= had);
    if (got) text.erase(0, *got);
    if (!got && got.error() == std::errc::message_size) text.clear();
    return got;
  }
  // What was read ahead is taken at last.
  template <class Object>
  auto read_ahead(line& from, Object& one, dice& d) -> result<std::size_t> {
    sluice::io::buffered_reader in{one, d.from(1, 200)};
    result<std::size_t> came = std::size_t{1};
    for (std::size_t steps = d.from(1, 8); steps != 0 && came && *came != 0; --steps) {
      std::vector<std::byte> buffer(d.from(1, 300));
      blank(from, buffer);
      const std::span<std::byte> all{buffer};
      const auto step = [&]() -> result<std::size_t> {
        switch (d.below(4)) {
          case 0: {
            const auto got = in.read_some(all);
            if (got) note_read(from, all.first(*got));
            return got;
          }
          case 1: {
            const auto got = in.read_exactly(all);
            if (got)
              note_read(from, all);
            else
              note_read_first(from, all);
            if (!got) return std::unexpected{got.error()};
            return all.size();
          }
          case 2: {
            const auto got = in.read_until("\n");
            if (!got) return std::unexpected{got.error()};
            note_read(from, bytes_of(*got));
            BOOST_TEST(got->find('\n') == got->size() - 1);
            return got->size();
          }
          default: {
            const auto shown = in.peek(d.from(1, in.capacity()));
            if (!shown) return std::unexpected{shown.error()};
            const auto some = shown->first(d.below(shown->size() + 1));
            note_read(from, some);
            in.consume(some.size());
            return std::max(some.size(), std::size_t{!shown->empty()});
          }
        }
      };
      came = d.percent(30) ? coro::with_timeout(small_time(d), step) : step();
    }
    note_read(from, in.buffered());
    return came;
  }

  void relay_step(line& along, std::size_t to, dice& d) {
    auto& before = along.wires[to - 1];
    auto& behind = along.wires[to];
    const bool was_over = before.is_over;
    std::visit(
        [&](auto& from, auto& into) {
          using source = std::remove_cvref_t<decltype(from->now())>;
          using sink = std::remove_cvref_t<decltype(into->now())>;
          // The system moves all of it or nothing; elsewhere some may be lost on the way.
          constexpr bool is_exact = is_pipe<sink> || (is_pipe<source> && is_file<sink>);
          const auto limit = size(d);
          const int moves = from->moves;
          const int sink_moves = into->moves;
          const auto ask = [&] { return coro::copy(from->now(), into->now(), limit); };
          const auto copied = is_calm_ && !is_exact ? coro::shield(ask) : d.percent(30) ? coro::with_timeout(small_time(d), ask) : ask();
          if (!copied) {
            const auto why = copied.error();
            const bool is_of_source = why == std::errc::operation_canceled ? from->is_closed : from->is_closed || from->moves != moves;
            if (is_of_source)
              judge(why, along, *from, moves);
            else
              judge(why, along, *into, sink_moves);
            if (is_exact && !is_final(why)) return;
            along.is_cut = along.may_lose = true;
          } else {
            BOOST_TEST(*copied <= limit);
            if (*copied == limit) return;
            if (is_file<source> && !(was_over && *copied == 0)) return (void)coro::sleep(5us);
          }
          if (along.is_cut) close_in_the_middle(along, *from);
          finish(behind);
        },
        before.reads, behind.writes);
    if (d.percent(20)) coro::yield();
  }

  // What a socket has not read when it is closed makes the other end lose what it has not read; and what is on its way through a wire
  // before this one comes no further.
  template <class Object>
  void close_in_the_middle(line& of, holder<Object>& by) {
    if constexpr (!is_pipe<Object>)
      for (auto& each : lines_) each.may_lose = true;
    if (of.wires.size() > 1) of.may_lose = true;
    BOOST_TEST(by.close().has_value());
  }

  void meddle(dice& d) {
    auto& one = lines_[d.below(lines_.size())];
    auto& its = one.wires[d.below(one.wires.size())];
    const auto what = d.below(6);
    const auto do_it = [&](auto& by) {
      using object = std::remove_cvref_t<decltype(by->now())>;
      switch (what) {
        case 0:
        case 1: {
          close_in_the_middle(one, *by);
          BOOST_TEST(!by->now());
          return;
        }
        case 2:
          if constexpr (is_socket<object>) {
            for (auto& each : lines_) each.may_lose = true;
            (void)by->now().shutdown(d.one_of({sluice::shutdown_how::send, sluice::shutdown_how::receive, sluice::shutdown_how::both}));
          }
          return;
        default: return by->move();
      }
    };
    if (d.percent(50))
      std::visit(do_it, its.writes);
    else
      std::visit(do_it, its.reads);
  }

  dice chances_;
  bool is_calm_;
  bool has_begun_ = false;
  bool was_left_ = false;
  std::deque<line> lines_;
  std::deque<role> roles_;
};

}  // namespace fixture::random
