// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The arms of a select while it waits: operations, times, channels of its scheduler. Layer: coro.

#include <sluice/aio/call.hpp>
#include <sluice/coro/arms.hpp>
#include <sluice/coro/channel.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/interval.hpp>
#include <sluice/result.hpp>

#include <cstddef>
#include <optional>
#include <system_error>
#include <utility>

namespace sluice::inline v0::coro {

/// \cond
// An arm while the select waits: what it needs, how it is tried, and what it gave.
template <class Config, class Arm>
struct arm_state {  // an operation; they lie together, in a call of their own
  using value_type = result<typename aio::value_of<typename sluice::detail::unlinked<Arm>::type>::type>;
  static constexpr bool is_channel = false;
  static constexpr bool is_operation = true;
  static constexpr bool is_remote = false;

  arm_state(const Arm& /*arm*/, fiber<Config>& /*me*/, choice<Config>& /*among*/, std::size_t /*index*/) noexcept {}
};

template <class Config>
struct arm_state<Config, after_arm> {
  using value_type = result<void>;
  static constexpr bool is_channel = false;
  static constexpr bool is_operation = false;
  static constexpr bool is_remote = false;

  arm_state(const after_arm& arm, fiber<Config>& me, choice<Config>& /*among*/, std::size_t /*index*/) noexcept {
    timer.deadline = arm.deadline;
    timer.tag = scheduler<Config>::timer_counts;
    timer.owner = &me;
  }

  // Whether it can be waited for.
  auto start(typename scheduler<Config>::ring_type& ring) noexcept -> bool {
    if (timer.deadline == time_point::never()) return true;
    const auto armed = ring.arm(timer);
    if (armed)
      is_armed = true;
    else
      refused = armed.error();
    return armed.has_value();
  }
  void leave(typename scheduler<Config>::ring_type& ring) noexcept {
    if (!std::exchange(is_armed, false)) return;
    has_fired = !timer.armed;
    ring.disarm(timer);
  }
  [[nodiscard]] auto is_over() const noexcept -> bool { return has_fired || refused; }
  auto value() noexcept -> value_type {
    if (refused) return std::unexpected{refused};
    return {};
  }

  aio::timer timer;
  std::error_code refused;
  bool is_armed = false;
  bool has_fired = false;
};

template <class Config, class T>
struct channel_arm {
  using channel_type = basic_channel<Config, T>;
  static constexpr bool is_channel = true;
  static constexpr bool is_operation = false;
  static constexpr bool is_remote = false;

  channel_arm(channel_type& of, const wait_kind& kind, fiber<Config>& me, choice<Config>& among, std::size_t index) noexcept
      : channel{of}, wait{kind, me} {
    wait.among = &among;
    wait.index = index;
  }
  void leave() noexcept {
    if (wait.linked()) wait.unlink();
  }

  channel_type& channel;
  exchange_wait<Config, T> wait;
};

template <class Config, class T>
struct arm_state<Config, receive_from<basic_channel<Config, T>>> : channel_arm<Config, T> {
  using value_type = result<T>;

  arm_state(const receive_from<basic_channel<Config, T>>& arm, fiber<Config>& me, choice<Config>& among, std::size_t index) noexcept
      : channel_arm<Config, T>{*arm.channel, basic_channel<Config, T>::receives, me, among, index} {
    this->wait.place = &place;
  }
  auto is_ready() noexcept -> bool { return this->channel.receive_now(place) || this->channel.is_closed(); }
  void stand() noexcept { this->channel.stand_to_receive(this->wait); }
  auto value() noexcept -> value_type {
    if (place) return value_type{std::move(*place)};
    return failure(errc::closed);
  }

  std::optional<T> place;
};

template <class Config, class T>
struct sending_state : channel_arm<Config, T> {
  using value_type = result<void>;

  sending_state(basic_channel<Config, T>& of, T& item, fiber<Config>& me, choice<Config>& among, std::size_t index) noexcept
      : channel_arm<Config, T>{of, basic_channel<Config, T>::sends, me, among, index} {
    this->wait.item = &item;
  }
  auto is_ready() noexcept -> bool {
    if (this->channel.is_closed()) return true;
    this->wait.exchanged = this->channel.send_now(*this->wait.item);
    return this->wait.exchanged;
  }
  void stand() noexcept { this->channel.stand_to_send(this->wait); }
  auto value() noexcept -> value_type {
    if (this->wait.exchanged) return {};
    return failure(errc::closed);
  }
};
template <class Config, class T>
struct arm_state<Config, send_to<basic_channel<Config, T>>> : sending_state<Config, T> {
  arm_state(const send_to<basic_channel<Config, T>>& arm, fiber<Config>& me, choice<Config>& among, std::size_t index) noexcept
      : sending_state<Config, T>{*arm.channel, *arm.item, me, among, index} {}
};
template <class Config, class T>
struct arm_state<Config, send_copy_to<basic_channel<Config, T>>> : sending_state<Config, T> {
  arm_state(const send_copy_to<basic_channel<Config, T>>& arm, fiber<Config>& me, choice<Config>& among, std::size_t index) noexcept
      : sending_state<Config, T>{*arm.channel, arm.copy, me, among, index} {}
};
/// \endcond

}  // namespace sluice::inline v0::coro
