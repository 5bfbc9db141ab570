// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Items that tasks and threads everywhere hand to each other. Layer: coro.

#include <sluice/coro/arms.hpp>
#include <sluice/coro/channel_of_nothing.hpp>
#include <sluice/coro/remote_wait.hpp>
#include <sluice/detail/fixed_array.hpp>
#include <sluice/result.hpp>

#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <thread>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::coro {

/// \cond
// What came of trying to send or to receive without a wait.
enum class remote_outcome : std::uint8_t { done, not_now, closed };
/// \endcond

/// A bounded queue, first in, first out, between all tasks of this config, on whatever thread, and all threads. A wait in a task lets the
/// other tasks of its scheduler run, one outside a task blocks the thread. While nobody waits, none of its calls takes a lock or enters the
/// system: each side claims a place with one atomic exchange and publishes it with another.
///
/// After `close` no item is taken any more, what is queued can still be received, and then `errc::closed` is what there is.
/// \lifetime nobody uses it when it is destroyed; items that nobody received are destroyed with it
/// \allocates the queue, once, when it is made
template <class Config, class T>
class basic_remote_channel {
  static_assert(std::is_object_v<T> && std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>,
                "[sluice.coro.channel] a channel hands items on by moving them, which must not throw; give it a type whose move "
                "constructor is noexcept, or a std::unique_ptr to it");

 public:
  using value_type = T;  ///< of an item

  /// With room for at least so many items: the next power of two from 2 on.
  explicit basic_remote_channel(std::size_t capacity)
      : mask_{std::bit_ceil(capacity < 2 ? std::size_t{2} : capacity) - 1}, cells_{mask_ + 1} {
    for (std::size_t i = 0; i <= mask_; ++i) cells_[i].turn.store(i, std::memory_order_relaxed);
  }
  basic_remote_channel(const basic_remote_channel&) = delete;
  auto operator=(const basic_remote_channel&) -> basic_remote_channel& = delete;
  ~basic_remote_channel() {
    std::optional<T> rest;
    while (receive_now(rest) == outcome::done) rest.reset();
  }

  /// Sends an item; waits as long as there is no room. One that could not be sent is still where it was.
  /// \errors `errc::closed`; `operation_canceled` once the task was asked to end; `not_enough_memory` at the first remote wait in a
  /// scheduler
  auto send(T&& item) noexcept -> result<void> {
    return exchange(senders_, sends, receivers_, [&]() noexcept { return send_now(item); });
  }
  /// The same of a copy.
  auto send(const T& item) -> result<void>
    requires std::is_copy_constructible_v<T>
  {
    return send(T{item});
  }
  /// Receives an item; waits as long as there is none. \errors as `send`
  [[nodiscard]] auto receive() noexcept -> result<T> {
    std::optional<T> place;
    if (const auto got = exchange(receivers_, receives, senders_, [&]() noexcept { return receive_now(place); }); !got)
      return std::unexpected{got.error()};
    return std::move(*place);
  }
  /// Sends if that needs no wait; else the item is still where it was.
  /// \errors `errc::closed`; `resource_unavailable_try_again` if there is no room
  auto try_send(T&& item) noexcept -> result<void> { return settle(send_now(item), receivers_); }
  /// The same of a copy.
  auto try_send(const T& item) -> result<void>
    requires std::is_copy_constructible_v<T>
  {
    return try_send(T{item});
  }
  /// Receives if that needs no wait. \errors `errc::closed`; `resource_unavailable_try_again` if there is no item
  [[nodiscard]] auto try_receive() noexcept -> result<T> {
    std::optional<T> place;
    if (const auto got = settle(receive_now(place), senders_); !got) return std::unexpected{got.error()};
    return std::move(*place);
  }

  /// No item is taken any more. Harmless when it is closed.
  void close() noexcept {
    tail_.fetch_or(closed_bit, std::memory_order_seq_cst);
    if (senders_.may_have_waiters()) senders_.wake_all();
    if (receivers_.may_have_waiters()) receivers_.wake_all();
  }
  /// Whether it was closed; items may still be in it.
  [[nodiscard]] auto is_closed() const noexcept -> bool { return (tail_.load(std::memory_order_acquire) & closed_bit) != 0; }
  /// How many items it can hold.
  [[nodiscard]] auto capacity() const noexcept -> std::size_t { return mask_ + 1; }

  /// An arm of a `select` that receives.
  [[nodiscard]] auto receiving() noexcept -> receive_from<basic_remote_channel> { return {this}; }
  /// An arm of a `select` that sends this item, which stays where it is unless the arm wins.
  [[nodiscard]] auto sending(T&& item) noexcept -> send_to<basic_remote_channel> { return {this, &item}; }
  /// The same of a copy.
  [[nodiscard]] auto sending(const T& item) -> send_copy_to<basic_remote_channel>
    requires std::is_copy_constructible_v<T>
  {
    return {this, item};
  }

