// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A program of tasks that meet at locks, permits, signals and channels, made from a seed while it runs.

#include <sluice/sluice.hpp>
#include <support/dice.hpp>

#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <system_error>
#include <utility>
#include <vector>

#include <coro/fixture.hpp>
#include <coro/queue_of_tasks.hpp>
#include <coro/random_items.hpp>

namespace fixture::random {

using support::dice;

/// One program, and where its tasks meet. It outlives the scheduler.
///
/// Locks are taken in one order only, and a task that holds some has no others made but what takes later ones. In a program that is left to
/// itself, all waits for what may never come have a deadline: it ends alone, or something was lost.
template <class Config>
class meeting {
 public:
  using coro = sluice::coro_of<Config>;

  explicit meeting(dice chances) : chances_{chances}, is_left_alone_{chances_.percent(50)} {
    for (const std::size_t capacity : {0U, 1U, 3U}) channels_.emplace_back(capacity);
  }
  meeting(const meeting&) = delete;
  auto operator=(const meeting&) -> meeting& = delete;

  /// Has some tasks made that meet, asks one or the other to end, and at last all of them, unless they are left alone.
  void drive(typename coro::scheduler& home) {
    std::vector<typename coro::template task<void>> crowd;
    for (std::size_t count = chances_.from(1, 7); count != 0; --count) crowd.push_back(coro::spawn(work(chances_.split(), 2, none)));
    const auto end_some = [&](unsigned chance) {
      for (auto& one : crowd)
        if (chances_.percent(chance)) one.request_cancel();
    };
    const auto is_over = [&] { return std::ranges::all_of(crowd, [](const auto& one) { return one.done(); }); };
    if (is_left_alone_) {
      // Shielded ones need their tokens even if it is asked to end.
      while (!is_over()) {
        end_some(cancelled() ? 100 : 1);
        look();
        coro::shield([] { coro::yield(); });
      }
    } else {
      for (std::size_t turns = chances_.below(200); turns != 0 && !is_over(); --turns, coro::yield()) {
        end_some(1);
        look();
      }
      if (chances_.percent(25)) home.cancel_all();
      end_some(100);
    }
    for (auto& one : crowd) expect([&] { return one.join(); });
  }
  /// After all tasks, and the scheduler.
  void look_at_what_is_left() {
    for (auto& one : mutexes_) BOOST_TEST((!one.object.is_locked() && one.inside == 0 && one.line.empty()));
    BOOST_TEST((bool{shared_.object.try_lock()} && shared_.readers == 0 && shared_.writers == 0 && shared_.line.empty()));
    for (auto& one : semaphores_) BOOST_TEST((one.object.available() == one.permits && one.taken == 0 && one.line.empty()));
    BOOST_TEST((!monitor_.mutex.is_locked() && monitor_.inside == 0 && monitor_.waiting == 0));
    BOOST_TEST(monitor_.put == monitor_.got + monitor_.tokens);
    BOOST_TEST(barrier_.passed == barrier_.due + barrier_.dropped);
    BOOST_TEST(barrier_.object.missing() == barrier_.phase - barrier_.dropped);
    BOOST_TEST(event_line_.empty());
    items_.look_at_what_is_left(channels_);
  }

 private:
  // What may be taken by one who has none yet; whoever has something takes what comes behind it.
  enum rank : std::size_t {
    none,
    first_mutex,
    second_mutex,
    shared_mutex,
    wide_semaphore,
    narrow_semaphore,
    once_only,
    monitor,
    all_of_it
  };

  static constexpr std::size_t all_readers = 1000;

  struct thrown {};

  template <class Count>
  struct counted_out {
    Count& sum;
    Count mine = 1;
    ~counted_out() { sum -= mine; }
  };

  static auto cancelled() -> bool { return coro::this_task::cancelled(); }
  static auto is_canceled(const std::error_code& why) -> bool { return why == std::errc::operation_canceled; }

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
  /// What may never come.
  template <class F>
  auto wait_for_luck(dice& d, F&& f) -> decltype(f()) {
    if (!is_left_alone_ && d.percent(60)) return wait(f);
    return coro::with_timeout(std::chrono::microseconds{d.below(60)}, [&] { return wait(f); });
  }

