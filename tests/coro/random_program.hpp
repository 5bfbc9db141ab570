// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A program of tasks that is made from a seed while it runs, and looks at what it can rely on.

#include <sluice/sluice.hpp>
#include <support/dice.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stop_token>
#include <system_error>
#include <utility>
#include <variant>
#include <vector>

#include <coro/fixture.hpp>
#include <coro/random_items.hpp>
#include <sys/ioctl.h>

namespace fixture::random {

using sluice::errc;
using sluice::result;
using support::dice;

inline auto is_canceled(const std::error_code& why) -> bool { return why == std::errc::operation_canceled; }
template <class T>
auto without_value(const result<T>& outcome) -> result<void> {
  if (!outcome) return std::unexpected{outcome.error()};
  return {};
}

/// What became of a task by its own account.
struct record {
  enum class end : std::uint8_t { not_begun, begun, returned, failed, threw };

  end how = end::not_begun;
  int value = 0;
  std::error_code error;
  int when = 0;     // among all ends
  int present = 0;  // its callable, and what it returned

  [[nodiscard]] auto has_failed() const -> bool { return how == end::failed || how == end::threw; }
};
using end = record::end;

/// What a task throws.
struct thrown {
  const record* by;
};

/// Is noted in a record as long as it lives.
class presence {
 public:
  explicit presence(record& in) : in_{&in} { ++in_->present; }
  presence(const presence& other) : presence{*other.in_} {}
  auto operator=(const presence&) -> presence& = delete;
  ~presence() { --in_->present; }

 private:
  record* in_;
};

/// What a task returns; it may wait when it is destroyed.
template <class Coro>
struct prize {
  int value;
  presence here;
  bool waits;

  prize(int number, record& of, bool waits_at_end) : value{number}, here{of}, waits{waits_at_end} {}
  prize(prize&& other) noexcept : value{other.value}, here{other.here}, waits{std::exchange(other.waits, false)} {}
  auto operator=(prize&&) -> prize& = delete;
  ~prize() {
    if (waits) Coro::yield();
  }
};

/// One program, and what its tasks share. It outlives the scheduler.
template <class Config>
class program {
 public:
  using coro = sluice::coro_of<Config>;
  using outcome = result<prize<coro>>;
  using task = typename coro::template task<prize<coro>>;

  explicit program(dice chances) : chances_{chances} {
    for (const std::size_t capacity : {0U, 1U, 3U}) channels_.emplace_back(capacity);
  }
  program(const program&) = delete;
  auto operator=(const program&) -> program& = delete;

  /// Runs its first task, which is asked to end after some turns: alone, or with all others. What was left to nobody is joined at last, or
  /// has ended and is never fetched.
  void drive(typename coro::scheduler& home) {
    record& main = make_record();
    auto root = coro::spawn({.name = "program"}, work(main, chances_.split(), 4));
    for (std::size_t turns = chances_.below(150); turns != 0 && !root.done(); --turns) coro::yield();
    if (chances_.percent(25)) home.cancel_all();
    root.request_cancel();
    expect(main, [&] { return root.join(); });
    // While one is joined it may leave others.
    while (!left_.empty()) {
      auto [its, handle] = std::move(left_.front());
      left_.pop_front();
      handle.request_cancel();
      if (handle.done() && chances_.percent(50))
        unfetched_.push_back(std::move(handle));
      else
        expect(*its, [&handle] { return handle.join(); });
    }
  }
  /// After all tasks, and the scheduler.
  void look_at_what_is_left() {
    items_.look_at_what_is_left(channels_);
    for (const auto& handle : unfetched_) BOOST_TEST(!handle.joinable());
    for (const auto& one : sides_) {
      int unread = 0;
      BOOST_REQUIRE(::ioctl(one.reads.native(), FIONREAD, &unread) == 0);
      BOOST_TEST(one.written == one.read + static_cast<std::size_t>(unread));
    }
    BOOST_TEST(!mutex_.is_locked());
    BOOST_TEST(permits_.available() == 2U);
    for (const auto& one : records_) BOOST_TEST(one.present == 0);
  }

 private:
  struct side {
    sluice::socket_handle writes;
    sluice::socket_handle reads;
    std::size_t written = 0;
    std::size_t read = 0;
    bool is_writing = false;  // two sends of a stream may overtake each other
  };

