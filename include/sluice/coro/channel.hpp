// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Items that the tasks of one scheduler hand to each other. Layer: coro.

#include <sluice/coro/arms.hpp>
#include <sluice/coro/channel_of_nothing.hpp>
#include <sluice/coro/wait_queue.hpp>
#include <sluice/detail/fixed_array.hpp>
#include <sluice/result.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>
#include <string_view>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::coro {

/// \cond
// A task that waits to send or to receive, or the arm of a select.
template <class Config, class T>
struct exchange_wait : line_wait<Config> {
  using line_wait<Config>::line_wait;

  T* item = nullptr;                  // of a sender: what it sends
  std::optional<T>* place = nullptr;  // of a receiver: where it goes
  bool exchanged = false;             // and it has gone there
  choice<Config>* among = nullptr;    // of an arm
  std::size_t index = 0;              // which arm

  void send_to(std::optional<T>& where) noexcept { where.emplace(std::move(*item)); }

  // It has had its item, or never will; not in a line any more.
  void finish(bool with_item) noexcept {
    exchanged = with_item;
    if (among == nullptr) return this->go_on();
    among->winner = index;
    if (--this->task->pending == 0) this->go_on();
  }
};
/// \endcond

/// A queue of at most `capacity` items, first in, first out; with a capacity of 0 sender and receiver meet. Any number of tasks may send
/// and receive; nothing in it is atomic, and an item that finds a receiver waiting goes straight to it. Between threads use
/// `remote_channel`.
///
/// After `close` no item is taken any more, what is queued can still be received, and then `errc::closed` is what there is.
/// \lifetime nobody waits for it when it is destroyed; items that nobody received are destroyed with it
/// \allocates the queue, once, when it is made
template <class Config, class T>
class basic_channel {
  static_assert(std::is_object_v<T> && std::is_nothrow_move_constructible_v<T> && std::is_nothrow_destructible_v<T>,
                "[sluice.coro.channel] a channel hands items on by moving them, which must not throw; give it a type whose move "
                "constructor is noexcept, or a std::unique_ptr to it");

 public:
  using value_type = T;  ///< of an item

  /// With room for so many items that nobody has received yet.
  explicit basic_channel(std::size_t capacity = 0) : capacity_{capacity}, items_{capacity} {}
  basic_channel(const basic_channel&) = delete;
  auto operator=(const basic_channel&) -> basic_channel& = delete;
  ~basic_channel() {
    assert(senders_.empty() && receivers_.empty() && "[sluice.coro.channel] a channel was destroyed while tasks wait for it");
    while (count_ != 0) drop_first();
  }

  /// Sends an item; waits as long as there is no room. One that could not be sent is still where it was.
  /// \errors `errc::closed`; `operation_canceled` once the task was asked to end; `operation_not_permitted` if it would have to wait
  /// outside a task
  auto send(T&& item) noexcept -> result<void> {
    const caller<Config> me;
    if (me.is_task() && me.is_refused()) [[unlikely]]
      return canceled();
    if (closed_) [[unlikely]]
      return failure(errc::closed);
    if (send_now(item)) [[likely]]
      return {};
    if (!me.is_task()) return no_task();
    return wait_to_send(item, me.task());
  }
  /// The same of a copy.
  auto send(const T& item) -> result<void>
    requires std::is_copy_constructible_v<T>
  {
    return send(T{item});
  }
  /// Receives an item; waits as long as there is none. \errors as `send`
  [[nodiscard]] auto receive() noexcept -> result<T> {
    const caller<Config> me;
    if (me.is_task() && me.is_refused()) [[unlikely]]
      return canceled();
    if (count_ != 0) [[likely]]
      return take_first();
    return receive_rarely(me);
  }

  /// Sends if that needs no wait; else the item is still where it was.
  /// \errors `errc::closed`; `resource_unavailable_try_again` if there is no room
  auto try_send(T&& item) noexcept -> result<void> {
    if (closed_) return failure(errc::closed);
    if (!send_now(item)) return try_again();
    return {};
  }
  /// The same of a copy.
  auto try_send(const T& item) -> result<void>
    requires std::is_copy_constructible_v<T>
  {
    return try_send(T{item});
  }
  /// Receives if that needs no wait. \errors `errc::closed`; `resource_unavailable_try_again` if there is no item
  [[nodiscard]] auto try_receive() noexcept -> result<T> {
    std::optional<T> place;
    if (receive_now(place)) return std::move(*place);
    if (closed_) return failure(errc::closed);
    return try_again();
  }

  /// No item is taken any more. Senders that wait keep theirs, and receivers that wait learn that there is none: both get `errc::closed`.
  /// Harmless when it is closed.
  void close() noexcept {
    closed_ = true;
    while (auto* const one = first_open(receivers_)) finish(*one, false);
    while (auto* const one = first_open(senders_)) finish(*one, false);
  }
  /// Whether it was closed; items may still be in it.
  [[nodiscard]] auto is_closed() const noexcept -> bool { return closed_; }
  /// Items that can be received without a sender.
  [[nodiscard]] auto size() const noexcept -> std::size_t { return count_; }
  /// How many that can be.
  [[nodiscard]] auto capacity() const noexcept -> std::size_t { return capacity_; }

  /// An arm of a `select` that receives.
  [[nodiscard]] auto receiving() noexcept -> receive_from<basic_channel> { return {this}; }
  /// An arm of a `select` that sends this item, which stays where it is unless the arm wins.
  [[nodiscard]] auto sending(T&& item) noexcept -> send_to<basic_channel> { return {this, &item}; }
  /// The same of a copy.
  [[nodiscard]] auto sending(const T& item) -> send_copy_to<basic_channel>
    requires std::is_copy_constructible_v<T>
  {
    return {this, item};
  }

