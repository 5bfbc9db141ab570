// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// All that tasks wait for, as models of the laws of waits.

#include <laws/waits.hpp>
#include <sluice/sluice.hpp>

#include <array>
#include <cstddef>
#include <expected>
#include <memory>
#include <optional>
#include <utility>

namespace laws::waits {

/// The models over one config.
template <class Coro>
struct models_of {
  /// A lock whose guard the model keeps for whoever has the turn.
  template <class Mutex, const traits& Facts>
  struct lock : model {
    static constexpr traits facts = Facts;
    typename Mutex::guard held;  // goes last, so that it lets go of nothing before the mutex is destroyed
    Mutex one;

    lock() : model{facts} { held = one.try_lock(); }
    auto wait() -> sluice::result<void> override {
      auto mine = one.lock_cancellable();
      if (!mine) return std::unexpected{mine.error()};
      held = std::move(*mine);
      return {};
    }
    void pass_on() override { held.unlock(); }
    void let() override { held.unlock(); }
    auto try_now() -> bool override { return static_cast<bool>(one.try_lock()); }
    auto is_shut() -> bool override { return !try_now(); }
    auto is_clear() -> bool override { return try_now(); }
  };
  static constexpr traits mutex_facts{.name = "mutex", .one_at_a_time = true, .hands_on = true};
  static constexpr traits writing_facts{.name = "shared_mutex, writing", .one_at_a_time = true, .hands_on = true};
  static constexpr traits remote_mutex_facts{.name = "remote_mutex", .one_at_a_time = true, .hands_on = true, .remote = true};
  using mutex = lock<typename Coro::mutex, mutex_facts>;
  using writing = lock<typename Coro::shared_mutex, writing_facts>;
  using remote_mutex = lock<typename Coro::remote_mutex, remote_mutex_facts>;

  /// Readers behind a writer; they go in together.
  struct reading : model {
    static constexpr traits facts{.name = "shared_mutex, reading", .hands_on = true};
    typename Coro::shared_mutex::guard writer;
    typename Coro::shared_mutex one;

    reading() : model{facts} { writer = one.try_lock(); }
    auto wait() -> sluice::result<void> override {
      if (const auto mine = one.lock_shared_cancellable(); !mine) return std::unexpected{mine.error()};
      return {};
    }
    void let() override { writer.unlock(); }
    auto try_now() -> bool override { return static_cast<bool>(one.try_lock()); }
    auto is_shut() -> bool override { return !one.try_lock_shared(); }
    auto is_clear() -> bool override { return try_now(); }
  };

  struct semaphore : model {
    static constexpr traits facts{.name = "semaphore", .one_at_a_time = true, .hands_on = true};
    typename Coro::semaphore permits{0};

    semaphore() : model{facts} {}
    auto wait() -> sluice::result<void> override { return permits.acquire(); }
    void pass_on() override { permits.release(); }
    void let() override { permits.release(); }
    auto try_now() -> bool override {
      if (!permits.try_acquire()) return false;
      permits.release();
      return true;
    }
    auto is_shut() -> bool override { return permits.available() == 0; }
    auto is_clear() -> bool override { return permits.available() == 1; }
  };

  /// Whoever has the only item of a channel has the turn.
  template <class Channel, const traits& Facts>
  struct item : model {
    static constexpr traits facts = Facts;
    Channel channel{1};

    item() : model{facts} {}
    auto wait() -> sluice::result<void> override {
      if (const auto got = channel.receive(); !got) return std::unexpected{got.error()};
      return {};
    }
    void pass_on() override { let(); }
    void let() override { (void)channel.try_send(1); }
    auto try_now() -> bool override {
      if (!channel.try_receive()) return false;
      let();
      return true;
    }
    auto is_shut() -> bool override { return !try_now(); }
    auto is_clear() -> bool override { return try_now(); }
  };
  static constexpr traits item_facts{.name = "channel, receiving", .one_at_a_time = true, .hands_on = true};
  static constexpr traits remote_item_facts{.name = "remote_channel, receiving", .one_at_a_time = true, .remote = true};
  using receiving = item<typename Coro::template channel<int>, item_facts>;
  using remote_receiving = item<typename Coro::template remote_channel<int>, remote_item_facts>;

  /// Whose item takes the only room of a channel has the turn.
  template <class Channel, const traits& Facts>
  struct room : model {
    static constexpr traits facts = Facts;
    Channel channel{1};