  auto make_record() -> record& { return records_.emplace_back(); }
  static auto cancelled() -> bool { return coro::this_task::cancelled(); }

  /// A wait is refused, or cut short, if its task was asked to end, and only then.
  template <class F>
  static auto wait(F&& f) {
    const bool was_cancelled = cancelled();
    auto waited = f();
    if (was_cancelled)
      BOOST_TEST((!waited && is_canceled(waited.error())));
    else if (!waited && is_canceled(waited.error()))
      BOOST_TEST(cancelled());
    return waited;
  }

  /// A task that does something and tells its record.
  auto work(record& mine, dice d, int depth) {
    return [this, &mine, d, depth, here = presence{mine}]() mutable -> outcome {
      mine.how = end::begun;
      std::optional<std::stop_callback<spawner>> told;
      if (d.percent(30)) told.emplace(coro::this_task::stop_token(), spawner{});
      try {
        auto came = act(mine, d, depth);
        mine.when = ++ends_;
        mine.how = came ? end::returned : end::failed;
        if (came)
          mine.value = came->value;
        else
          mine.error = came.error();
        return came;
      } catch (const thrown& what) {
        if (d.percent(30)) coro::yield();
        BOOST_TEST(what.by == &mine);
        mine.when = ++ends_;
        mine.how = end::threw;
        throw;
      }
    };
  }
  /// Asked to end, a task may have others made.
  struct spawner {
    void operator()() const noexcept {
      for (int i = 0; i != 2; ++i) coro::spawn([] { coro::yield(); }).detach();
    }
  };

  auto act(record& mine, dice& d, int depth) -> outcome {
    for (std::size_t steps = d.from(1, 7); steps != 0; --steps) {
      auto went = step(d, depth);
      // A cancel that was not for this one is a failure like any other.
      if (!went && is_canceled(went.error()) && !cancelled()) went = sluice::failure(std::errc::io_error);
      if (!went && d.percent(30)) return std::unexpected{went.error()};
    }
    if (d.percent(12)) return sluice::failure(std::errc::io_error);
    if (d.percent(12)) throw thrown{&mine};
    return prize<coro>{static_cast<int>(d.below(1000)), mine, d.percent(25)};
  }

  /// What came of a task is what it says.
  template <class Join>
  void expect(record& of, Join&& join) {
    try {
      const auto came = join();
      if (came)
        BOOST_TEST((of.how == end::returned && of.value == came->value));
      else if (of.how == end::not_begun)
        BOOST_TEST(is_canceled(came.error()));
      else
        BOOST_TEST((of.how == end::failed && of.error == came.error()));
    } catch (const thrown& what) { BOOST_TEST((what.by == &of && of.how == end::threw)); }
    BOOST_TEST(of.present == 0);
  }
  /// The one that ended first, or last, of those that failed; null if one never began, and nobody knows when that failed.
  static auto failed(const std::vector<record*>& all, bool first) -> const record* {
    const record* found = nullptr;
    for (const record* one : all) {
      if (one->how == end::not_begun) return nullptr;
      if (one->has_failed() && (found == nullptr || (one->when < found->when) == first)) found = one;
    }
    return found;
  }
  /// Several of them as one: what it comes to without a success, and nobody is left.
  template <class Join>
  auto together(const std::vector<record*>& all, bool first, Join&& join) -> result<void> {
    result<void> came;
    const record* by = nullptr;
    try {
      came = join();
    } catch (const thrown& what) {
      by = what.by;
      came = sluice::failure(std::errc::io_error);
    }
    for (const record* one : all) BOOST_TEST((one->present == 0 && one->how != end::begun));
    if (const record* const reason = came ? nullptr : failed(all, first)) {
      BOOST_TEST((by == (reason->how == end::threw ? reason : nullptr)));
      if (by == nullptr) BOOST_TEST(came.error() == reason->error);
    }
    return came;
  }

  auto step(dice& d, int depth) -> result<void> {
    switch (d.below(depth == 0 ? 9 : 17)) {
      case 0: coro::yield(); return {};
      case 1: return wait([&] { return coro::sleep(std::chrono::microseconds{d.below(50)}); });
      case 2: return hand_on(d);
      case 3: return choose(d);
      case 4: return hold_the_mutex(d);
      case 5: return hold_a_permit(d);
      case 6:
        if (d.percent(50)) return wait([&] { return happened_.wait(); });
        happened_.pulse();
        return {};
      case 7:
      case 8: return transfer(d);
      case 9:
      case 10: return in_a_scope(d, depth);
      case 11: return all(d, depth);
      case 12: return race(d, depth);
      case 13: return bounded(d, depth);
      case 14: return shielded(d);
      default: return through_a_handle(d, depth);
    }
  }