  /// What is received one after the other, until the channel is closed and empty, or the task is asked to end.
  class iterator {
   public:
    using value_type = T;                              ///< of an item
    using difference_type = std::ptrdiff_t;            ///< of no use
    using iterator_concept = std::input_iterator_tag;  ///< one pass

    /// The end.
    iterator() noexcept = default;
    /// The item.
    [[nodiscard]] auto operator*() const noexcept -> T& { return *item_; }
    /// The item.
    [[nodiscard]] auto operator->() const noexcept -> T* { return &*item_; }
    /// Receives the next one.
    auto operator++() noexcept -> iterator& {
      item_.reset();
      if (auto next = from_->receive()) item_.emplace(std::move(*next));
      return *this;
    }
    /// As above.
    void operator++(int) noexcept { ++*this; }
    /// Whether there are no more.
    [[nodiscard]] auto operator==(std::default_sentinel_t) const noexcept -> bool { return !item_.has_value(); }

   private:
    friend class basic_channel;
    explicit iterator(basic_channel& from) noexcept : from_{&from} { ++*this; }

    basic_channel* from_ = nullptr;
    mutable std::optional<T> item_;
  };
  /// Receives the first one: `for (auto& item : channel)`.
  [[nodiscard]] auto begin() noexcept -> iterator { return iterator{*this}; }
  /// The end of all items.
  [[nodiscard]] static auto end() noexcept -> std::default_sentinel_t { return {}; }

  /// \cond
  using wait_type = exchange_wait<Config, T>;
  using line_type = wait_line<Config>;

  // For arms: whether one of them would not have to wait; it has been done then.
  auto send_now(T& item) noexcept -> bool {
    if (!receivers_.empty()) [[unlikely]] {
      if (auto* const one = first_open(receivers_)) {
        one->place->emplace(std::move(item));
        finish(*one, true);
        return true;
      }
    }
    if (count_ == capacity_) return false;
    std::size_t end = first_ + count_;
    if (end >= capacity_) end -= capacity_;
    ::new (static_cast<void*>(items_[end].bytes)) T{std::move(item)};
    ++count_;
    return true;
  }
  auto receive_now(std::optional<T>& place) noexcept -> bool {
    if (count_ != 0) {
      place.emplace(take_first());
      return true;
    }
    auto* const one = first_open(senders_);
    if (one == nullptr) return false;
    one->send_to(place);
    finish(*one, true);
    return true;
  }
  void stand_to_send(wait_type& one) noexcept { senders_.push_back(one); }
  void stand_to_receive(wait_type& one) noexcept { receivers_.push_back(one); }

  static constexpr wait_kind sends{
      .what = "room in a channel", .cancel = &line_wait<Config>::cut_short, .forget = &line_wait<Config>::forget};
  static constexpr wait_kind receives{
      .what = "an item of a channel", .cancel = &line_wait<Config>::cut_short, .forget = &line_wait<Config>::forget};
  /// \endcond

 private:
  struct slot {
    alignas(T) std::byte bytes[sizeof(T)];
  };

  [[nodiscard]] auto first() noexcept -> T& { return *std::launder(reinterpret_cast<T*>(items_[first_].bytes)); }

  void drop_first() noexcept {
    first().~T();
    first_ = first_ + 1 == capacity_ ? 0 : first_ + 1;
    --count_;
  }

  // There is one. The sender that waits longest gets the room.
  auto take_first() noexcept -> T {
    T item{std::move(first())};
    drop_first();
    if (!senders_.empty()) [[unlikely]]
      refill();
    return item;
  }

  [[gnu::noinline]] void refill() noexcept {
    if (auto* const one = first_open(senders_)) {
      std::size_t end = first_ + count_;
      if (end >= capacity_) end -= capacity_;
      ::new (static_cast<void*>(items_[end].bytes)) T{std::move(*one->item)};
      ++count_;
      finish(*one, true);
    }
  }

  // The first one that can still exchange something; arms of a select that has been decided are not.
  static auto first_open(line_type& line) noexcept -> wait_type* {
    while (auto* const front = line.front()) {
      auto& one = static_cast<wait_type&>(*front);
      if (one.among == nullptr || one.among->is_open()) return &one;
      one.unlink();
    }
    return nullptr;
  }

  static void finish(wait_type& one, bool with_item) noexcept {
    one.unlink();
    one.finish(with_item);
  }

  [[gnu::noinline]] auto wait_to_send(T& item, fiber<Config>& who) noexcept -> result<void> {
    wait_type w{sends, who};
    w.item = &item;
    if (!stand_in<Config>(senders_, w)) return canceled();
    if (!w.exchanged) return failure(errc::closed);
    return {};
  }

  [[gnu::noinline]] auto receive_rarely(const caller<Config>& me) noexcept -> result<T> {
    std::optional<T> place;
    if (!receive_now(place)) {
      if (closed_) return failure(errc::closed);
      if (!me.is_task()) return no_task();
      wait_type w{receives, me.task()};
      w.place = &place;
      if (!stand_in<Config>(receivers_, w)) return canceled();
      if (!w.exchanged) return failure(errc::closed);
    }
    return std::move(*place);
  }

  static auto try_again() noexcept -> std::unexpected<std::error_code> { return failure(std::errc::resource_unavailable_try_again); }

  std::size_t capacity_;
  sluice::detail::fixed_array<slot> items_;
  std::size_t first_ = 0;
  std::size_t count_ = 0;
  bool closed_ = false;
  line_type senders_;
  line_type receivers_;
};

/// \cond
template <class Config>
class basic_channel<Config, void> : public channel_of_nothing<Config> {
 public:
  using channel_of_nothing<Config>::channel_of_nothing;
};
/// \endcond

}  // namespace sluice::inline v0::coro
