// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The arms of a select that wait for other threads: sending to remote channels and receiving from them. Layer: coro.

#include <sluice/coro/arm_states.hpp>
#include <sluice/coro/arms.hpp>
#include <sluice/coro/frame.hpp>
#include <sluice/coro/inbox.hpp>
#include <sluice/coro/remote_channel.hpp>
#include <sluice/coro/remote_wait.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/result.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::coro {

/// \cond
// An arm in the line of a remote channel. Other threads never decide for it: they leave items in the channel and room for them, take the
// arm out of the line and send word, which says no more than that it is worth another look. The look is taken by the select's own
// scheduler, when the word has arrived and only while no other arm has won; so the arms need no claim between them, and there is never an
// item that has to go back to where others have passed it. What an arm can lose is the word, which would have gone to the next in line
// otherwise: whoever was sent word and does not look passes it on. A look that finds nothing puts the arm back, at the end of the line, and
// the task does not learn of it.
//
// Word lies in the arm while it travels, so a select does not end before it has come to all its arms that were sent some.
template <class Config, class Derived>
class remote_arm : public remote_waiter, message {
 public:
  static constexpr bool is_channel = true;
  static constexpr bool is_operation = false;
  static constexpr bool is_remote = true;

  remote_arm(remote_line& mine, remote_line& others, choice<Config>& among, std::size_t index) noexcept
      : mine_{mine}, others_{others}, among_{among}, index_{index} {
    this->signal = [](remote_waiter& base) noexcept {
      auto& self = static_cast<remote_arm&>(base);
      inbox& there = *self.inbox_;
      // The arm may go as soon as it has word; the inbox is held meanwhile.
      there.acquire();
      (void)there.post(self);
      there.release();
    };
    this->run = [](message& base, void* where) noexcept {
      if (where != nullptr) static_cast<remote_arm&>(base).take_word(*static_cast<scheduler<Config>*>(where));
    };
  }

  // Whether it need not wait; what it is for has been done then.
  auto is_ready() noexcept -> bool {
    how_ = look();
    tell_others();
    return how_ != remote_outcome::not_now;
  }

  // Stands in the line. False: it need not.
  auto stand(inbox* box) noexcept -> bool {
    if (box == nullptr) {
      is_refused_ = true;
      return false;
    }
    inbox_ = box;
    {
      const auto held = mine_.lock();
      mine_.push_back(*this);
      how_ = look();
      stands_ = how_ == remote_outcome::not_now;
      if (!stands_) mine_.take_out(*this);
    }
    has_word_ = false;
    tell_others();
    return stands_;
  }

  // Does not wait any more.
  void leave() noexcept {
    if (!std::exchange(stands_, false)) return;
    {
      const auto held = mine_.lock();
      if (mine_.take_out(*this)) return;
    }
    is_owed_word_ = !has_word_;
    mine_.wake_one();
  }

  // Whether word is on its way to it.
  [[nodiscard]] auto is_owed_word() const noexcept -> bool { return is_owed_word_; }
  // The same of an arm that goes at once: the word comes, and is taken back.
  void forget() noexcept {
    leave();
    if (std::exchange(is_owed_word_, false)) inbox_->take_back(*this);
  }

 protected:
  [[nodiscard]] auto is_done() const noexcept -> bool { return how_ == remote_outcome::done; }
  [[nodiscard]] auto why_not() const noexcept -> std::unexpected<std::error_code> {
    if (is_refused_) return failure(std::errc::not_enough_memory);
    return failure(errc::closed);
  }

 private:
  auto look() noexcept -> remote_outcome { return static_cast<Derived&>(*this).attempt(); }

  // Without the lock of the own line: the other side takes both in the other order.
  void tell_others() noexcept {
    if (how_ == remote_outcome::done && others_.may_have_waiters()) others_.wake_one();
  }

  void take_word(scheduler<Config>& home) noexcept {
    if (stands_) {
      has_word_ = true;
      if (!among_.is_open() || stand(inbox_)) return;
      among_.winner = index_;
    }
    is_owed_word_ = false;
    if (--among_.task->pending == 0) home.make_ready(*among_.task);
  }

  remote_line& mine_;
  remote_line& others_;
  choice<Config>& among_;
  std::size_t index_;
  inbox* inbox_ = nullptr;
  remote_outcome how_ = remote_outcome::not_now;
  bool stands_ = false;        // in the line, or sent word that it has not acted on
  bool has_word_ = false;      // that came when another arm had won
  bool is_owed_word_ = false;  // and has left since it was sent
  bool is_refused_ = false;
};

template <class Config, class T>
struct arm_state<Config, receive_from<basic_remote_channel<Config, T>>>
    : remote_arm<Config, arm_state<Config, receive_from<basic_remote_channel<Config, T>>>> {
  using channel_type = basic_remote_channel<Config, T>;
  using value_type = result<T>;

  arm_state(const receive_from<channel_type>& arm, fiber<Config>& /*me*/, choice<Config>& among, std::size_t index) noexcept
      : remote_arm<Config, arm_state>{arm.channel->receivers(), arm.channel->senders(), among, index}, channel{*arm.channel} {}

  auto attempt() noexcept -> remote_outcome { return channel.receive_now(place); }
  auto value() noexcept -> value_type {
    if (this->is_done()) return value_type{std::move(*place)};
    return this->why_not();
  }

  channel_type& channel;
  std::optional<T> place;
};

template <class Config, class T>
struct remote_sending_state : remote_arm<Config, remote_sending_state<Config, T>> {
  using channel_type = basic_remote_channel<Config, T>;
  using value_type = result<void>;

  remote_sending_state(channel_type& of, T& what, choice<Config>& among, std::size_t index) noexcept
      : remote_arm<Config, remote_sending_state>{of.senders(), of.receivers(), among, index}, channel{of}, item{what} {}

  auto attempt() noexcept -> remote_outcome { return channel.send_now(item); }
  auto value() noexcept -> value_type {
    if (this->is_done()) return {};
    return this->why_not();
  }

  channel_type& channel;
  T& item;
};
template <class Config, class T>
struct arm_state<Config, send_to<basic_remote_channel<Config, T>>> : remote_sending_state<Config, T> {
  arm_state(const send_to<basic_remote_channel<Config, T>>& arm, fiber<Config>& /*me*/, choice<Config>& among, std::size_t index) noexcept
      : remote_sending_state<Config, T>{*arm.channel, *arm.item, among, index} {}
};
template <class Config, class T>
struct arm_state<Config, send_copy_to<basic_remote_channel<Config, T>>> : remote_sending_state<Config, T> {
  arm_state(const send_copy_to<basic_remote_channel<Config, T>>& arm, fiber<Config>& /*me*/, choice<Config>& among,
            std::size_t index) noexcept
      : remote_sending_state<Config, T>{*arm.channel, arm.copy, among, index} {}
};
/// \endcond

}  // namespace sluice::inline v0::coro