  auto work(dice d, int depth, rank held) {
    return [this, d, depth, held]() mutable -> sluice::result<void> {
      for (std::size_t steps = d.from(1, 8); steps != 0; --steps) {
        if (cancelled() && d.percent(60)) break;
        step(d, depth, held);
      }
      if (d.percent(6)) throw thrown{};
      if (d.percent(6)) return sluice::failure(std::errc::io_error);
      return {};
    };
  }
  template <class F>
  static void expect(F&& f) {
    try {
      const auto came = f();
      if (!came) BOOST_TEST((came.error() == std::errc::io_error || is_canceled(came.error()) || came.error() == sluice::errc::timed_out));
    } catch (const thrown&) {}
  }

  void step(dice& d, int depth, rank held) {
    const auto takes = [&](rank what) { return held < what; };
    switch (d.percent(60) ? d.one_of({favourites_[0], favourites_[1]}) : d.below(20)) {
      case 0: return coro::yield();
      case 1: return (void)wait([&] { return coro::sleep(std::chrono::microseconds{d.below(40)}); });
      case 2:
      case 3: return takes(first_mutex) ? hold_mutex(d, depth, first_mutex) : coro::yield();
      case 4: return takes(second_mutex) ? hold_mutex(d, depth, second_mutex) : coro::yield();
      case 5:
      case 6: return takes(shared_mutex) ? share(d, depth) : coro::yield();
      case 7: return takes(wide_semaphore) ? hold_permits(d, depth, wide_semaphore) : coro::yield();
      case 8: return takes(narrow_semaphore) ? hold_permits(d, depth, narrow_semaphore) : coro::yield();
      case 9: return takes(once_only) ? do_once(d) : coro::yield();
      case 10:
      case 11: return takes(monitor) ? use_the_monitor(d) : coro::yield();
      case 12: return wait_for_the_event(d);
      case 13: return meet_the_others(d);
      case 14: return hand_on(d);
      case 15: return choose(d);
      case 16: return depth == 0 ? coro::yield() : count_down(d, depth, held);
      default: return depth == 0 ? coro::yield() : have_others(d, depth, held);
    }
  }

  // Inside of something: a wait or two, or others.
  void linger(dice& d, int depth, rank held) {
    for (std::size_t steps = d.below(3); steps != 0; --steps) step(d, depth - (depth != 0 && d.percent(50) ? 1 : 0), held);
    if (d.percent(4)) throw thrown{};
  }

  struct mutex_side {
    typename coro::mutex object;
    queue_of_tasks line;
    int inside = 0;
  };
  void hold_mutex(dice& d, int depth, rank which) {
    auto& one = mutexes_[which - first_mutex];
    const auto inside = [&](auto& guard) {
      BOOST_TEST((guard && guard.mutex() == &one.object && one.object.is_locked()));
      BOOST_TEST(++one.inside == 1);
      const counted_out at_end{one.inside};
      linger(d, depth, which);
      BOOST_TEST(one.inside == 1);
      // It may be handed to somebody else.
      if (d.percent(20)) {
        auto other = std::move(guard);
        BOOST_TEST((!guard && other));
      }
    };
    if (d.percent(20)) {
      const bool was_free = !one.object.is_locked();
      if (auto guard = one.object.try_lock()) {
        BOOST_TEST(was_free);
        inside(guard);
      } else {
        BOOST_TEST(!was_free);
      }
    } else if (d.percent(50)) {
      auto guard = one.line.stand({.is_sure = true, .wish = 1}, [&] { return one.object.lock(); });
      inside(guard);
    } else {
      auto guard = one.line.stand({.is_sure = false, .wish = 1}, [&] { return wait([&] { return one.object.lock_cancellable(); }); });
      if (guard) inside(*guard);
    }
  }