    room() : model{facts} {
      while (channel.try_send(1)) {}
    }
    auto wait() -> sluice::result<void> override { return channel.send(1); }
    void pass_on() override { let(); }
    void let() override { (void)channel.try_receive(); }
    auto try_now() -> bool override {
      if (!channel.try_send(1)) return false;
      let();
      return true;
    }
    auto is_shut() -> bool override { return !try_now(); }
    auto is_clear() -> bool override { return try_now(); }
  };
  static constexpr traits room_facts{.name = "channel, sending", .one_at_a_time = true, .hands_on = true};
  static constexpr traits remote_room_facts{.name = "remote_channel, sending", .one_at_a_time = true, .remote = true};
  using sending = room<typename Coro::template channel<int>, room_facts>;
  using remote_sending = room<typename Coro::template remote_channel<int>, remote_room_facts>;

  /// Sender and receiver meet: what nobody waits for is not kept.
  struct meeting : model {
    static constexpr traits facts{.name = "channel without room"};
    typename Coro::template channel<int> channel;

    meeting() : model{facts} {}
    auto wait() -> sluice::result<void> override {
      if (const auto got = channel.receive(); !got) return std::unexpected{got.error()};
      return {};
    }
    void pass_on() override { let(); }
    void let() override { (void)channel.try_send(1); }
    auto is_clear() -> bool override { return !channel.try_send(1) && !channel.try_receive(); }
  };

  /// The arm of a select that waits for an item, beside one that nobody ever lets win.
  template <class Channel, const traits& Facts>
  struct arm : item<Channel, Facts> {
    Channel nobody{1};

    auto wait() -> sluice::result<void> override {
      auto won = Coro::select(this->channel.receiving(), nobody.receiving());
      if (!won) return std::unexpected{won.error()};
      BOOST_TEST(!won.template get<1>());
      if (const auto& got = *won.template get<0>(); !got) return std::unexpected{got.error()};
      return {};
    }
  };
  static constexpr traits arm_facts{.name = "select, receiving", .one_at_a_time = true, .hands_on = true};
  static constexpr traits remote_arm_facts{
      .name = "select, receiving from a remote_channel", .one_at_a_time = true, .remote = true, .remote_arm = true};
  using selecting = arm<typename Coro::template channel<int>, arm_facts>;
  using remote_selecting = arm<typename Coro::template remote_channel<int>, remote_arm_facts>;

  /// The same for one that waits for room.
  template <class Channel, const traits& Facts>
  struct sending_arm : room<Channel, Facts> {
    Channel nobody{1};

    auto wait() -> sluice::result<void> override {
      auto won = Coro::select(this->channel.sending(1), nobody.receiving());
      if (!won) return std::unexpected{won.error()};
      BOOST_TEST(!won.template get<1>());
      return *won.template get<0>();
    }
  };
  static constexpr traits sending_arm_facts{.name = "select, sending", .one_at_a_time = true, .hands_on = true};
  static constexpr traits remote_sending_arm_facts{
      .name = "select, sending to a remote_channel", .one_at_a_time = true, .remote = true, .remote_arm = true};
  using selecting_room = sending_arm<typename Coro::template channel<int>, sending_arm_facts>;
  using remote_selecting_room = sending_arm<typename Coro::template remote_channel<int>, remote_sending_arm_facts>;

  /// Receivers of a channel that is closed.
  template <class Channel, const traits& Facts>
  struct closed : model {
    static constexpr traits facts = Facts;
    Channel channel{1};

    closed() : model{facts} {}
    auto wait() -> sluice::result<void> override {
      const auto got = channel.receive();
      if (!got && got.error() != errc::closed) return std::unexpected{got.error()};
      return {};
    }
    void let() override { channel.close(); }
    auto is_shut() -> bool override { return !channel.is_closed(); }
    auto is_clear() -> bool override { return channel.is_closed(); }
  };
  static constexpr traits closed_facts{.name = "channel, closed"};
  static constexpr traits remote_closed_facts{.name = "remote_channel, closed", .remote = true};
  using closing = closed<typename Coro::template channel<int>, closed_facts>;
  using remote_closing = closed<typename Coro::template remote_channel<int>, remote_closed_facts>;

  /// Word goes to the one that waits longest, or to all. Nothing keeps it for those who come later.
  template <bool All, const traits& Facts>
  struct telling : model {
    static constexpr traits facts = Facts;
    typename Coro::mutex guard;
    typename Coro::condition_variable changed;

