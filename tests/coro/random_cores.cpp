// SPDX-License-Identifier: MIT
// Random programs on several cores: their tasks hand items to each other through remote channels, lock a remote mutex, have others made on
// other cores and code run that blocks, with deadlines, cancels and selections among them. No item is lost or doubled, one has the mutex
// at a time, what was handed to another core runs or is refused, and all of it ends.
#include <sluice/sluice.hpp>
#include <support/dice.hpp>
#include <support/needs.hpp>
#include <support/number_of.hpp>
#include <support/watchdog.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <system_error>
#include <utility>

#include <coro/fixture.hpp>

namespace {

using namespace std::chrono_literals;
using support::dice;

struct by_uring : sluice::config<fixture::roomy> {};
struct by_epoll : sluice::config<fixture::roomy, sluice::backend::epoll<>> {};

/// What its tasks share. They run on several threads, so they note what is wrong, and are asked about it at last.
template <class Config>
class program {
 public:
  using coro = sluice::coro_of<Config>;
  using core = typename coro::runtime::core;

  explicit program(dice chances) : chances_{chances} {}

  void run() {
    const auto threads = chances_.from(2, 3);
    std::array<dice, 3> each{chances_.split(), chances_.split(), chances_.split()};
    const auto outcome = coro::runtime::run({.threads = static_cast<unsigned>(threads)}, [&](core& mine) {
      dice& d = each[mine.index()];
      std::deque<typename coro::template task<void>> tasks;
      for (std::size_t count = d.from(1, 4); count != 0; --count)
        tasks.push_back(coro::spawn([this, &mine, its = d.split()]() mutable { work(&mine, its); }));
      for (std::size_t turns = d.below(30); turns != 0; --turns) {
        if (d.percent(5)) tasks[d.below(tasks.size())].request_cancel();
        if (d.percent(5)) (void)tasks[d.below(tasks.size())].remote().request_cancel();
        coro::yield();
      }
      for (auto& one : tasks) (void)one.join();
    });
    BOOST_TEST(outcome.has_value());
    for (auto* const from : {&narrow_, &wide_})
      while (const auto rest = from->try_receive()) note_received(*rest);
    BOOST_TEST(wrong_ == 0);
    BOOST_TEST(begun_ == handed_over_);
    BOOST_TEST(inside_ == 0);
    BOOST_TEST(bool{mutex_.try_lock()});
    for (std::size_t i = 0; i != made_; ++i) BOOST_TEST(sent_[i] == received_[i]);
  }

 private:
  static constexpr std::size_t most_items = 4096;

  /// `most_items` is the one that has gone.
  struct item {
    explicit item(std::size_t n) : number{n} {}
    item(item&& other) noexcept : number{std::exchange(other.number, most_items)} {}
    auto operator=(item&&) -> item& = delete;
    std::size_t number;
  };

  void expect(bool holds) {
    if (!holds) ++wrong_;
  }
  void note_received(const item& one) { expect(one.number < made_ && ++received_[one.number] == 1); }
  void note_sent(const item& one, std::size_t number, bool was_sent) {
    expect(one.number == (was_sent ? most_items : number));
    if (was_sent) ++sent_[number];
  }
  static auto small_time(dice& d) { return std::chrono::microseconds{d.below(200)}; }

  /// Without a core it is one that was handed over, and hands nothing on.
  void work(core* mine, dice& d) {
    for (std::size_t steps = d.from(1, 8); steps != 0; --steps) {
      if (made_ + 64 > most_items) return;
      step(mine, d);
    }
  }
  void step(core* mine, dice& d) {
    auto& one = d.percent(50) ? narrow_ : wide_;
    auto& other = d.percent(50) ? narrow_ : wide_;
    switch (d.below(10)) {
      case 0:
      case 1: {
        item thing{made_++};
        const auto number = thing.number;
        const auto send = [&] { return one.send(std::move(thing)); };
        const auto went = d.percent(30) ? one.try_send(std::move(thing)) : coro::with_timeout(small_time(d), send);
        return note_sent(thing, number, went.has_value());
      }
      case 2:
      case 3: {
        const auto got = coro::with_timeout(small_time(d), [&] { return one.receive(); });
        if (got) note_received(*got);
        return;
      }
      case 4: {
        item thing{made_++};
        const auto number = thing.number;
        const auto won = coro::select(one.receiving(), other.sending(std::move(thing)), coro::after(small_time(d)));
        const auto& [got, went, over] = won;
        expect(!(got && went));
        if (got && *got) note_received(**got);
        return note_sent(thing, number, went && *went);
      }
      case 5: {
        const auto inside = [&] {
          expect(++inside_ == 1);
          if (d.percent(30)) coro::yield();
          --inside_;
        };
        if (d.percent(50)) {
          const auto held = mutex_.lock();
          return inside();
        }
        const auto held = coro::with_timeout(small_time(d), [&] { return mutex_.lock_cancellable(); });
        return held ? inside() : void();
      }
      case 6:
        switch (d.below(3)) {
          case 0: return event_.set();
          case 1: return event_.reset();
          default: return (void)coro::with_timeout(small_time(d), [&] { return event_.wait(); });
        }
      case 7: {
        const auto answer = coro::blocking([number = d.below(100)] { return number; });
        expect(answer.has_value() || coro::this_task::cancelled());
        return;
      }
      case 8: {
        if (mine == nullptr) return coro::yield();
        const auto went = mine->spawn_on(d.below(mine->count()), [this, its = d.split()]() mutable {
          ++begun_;
          work(nullptr, its);
        });
        if (went) ++handed_over_;
        return;
      }
      default: return (void)coro::sleep(small_time(d));
    }
  }

  dice chances_;
  typename coro::template remote_channel<item> narrow_{1};
  typename coro::template remote_channel<item> wide_{4};
  typename coro::remote_mutex mutex_;
  typename coro::remote_event event_;
  std::atomic<int> inside_ = 0;
  std::atomic<int> wrong_ = 0;
  std::atomic<int> begun_ = 0;
  std::atomic<int> handed_over_ = 0;
  std::atomic<std::size_t> made_ = 0;
  std::array<std::atomic<int>, most_items> sent_{};
  std::array<std::atomic<int>, most_items> received_{};
};

template <class Config>
void run_some() {
  const support::watchdog dog;
  const auto first = support::number_of("SLUICE_RANDOM_SEED", 1);
  const auto end = first + support::number_of("SLUICE_RANDOM_PROGRAMS", 100);
  for (auto seed = first; seed != end; ++seed) {
    BOOST_TEST_CONTEXT("program " << seed) {
      dog.watch(seed);
      std::make_unique<program<Config>>(dice{seed})->run();
    }
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(coro)
BOOST_AUTO_TEST_SUITE(random_cores)

BOOST_AUTO_TEST_CASE(on_io_uring, *needs::ring()) { run_some<by_uring>(); }
BOOST_AUTO_TEST_CASE(on_epoll) { run_some<by_epoll>(); }

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