  void share(dice& d, int depth) {
    const auto reads = [&](auto& guard) {
      BOOST_TEST(bool{guard});
      BOOST_TEST(shared_.writers == 0);
      ++shared_.readers;
      const counted_out at_end{shared_.readers};
      linger(d, depth, shared_mutex);
      BOOST_TEST(shared_.writers == 0);
    };
    const auto writes = [&](auto& guard) {
      BOOST_TEST(bool{guard});
      BOOST_TEST((shared_.readers == 0 && ++shared_.writers == 1));
      const counted_out at_end{shared_.writers};
      linger(d, depth, shared_mutex);
      BOOST_TEST((shared_.readers == 0 && shared_.writers == 1));
    };
    auto& object = shared_.object;
    // Only those who wait stand in the line: whoever can have it at once overtakes those who were let in and have not had their turn.
    const auto ask = [&](bool is_sure, bool is_alone, auto f) {
      const bool is_free = is_alone ? bool{object.try_lock()} : bool{object.try_lock_shared()};
      if (!is_free) return shared_.line.stand({.is_sure = is_sure, .wish = is_alone ? all_readers : 1}, f);
      // A reader may have been let in and not have had its turn.
      BOOST_TEST(!shared_.line.holds_up(is_alone ? 1 : all_readers));
      return f();
    };
    switch (d.below(6)) {
      case 0: {
        auto guard = ask(true, true, [&] { return object.lock(); });
        return writes(guard);
      }
      case 1: {
        auto guard = ask(true, false, [&] { return object.lock_shared(); });
        return reads(guard);
      }
      case 2: {
        auto guard = ask(false, true, [&] { return wait([&] { return object.lock_cancellable(); }); });
        return guard ? writes(*guard) : void();
      }
      case 3:
      case 4: {
        auto guard = ask(false, false, [&] { return wait([&] { return object.lock_shared_cancellable(); }); });
        return guard ? reads(*guard) : void();
      }
      default:
        if (auto guard = object.try_lock_shared()) reads(guard);
        return;
    }
  }

  struct semaphore_side {
    explicit semaphore_side(std::size_t count) : object{count}, permits{count} {}
    typename coro::semaphore object;
    std::size_t permits;
    std::size_t taken = 0;
    queue_of_tasks line;
  };
  void hold_permits(dice& d, int depth, rank which) {
    auto& one = semaphores_[which - wide_semaphore];
    const auto count = d.from(1, one.permits);
    const auto inside = [&] {
      one.taken += count;
      BOOST_TEST(one.taken <= one.permits);
      const counted_out at_end{one.taken, count};
      linger(d, depth, which);
    };
    if (d.percent(15)) {
      if (!one.object.try_acquire(count)) return;
      const given_back at_end{one.object, count};
      inside();
      return;
    }
    const bool is_sure = d.percent(40);
    const auto ask = [&] {
      const auto hold = [&] { return one.object.hold(count); };
      return is_sure ? coro::shield(hold) : wait(hold);
    };
    const auto held = one.object.available() >= count ? ask() : one.line.stand({.is_sure = is_sure, .wish = count}, ask);
    BOOST_TEST((held || !is_sure));
    if (held) inside();
  }
  struct given_back {
    typename coro::semaphore& from;
    std::size_t count;
    ~given_back() { from.release(count); }
  };

  void do_once(dice& d) {
    auto& one = onces_[d.below(onces_.size())];
    bool has_run = false;
    const auto run = [&]() -> sluice::result<void> {
      has_run = true;
      BOOST_TEST((++one.running == 1 && !one.is_done));
      const counted_out at_end{one.running};
      coro::yield();
      if (d.percent(30)) throw thrown{};
      if (d.percent(30)) return sluice::failure(std::errc::io_error);
      one.is_done = true;
      return {};
    };
    const auto came = one.object.call(run);
    BOOST_TEST(one.object.is_done() == one.is_done);
    if (came)
      BOOST_TEST(one.is_done);
    else if (is_canceled(came.error()))
      BOOST_TEST((!has_run && cancelled()));
    else
      BOOST_TEST((has_run && came.error() == std::errc::io_error));
  }

  void put_token() {
    ++monitor_.tokens;
    ++monitor_.put;
    monitor_.word.notify_one();
  }
  void use_the_monitor(dice& d) {
    auto& m = monitor_;
    auto guard = m.mutex.lock();
    const auto is_inside = [&] {
      BOOST_TEST((guard && guard.mutex() == &m.mutex && ++m.inside == 1));
      if (d.percent(20)) coro::yield();
      BOOST_TEST(--m.inside == 0);
    };
    is_inside();
    if (d.percent(50)) {
      for (std::size_t count = d.from(1, 2); count != 0; --count) put_token();
      return;
    }
    // What is there is not waited for.
    const auto ask = [&] {
      const auto told = m.word.wait(guard, [&] { return m.tokens != 0; });
      BOOST_TEST(told.has_value() == (m.tokens != 0));
      return told;
    };
    const bool is_there = m.tokens != 0;
    ++m.waiting;
    const auto got = is_there ? ask() : is_left_alone_ && d.percent(70) ? wait(ask) : wait_for_luck(d, ask);
    --m.waiting;
    is_inside();
    if (!got) return;
    BOOST_TEST_REQUIRE(m.tokens != 0U);
    --m.tokens;
    ++m.got;
  }