    telling() : model{facts} {}
    auto wait() -> sluice::result<void> override {
      auto held = guard.lock();
      const auto told = changed.wait(held);
      BOOST_TEST(!!held);
      return told;
    }
    void pass_on() override { let(); }
    void let() override {
      if (All)
        changed.notify_all();
      else
        changed.notify_one();
    }
    auto is_shut() -> bool override { return !guard.is_locked(); }
    auto is_clear() -> bool override { return !guard.is_locked(); }
  };
  static constexpr traits one_facts{.name = "condition_variable, notify_one"};
  static constexpr traits all_facts{.name = "condition_variable, notify_all"};
  using telling_one = telling<false, one_facts>;
  using telling_all = telling<true, all_facts>;

  template <class Event, const traits& Facts>
  struct happening : model {
    static constexpr traits facts = Facts;
    Event one;

    happening() : model{facts} {}
    auto wait() -> sluice::result<void> override { return one.wait(); }
    void let() override { one.set(); }
    auto try_now() -> bool override { return one.is_set(); }
    auto is_shut() -> bool override { return !one.is_set(); }
    auto is_clear() -> bool override { return one.is_set(); }
  };
  static constexpr traits event_facts{.name = "event"};
  static constexpr traits remote_event_facts{.name = "remote_event", .remote = true};
  using event = happening<typename Coro::event, event_facts>;
  using remote_event = happening<typename Coro::remote_event, remote_event_facts>;

  struct latch : model {
    static constexpr traits facts{.name = "latch"};
    typename Coro::latch start_line{1};

    latch() : model{facts} {}
    auto wait() -> sluice::result<void> override { return start_line.wait(); }
    void let() override {
      if (!start_line.try_wait()) start_line.count_down();
    }
    auto try_now() -> bool override { return start_line.try_wait(); }
    auto is_shut() -> bool override { return !start_line.try_wait(); }
    auto is_clear() -> bool override { return start_line.try_wait(); }
  };

  /// With more places than a law has tasks; the rest of a phase is for `let`.
  struct barrier : model {
    static constexpr traits facts{.name = "barrier"};
    static constexpr std::size_t places = 64;
    typename Coro::barrier together{places};
    std::size_t left = places;

    barrier() : model{facts} {}
    auto wait() -> sluice::result<void> override {
      ++inside;
      const auto outcome = together.arrive_and_wait();
      --inside;
      if (!outcome) return std::unexpected{outcome.error()};
      return {};
    }
    void let() override {
      // As many leave as have not come; those who wait are the places that are left.
      if (together.missing() == left) return;
      for (auto missing = together.missing(); missing != 0; --missing, --left) together.arrive_and_drop();
    }
    void forget_one() override { --inside; }
    auto is_shut() -> bool override { return together.missing() + inside == left; }
    auto is_clear() -> bool override { return inside == 0 && together.missing() == left; }

   private:
    std::size_t inside = 0;
  };

  /// One task runs what is to be run once; the others wait for its end.
  struct once : model {
    static constexpr traits facts{.name = "once", .needs_tasks = true};
    typename Coro::once setup;
    typename Coro::event may_end;
    typename Coro::template task<void> runner;

    once() : model{facts} {}
    void start() override {
      runner = go<Coro>([this] { (void)setup.call([this] { return may_end.wait(); }); });
      Coro::yield();
    }
    auto wait() -> sluice::result<void> override {
      return setup.call([] { BOOST_ERROR("it is done by another"); });
    }
    void let() override {
      may_end.set();
      if (runner.joinable()) (void)runner.join();
    }
    auto is_shut() -> bool override { return !setup.is_done(); }
    auto is_clear() -> bool override { return setup.is_done(); }
  };

  template <class Model>
  static constexpr auto kind_of() -> kind {
    return {&Model::facts, [] { return std::unique_ptr<model>{std::make_unique<Model>()}; }};
  }
  static constexpr auto every = std::to_array<kind>({
      kind_of<mutex>(),
      kind_of<writing>(),
      kind_of<reading>(),
      kind_of<semaphore>(),
      kind_of<receiving>(),
      kind_of<sending>(),
      kind_of<selecting>(),
      kind_of<selecting_room>(),
      kind_of<meeting>(),
      kind_of<closing>(),
      kind_of<telling_one>(),
      kind_of<telling_all>(),
      kind_of<event>(),
      kind_of<latch>(),
      kind_of<barrier>(),
      kind_of<once>(),
      kind_of<remote_mutex>(),
      kind_of<remote_receiving>(),
      kind_of<remote_sending>(),
      kind_of<remote_selecting>(),
      kind_of<remote_selecting_room>(),
      kind_of<remote_closing>(),
      kind_of<remote_event>(),
  });
};

}  // namespace laws::waits