  auto hand_on(dice& d) -> result<void> {
    auto& channel = channels_[d.below(channels_.size())];
    if (d.percent(8)) channel.close();
    if (d.percent(50)) {
      const auto got = wait([&] { return channel.receive(); });
      if (got) items_.note_received(*got);
      return without_value(got);
    }
    item one = items_.make();
    const auto number = one.number;
    const auto went = d.percent(30) ? channel.try_send(std::move(one)) : wait([&] { return channel.send(std::move(one)); });
    items_.note_sent(one, number, went.has_value());
    return went;
  }

  auto choose(dice& d) -> result<void> {
    auto& from = channels_[d.below(channels_.size())];
    auto& to = channels_[d.below(channels_.size())];
    auto& here = sides_[d.below(2)];
    std::array<std::byte, 16> buffer{};
    item one = items_.make();
    const auto number = one.number;
    const bool was_cancelled = cancelled();
    const auto won = coro::select(from.receiving(), to.sending(std::move(one)), op::recv{.socket = here.reads, .buffer = buffer},
                                  coro::after(std::chrono::microseconds{d.below(50)}));
    const auto& [received, sent, read, after] = won;
    BOOST_TEST((!won || !was_cancelled));
    BOOST_TEST((!received || won.index() == 0));
    BOOST_TEST((!sent || won.index() == 1));
    if (received && *received) items_.note_received(**received);
    items_.note_sent(one, number, sent && *sent);
    if (read && *read) here.read += **read;
    if (won) return {};
    BOOST_TEST((is_canceled(won.error()) && cancelled()));
    return std::unexpected{won.error()};
  }

  auto hold_the_mutex(dice& d) -> result<void> {
    const auto inside = [&] {
      BOOST_TEST(++inside_ == 1);
      if (d.percent(70)) coro::yield();
      BOOST_TEST(inside_-- == 1);
    };
    if (d.percent(50)) {
      const auto held = mutex_.lock();
      inside();
      return {};
    }
    const auto held = wait([&] { return mutex_.lock_cancellable(); });
    if (held) inside();
    return without_value(held);
  }

  auto hold_a_permit(dice& d) -> result<void> {
    const auto count = d.from(1, 2);
    const auto held = wait([&] { return permits_.hold(count); });
    if (!held) return without_value(held);
    taken_ += count;
    BOOST_TEST(taken_ <= 2U);
    coro::yield();
    taken_ -= count;
    return {};
  }

  auto transfer(dice& d) -> result<void> {
    auto& here = sides_[d.below(2)];
    std::array<std::byte, 16> buffer{};
    const std::span<std::byte> some = std::span{buffer}.first(d.from(1, buffer.size()));
    const auto limit = std::chrono::microseconds{d.below(50)};
    const auto note_read = [&](const result<std::size_t>& got) {
      if (got) here.read += *got;
      return without_value(got);
    };
    if (d.percent(50)) {
      const auto got = wait([&] { return coro::io(op::timed(op::recv{.socket = here.reads, .buffer = buffer}, limit)); });
      return note_read(got);
    }
    if (std::exchange(here.is_writing, true)) return {};
    const auto [put, got] = coro::io(op::soft(op::send{.socket = here.writes, .buffer = some}),
                                     op::timed(op::recv{.socket = here.reads, .buffer = buffer}, limit));
    here.is_writing = false;
    if (put) here.written += *put;
    return note_read(got);
  }

  auto in_a_scope(dice& d, int depth) -> result<void> {
    std::vector<record*> all;
    struct out_of_it {};
    try {
      const bool keeps = d.percent(50);
      typename coro::scope children{{.on_failure = keeps ? sluice::on_failure::keep : sluice::on_failure::cancel_siblings}};
      for (std::size_t count = d.below(4); count != 0; --count) {
        all.push_back(&make_record());
        children.spawn(work(*all.back(), d.split(), depth - 1));
        if (d.percent(30)) coro::yield();
      }
      if (d.percent(20)) children.cancel();
      if (d.percent(15)) throw out_of_it{};
      if (d.percent(80)) return together(all, true, [&] { return children.join(); });
    } catch (const out_of_it&) {}
    return together(all, true, [] { return result<void>{}; });
  }