  void wait_for_the_event(dice& d) {
    switch (d.below(5)) {
      case 0: return event_.set();
      case 1: return event_.pulse();
      case 2: return event_.reset();
      default: break;
    }
    const auto ask = [&] { return event_.wait(); };
    if (event_.is_set())
      (void)wait(ask);
    else
      (void)wait_for_luck(d, [&] { return event_line_.stand({.is_sure = false, .wish = 1}, ask); });
  }

  void meet_the_others(dice& d) {
    auto& b = barrier_;
    const auto note = [&] {
      b.due += b.phase;
      b.phase = b.members;
      b.dropped = 0;
    };
    if (b.members > 2 && d.percent(4)) {
      const bool is_last = b.object.missing() == 1;
      b.object.arrive_and_drop();
      ++b.passed;
      ++b.dropped;
      --b.members;
      if (is_last) note();
      return;
    }
    const auto came = wait_for_luck(d, [&]() -> sluice::result<bool> {
      const bool is_last = b.object.missing() == 1;
      auto arrived = b.object.arrive_and_wait();
      if (arrived) {
        BOOST_TEST(*arrived == is_last);
        ++b.passed;
        if (*arrived) note();
      }
      return arrived;
    });
    if (!came) BOOST_TEST((is_canceled(came.error()) || came.error() == sluice::errc::timed_out));
  }

  void hand_on(dice& d) {
    auto& channel = channels_[d.below(channels_.size())];
    if (d.percent(2)) channel.close();
    if (d.percent(50)) {
      const auto got = wait_for_luck(d, [&] { return channel.receive(); });
      if (got) items_.note_received(*got);
      return;
    }
    item one = items_.make();
    const auto number = one.number;
    const auto went = wait_for_luck(d, [&] { return channel.send(std::move(one)); });
    items_.note_sent(one, number, went.has_value());
  }

  // Several arms, some of them for the same channel, and sometimes a time.
  void choose(dice& d) {
    auto& from = channels_[d.below(channels_.size())];
    auto& other = channels_[d.below(channels_.size())];
    auto& to = channels_[d.below(channels_.size())];
    item one = items_.make();
    item two = items_.make();
    const auto first = one.number;
    const auto second = two.number;
    const auto note = [&](const auto& won) {
      const auto& received = std::get<0>(won);
      const auto& sent = std::get<1>(won);
      const auto& also_received = std::get<2>(won);
      const auto& also_sent = std::get<3>(won);
      BOOST_TEST((int{received.has_value()} + int{sent.has_value()} + int{also_received.has_value()} + int{also_sent.has_value()} <= 1));
      BOOST_TEST((!received || won.index() == 0));
      BOOST_TEST((!sent || won.index() == 1));
      BOOST_TEST((!also_received || won.index() == 2));
      BOOST_TEST((!also_sent || won.index() == 3));
      if (received && *received) items_.note_received(**received);
      if (also_received && *also_received) items_.note_received(**also_received);
      items_.note_sent(one, first, sent && *sent);
      items_.note_sent(two, second, also_sent && *also_sent);
    };
    const bool was_cancelled = cancelled();
    const auto judge = [&](const auto& won) {
      BOOST_TEST((!won || !was_cancelled));
      if (!won) BOOST_TEST((is_canceled(won.error()) && cancelled()));
    };
    if (is_left_alone_ || d.percent(50)) {
      const auto won = coro::select(from.receiving(), to.sending(std::move(one)), other.receiving(), from.sending(std::move(two)),
                                    coro::after(std::chrono::microseconds{d.below(60)}));
      note(won);
      judge(won);
    } else {
      const auto won = coro::select(from.receiving(), to.sending(std::move(one)), other.receiving(), from.sending(std::move(two)));
      note(won);
      judge(won);
    }
  }