  /// \cond
  // For arms: tries, and where those wait who must. Whoever has done it tells the other side.
  auto send_now(T& item) noexcept -> remote_outcome {
    unsigned rounds = 0;
    for (std::size_t at = tail_.load(std::memory_order_relaxed);;) {
      if ((at & closed_bit) != 0) return remote_outcome::closed;
      cell& place = cells_[at & mask_];
      const std::size_t turn = place.turn.load(std::memory_order_acquire);
      if (turn == at) {
        if (!tail_.compare_exchange_weak(at, at + 1, std::memory_order_seq_cst, std::memory_order_relaxed)) continue;
        ::new (static_cast<void*>(place.bytes)) T{std::move(item)};
        place.turn.store(at + 1, std::memory_order_seq_cst);
        return remote_outcome::done;
      }
      const std::size_t seen = at;
      const bool looks_full = seen - head_.load(std::memory_order_seq_cst) > mask_;
      at = tail_.load(std::memory_order_seq_cst);
      if (at == seen) {
        if (looks_full) return remote_outcome::not_now;
        pause(rounds);
      }
    }
  }

  auto receive_now(std::optional<T>& into) noexcept -> remote_outcome {
    unsigned rounds = 0;
    for (std::size_t at = head_.load(std::memory_order_relaxed);;) {
      cell& place = cells_[at & mask_];
      const std::size_t turn = place.turn.load(std::memory_order_acquire);
      if (turn == at + 1) {
        if (!head_.compare_exchange_weak(at, at + 1, std::memory_order_seq_cst, std::memory_order_relaxed)) continue;
        T& item = *std::launder(reinterpret_cast<T*>(place.bytes));
        into.emplace(std::move(item));
        item.~T();
        place.turn.store(at + mask_ + 1, std::memory_order_seq_cst);
        return remote_outcome::done;
      }
      const std::size_t seen = at;
      const std::size_t tail = tail_.load(std::memory_order_seq_cst);
      at = head_.load(std::memory_order_seq_cst);
      if (at == seen) {
        if ((tail & ~closed_bit) == seen) return (tail & closed_bit) != 0 ? remote_outcome::closed : remote_outcome::not_now;
        pause(rounds);
      }
    }
  }
  [[nodiscard]] auto senders() noexcept -> remote_line& { return senders_; }
  [[nodiscard]] auto receivers() noexcept -> remote_line& { return receivers_; }
  /// \endcond

 private:
  using outcome = remote_outcome;

  // A place for an item. Its turn says for whom it is: the sender of that position, or one more, the receiver.
  struct cell {
    std::atomic<std::size_t> turn;
    alignas(T) std::byte bytes[sizeof(T)];
  };
  static constexpr std::size_t line_bytes = 64;
  static constexpr auto closed_bit = static_cast<std::size_t>(1) << (sizeof(std::size_t) * 8 - 1);

  // Somebody has claimed a place and not published it yet: it is at it, or its thread was taken off the processor.
  static void pause(unsigned& rounds) noexcept {
    if (++rounds > 64) std::this_thread::yield();
  }

  // Tries until it is done, and waits for the other side where that is all there is to do.
  template <class Try>
  auto exchange(remote_line& mine, const wait_kind& facts, remote_line& others, Try&& attempt) noexcept -> result<void> {
    const caller<Config> me;
    if (me.is_task() && me.is_refused()) [[unlikely]]
      return canceled();
    for (;;) {
      outcome how = attempt();
      // Whoever goes to sleep at once is woken for the next item already, and so on for each. A few turns for whoever wants this processor
      // let several come together; to pause here instead would keep the other side's cache line in motion.
      for (unsigned i = 0; how == outcome::not_now && i != looks_before_sleep && !(me.is_task() && me.home->has_ready()); ++i) {
        std::this_thread::yield();
        how = attempt();
      }
      if (how == outcome::not_now) {
        const auto waited = wait_remotely<Config>(mine, facts, [&]() noexcept {
          how = attempt();
          return how != outcome::not_now;
        });
        if (!waited) return waited;
        if (how == outcome::not_now) continue;
      }
      return settle(how, others);
    }
  }

  static constexpr unsigned looks_before_sleep = 4;

  static auto settle(outcome how, remote_line& others) noexcept -> result<void> {
    if (how == outcome::done) [[likely]] {
      if (others.may_have_waiters()) [[unlikely]]
        others.wake_one();
      return {};
    }
    if (how == outcome::closed) return failure(errc::closed);
    return failure(std::errc::resource_unavailable_try_again);
  }

  static constexpr wait_kind sends{
      .what = "room in a remote channel", .cancel = &waiting_task<Config>::cut_short, .forget = &waiting_task<Config>::forget};
  static constexpr wait_kind receives{
      .what = "an item of a remote channel", .cancel = &waiting_task<Config>::cut_short, .forget = &waiting_task<Config>::forget};

  const std::size_t mask_;
  sluice::detail::fixed_array<cell> cells_;
  alignas(line_bytes) std::atomic<std::size_t> tail_{0};
  alignas(line_bytes) std::atomic<std::size_t> head_{0};
  alignas(line_bytes) remote_line senders_;
  alignas(line_bytes) remote_line receivers_;
};

/// \cond
template <class Config>
class basic_remote_channel<Config, void> : public channel_of_nothing<Config> {
 public:
  using channel_of_nothing<Config>::channel_of_nothing;
};
/// \endcond

}  // namespace sluice::inline v0::coro