  auto all(dice& d, int depth) -> result<void> {
    record& a = make_record();
    record& b = make_record();
    return together({&a, &b}, true, [&]() -> result<void> {
      const auto both = coro::all(work(a, d.split(), depth - 1), work(b, d.split(), depth - 1));
      if (both) BOOST_TEST((std::get<0>(*both).value == a.value && std::get<1>(*both).value == b.value));
      return without_value(both);
    });
  }

  auto race(dice& d, int depth) -> result<void> {
    record& a = make_record();
    record& b = make_record();
    return together({&a, &b}, false, [&]() -> result<void> {
      const auto won = coro::race(work(a, d.split(), depth - 1), work(b, d.split(), depth - 1));
      const bool has_returned = a.how == end::returned || b.how == end::returned;
      BOOST_TEST(won.has_value() == has_returned);
      if (!won) return without_value(won);
      const record& first = won->index() == 0 ? a : b;
      const record& other = won->index() == 0 ? b : a;
      BOOST_TEST((first.how == end::returned && first.value == std::visit([](const auto& one) { return one.value; }, *won)));
      BOOST_TEST((other.how != end::returned || other.when > first.when));
      return {};
    });
  }

  auto bounded(dice& d, int depth) -> result<void> {
    const auto limit = std::chrono::microseconds{d.below(300)};
    const stopwatch watch;
    record& inner = make_record();
    return together({&inner}, true, [&]() -> result<void> {
      const auto came = coro::with_timeout(limit, work(inner, d.split(), depth - 1));
      if (inner.how == end::returned) {
        BOOST_TEST((came && came->value == inner.value));
      } else if (!came && came.error() == errc::timed_out) {
        BOOST_TEST((inner.error == errc::timed_out || (is_canceled(inner.error) && watch.passed() >= limit)));
        inner.error = came.error();
      } else if (!came && is_canceled(came.error())) {
        BOOST_TEST(cancelled());
      }
      return without_value(came);
    });
  }

  auto shielded(dice& d) -> result<void> {
    return coro::shield([&]() -> result<void> {
      BOOST_TEST(!cancelled());
      BOOST_TEST(coro::sleep(std::chrono::microseconds{d.below(50)}).has_value());
      BOOST_TEST(coro::io(op::nop{}).has_value());
      BOOST_TEST((coro::with_timeout(0us, [] { return coro::sleep(1h); }) == sluice::failure(errc::timed_out)));
      return {};
    });
  }

  auto through_a_handle(dice& d, int depth) -> result<void> {
    record& its = make_record();
    auto handle = std::make_shared<task>(coro::spawn(work(its, d.split(), depth - 1)));
    if (d.percent(40)) coro::yield();
    switch (d.below(5)) {
      case 0: handle->request_cancel(); break;
      case 1: BOOST_TEST(handle->remote().request_cancel().has_value()); break;
      case 2: {
        typename coro::scope other;
        other.spawn([this, &its, handle] { expect(its, [&] { return handle->join(); }); });
        handle.reset();
        const auto joined = other.join();
        BOOST_TEST((joined || (is_canceled(joined.error()) && cancelled())));
        BOOST_TEST(its.present == 0);
        return joined;
      }
      case 3:
        handle.reset();
        BOOST_TEST((its.present == 0 && its.how != end::begun));
        return {};
      case 4: left_.emplace_back(&its, std::move(*handle)); return {};
      default: break;
    }
    expect(its, [&] { return handle->join(); });
    return {};
  }

  dice chances_;
  std::deque<record> records_;
  int ends_ = 0;
  std::deque<std::pair<record*, task>> left_;
  std::deque<task> unfetched_;
  std::deque<typename coro::template channel<item>> channels_;
  items items_;
  typename coro::mutex mutex_;
  int inside_ = 0;
  typename coro::semaphore permits_{2};
  std::size_t taken_ = 0;
  typename coro::event happened_;
  socket_pair sockets_;
  std::array<side, 2> sides_{{{.writes = sockets_.left, .reads = sockets_.right}, {.writes = sockets_.right, .reads = sockets_.left}}};
};

}  // namespace fixture::random