  // All of them count down, and some wait for the rest.
  void count_down(dice& d, int depth, rank held) {
    const auto count = d.from(1, 4);
    typename coro::latch latch{count};
    std::size_t counted = 0;
    expect([&] {
      typename coro::scope children{{.on_failure = sluice::on_failure::keep}};
      for (std::size_t i = 0; i != count; ++i) {
        children.spawn([&, its = d.split()]() mutable {
          if (its.percent(40)) step(its, depth - 1, held);
          ++counted;
          if (its.percent(50)) return latch.count_down();
          const auto opened = wait_for_luck(its, [&] { return latch.arrive_and_wait(); });
          if (opened) BOOST_TEST((latch.try_wait() && counted == count));
        });
      }
      const auto opened = wait_for_luck(d, [&] { return latch.wait(); });
      if (opened) BOOST_TEST(counted == count);
      return children.join();
    });
    BOOST_TEST(latch.try_wait() == (counted == count));
  }

  void have_others(dice& d, int depth, rank held) {
    const auto one = [&] { return work(d.split(), depth - 1, held); };
    expect([&]() -> sluice::result<void> {
      switch (d.below(7)) {
        case 0:
        case 1:
        case 2: {
          const bool keeps = d.percent(50);
          typename coro::scope children{{.on_failure = keeps ? sluice::on_failure::keep : sluice::on_failure::cancel_siblings}};
          for (std::size_t count = d.from(1, 6); count != 0; --count) {
            children.spawn(one());
            if (d.percent(20)) coro::yield();
          }
          if (d.percent(20)) children.cancel();
          if (d.percent(10)) throw thrown{};
          return children.join();
        }
        case 3: {
          const auto won = coro::race(one(), one());
          if (!won) return std::unexpected{won.error()};
          return {};
        }
        case 4: return coro::with_timeout(std::chrono::microseconds{d.below(200)}, one());
        case 5: return is_left_alone_ ? coro::shield(one()) : one()();
        default: {
          auto handle = coro::spawn(one());
          for (std::size_t turns = d.below(4); turns != 0; --turns) coro::yield();
          if (d.percent(60)) handle.request_cancel();
          if (d.percent(20)) return {};
          return handle.join();
        }
      }
    });
  }

  // Between the turns: nobody waits for what is there, and who has been left alone with a wait gets what it waits for, once.
  void look() {
    for (auto& one : mutexes_) one.line.look(one.inside == 0 ? 1 : 0);
    shared_.line.look(shared_.writers != 0 ? 0 : shared_.readers != 0 ? 1 : all_readers);
    for (auto& one : semaphores_) one.line.look(one.permits - one.taken);
    if (is_left_alone_ && monitor_.waiting != 0 && monitor_.tokens == 0) put_token();
  }

  struct shared_side {
    typename coro::shared_mutex object;
    queue_of_tasks line;
    int readers = 0;
    int writers = 0;
  };
  struct once_side {
    typename coro::once object;
    int running = 0;
    bool is_done = false;
  };
  struct monitor_side {
    typename coro::mutex mutex;
    typename coro::condition_variable word;
    int inside = 0;
    int waiting = 0;  // for a token
    std::size_t tokens = 0;
    std::size_t put = 0;
    std::size_t got = 0;
  };
  struct barrier_side {
    typename coro::barrier object{4};
    std::size_t members = 4;
    std::size_t phase = 4;    // how many it is for
    std::size_t dropped = 0;  // since it began
    std::size_t due = 0;      // of the phases that are over
    std::size_t passed = 0;   // by their own account
  };

  dice chances_;
  bool is_left_alone_;
  std::array<std::size_t, 2> favourites_{chances_.from(2, 15), chances_.from(2, 19)};
  std::array<mutex_side, 2> mutexes_;
  shared_side shared_;
  std::array<semaphore_side, 2> semaphores_{semaphore_side{3}, semaphore_side{1}};
  std::array<once_side, 3> onces_;
  monitor_side monitor_;
  typename coro::event event_;
  queue_of_tasks event_line_;
  barrier_side barrier_;
  std::deque<typename coro::template channel<item>> channels_;
  items items_;
};

}  // namespace fixture::random
