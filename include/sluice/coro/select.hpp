// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Waiting for the first of several: items of channels, operations, times. Layer: coro.

#include <sluice/aio/call.hpp>
#include <sluice/coro/arm_states.hpp>
#include <sluice/coro/arms.hpp>
#include <sluice/coro/io.hpp>
#include <sluice/coro/remote_arm.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/coro/selection.hpp>
#include <sluice/coro/wait_queue.hpp>
#include <sluice/coro/waits.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::coro {

/// \cond
template <std::size_t I, class Config, class Arm>
struct arm_slot {
  arm_state<Config, Arm> arm;

  arm_slot(const Arm& description, fiber<Config>& me, choice<Config>& among) noexcept : arm{description, me, among, I} {}
};

// Which of the operations an arm is.
template <class Config, class... Arms>
inline constexpr auto operations_before = [] {
  std::array<std::size_t, sizeof...(Arms) + 1> before{};
  std::size_t at = 0;
  ((before[at + 1] = before[at] + (arm_state<Config, Arms>::is_operation ? 1 : 0), ++at), ...);
  return before;
}();

// Where a select that is tried begins to look: each time with another arm, so that none is always first.
inline constinit thread_local std::size_t first_arm = 0;

struct no_operations {};

template <class Config, class Indices, class... Arms>
class select_frame;
template <class Config, std::size_t... I, class... Arms>
class select_frame<Config, std::index_sequence<I...>, Arms...> : waiting, choice<Config>, arm_slot<I, Config, Arms>... {
  using home_type = scheduler<Config>;
  using ring_type = typename home_type::ring_type;
  static constexpr std::size_t count = sizeof...(Arms);
  static constexpr auto& before = operations_before<Config, Arms...>;
  static constexpr bool has_operations = before[count] != 0;
  static constexpr bool has_remote = (arm_state<Config, Arms>::is_remote || ...);

 public:
  using result_type = selection<typename arm_state<Config, Arms>::value_type...>;

  select_frame(home_type& home, fiber<Config>& me, const Arms&... arms) noexcept
      : waiting{&facts},
        choice<Config>{&me},
        arm_slot<I, Config, Arms>{arms, me, *this}...,
        home_{home},
        batch_{make_batch(std::tuple_cat(operation_in(arms)...))} {}

  auto run() noexcept -> result_type {
    const std::size_t first = first_arm++ % count;
    for (std::size_t k = 0; k < count && this->winner == nobody; ++k) try_arm((first + k) % count);
    if (this->winner == nobody) wait();
    return make_result();
  }

 private:
  static constexpr auto nobody = choice<Config>::none;

  template <std::size_t J>
  [[nodiscard]] auto at() noexcept -> auto& {
    using arm_type = std::tuple_element_t<J, std::tuple<Arms...>>;
    return static_cast<arm_slot<J, Config, arm_type>&>(*this).arm;
  }
  // Calls f for each channel arm, each time, each operation.
  template <class F>
  void each(F&& f) noexcept {
    (f.template operator()<I>(at<I>()), ...);
  }

  template <class Arm>
  static auto operation_in(const Arm& arm) noexcept {
    if constexpr (arm_state<Config, Arm>::is_operation)
      return std::tuple<const Arm&>{arm};
    else
      return std::tuple<>{};
  }
  template <class... Ops>
  static auto make_batch(std::tuple<const Ops&...> ops) noexcept {
    if constexpr (sizeof...(Ops) == 0)
      return no_operations{};
    else
      return std::apply([](const Ops&... each_one) noexcept { return aio::call<ring_type, Ops...>{each_one...}; }, ops);
  }
  template <class Arm>
  static constexpr bool is_channel = std::remove_cvref_t<Arm>::is_channel;
  template <class Arm>
  static constexpr bool is_operation = std::remove_cvref_t<Arm>::is_operation;
  template <class Arm>
  static constexpr bool is_remote = std::remove_cvref_t<Arm>::is_remote;
  template <class Arm>
  static constexpr bool is_time = !is_channel<Arm> && !is_operation<Arm>;

  using batch_type = decltype(make_batch(std::tuple_cat(operation_in(std::declval<const Arms&>())...)));

  void try_arm(std::size_t which) noexcept {
    each([&]<std::size_t J>(auto& part) noexcept {
      if constexpr (is_channel<decltype(part)>) {
        if (J == which && part.is_ready()) this->winner = J;
      }
    });
  }

  void wait() noexcept {
    fiber<Config>& me = *this->task;
    // Whatever comes first makes the task ready; what comes later does not.
    me.pending = 1;
    bool is_over = false;
    // They look once more as they begin to wait, so they are first: no operation is started where one need not.
    if constexpr (has_remote) is_over = !stand_remotely();
    if constexpr (has_operations) {
      if (!is_over) is_over = batch_.start(home_.own_ring(), &me) != 0;
    }
    each([&]<std::size_t J>(auto& part) noexcept {
      if constexpr (is_time<decltype(part)>) {
        if (!is_over) is_over = !part.start(home_.own_ring());
      }
    });
    each([&]<std::size_t J>(auto& part) noexcept {
      if constexpr (is_channel<decltype(part)> && !is_remote<decltype(part)>) {
        if (!is_over) part.stand();
      }
    });
    if (!is_over) park(*this);
    leave();
    // Before anything is asked to end: what is done by now was first. Unless the task was, a cancel is somebody else's: a close's.
    note_first(!home_.cancelled(me));
    if constexpr (has_operations) {
      if (batch_.unfinished() != 0) batch_.cancel(home_.own_ring());
    }
    await_rest();
    if constexpr (has_operations) {
      if (this->winner == nobody) note_first(false);
    }
    if (this->winner == nobody) home_.note_refusal();
  }

  // Whether none of the arms that wait for other threads has what it waits for.
  auto stand_remotely() noexcept -> bool {
    auto* const box = home_.shared_inbox();
    each([&]<std::size_t J>(auto& part) noexcept {
      if constexpr (is_remote<decltype(part)>) {
        if (this->winner == nobody && !part.stand(box)) this->winner = J;
      }
    });
    return this->winner == nobody;
  }

  void park(waiting& w) noexcept {
    if constexpr (has_remote) home_.expect_remote(1);
    home_.park(*this->task, w);
    if constexpr (has_remote) home_.expect_remote(-1);
  }

  // Operations end, and word that other threads have sent arrives.
  void await_rest() noexcept {
    std::size_t left = 0;
    if constexpr (has_remote) {
      each([&]<std::size_t J>(auto& part) noexcept {
        if constexpr (is_remote<decltype(part)>) left += part.is_owed_word() ? 1 : 0;
      });
    }
    if constexpr (has_operations) {
      if (const std::size_t unfinished = batch_.unfinished(); unfinished != 0) {
        this->task->pending = static_cast<std::uint32_t>(left + unfinished);
        rest_of_operations rest{*this};
        return park(rest);
      }
    }
    if constexpr (has_remote) {
      if (left == 0) return;
      this->task->pending = static_cast<std::uint32_t>(left);
      rest_of_words rest{{&rest_of_words::facts}, this};
      park(rest);
    }
  }

  // Channels and times are not waited for any more.
  void leave() noexcept {
    each([&]<std::size_t J>(auto& part) noexcept {
      if constexpr (is_channel<decltype(part)>)
        part.leave();
      else if constexpr (is_time<decltype(part)>)
        part.leave(home_.own_ring());
    });
  }

  // An operation that is done goes before a time that is over; one that was cancelled, too, if it was not by us.
  void note_first(bool by_others) noexcept {
    each([&]<std::size_t J>(auto& part) noexcept {
      if constexpr (is_operation<decltype(part)>) {
        if (this->winner == nobody && took_effect<J>(by_others)) this->winner = J;
      }
    });
    each([&]<std::size_t J>(auto& part) noexcept {
      if constexpr (is_time<decltype(part)>) {
        if (this->winner == nobody && part.is_over()) this->winner = J;
      }
    });
  }

  // Whether an operation has come to an end that is not our cancel's, but perhaps that of others.
  template <std::size_t J>
  [[nodiscard]] auto took_effect(bool by_others = false) noexcept -> bool {
    auto& one = batch_.template get<before[J]>();
    return one.is_done() && (by_others || !one.was_canceled());
  }

  auto make_result() noexcept -> result_type {
    if (this->winner == nobody) return result_type{sluice::detail::system_code(std::errc::operation_canceled)};
    return result_type{this->winner, std::tuple<std::optional<typename arm_state<Config, Arms>::value_type>...>{value_of<I>()...}};
  }

  template <std::size_t J>
  auto value_of() noexcept {
    auto& part = at<J>();
    using value_type = std::optional<typename std::remove_cvref_t<decltype(part)>::value_type>;
    if constexpr (is_operation<decltype(part)>) {
      // Where a channel was ready, none of them has started.
      return J == this->winner || took_effect<J>() ? value_type{batch_.template get<before[J]>().result()} : value_type{};
    } else if constexpr (is_time<decltype(part)>) {
      return part.is_over() ? value_type{part.value()} : value_type{};
    } else {
      return J == this->winner ? value_type{part.value()} : value_type{};
    }
  }

  static void end(waiting& base) noexcept {
    auto& self = static_cast<select_frame&>(base);
    self.leave();
    if constexpr (has_operations) {
      self.batch_.cancel(self.home_.own_ring());
      if (self.batch_.unfinished() != 0) return;
    }
    self.task->pending = 0;
    self.home_.make_ready(*self.task);
  }
  static void forget(waiting& base) noexcept { static_cast<select_frame&>(base).forget_all(); }
  void forget_all() noexcept {
    leave();
    if constexpr (has_remote) {
      each([]<std::size_t J>(auto& part) noexcept {
        if constexpr (is_remote<decltype(part)>) part.forget();
      });
    }
  }

  // What is waited for once the arms have been left.
  struct rest_of_words : waiting {
    select_frame* of;
    static void forget(waiting& base) noexcept { static_cast<rest_of_words&>(base).of->forget_all(); }
    static constexpr wait_kind facts{.what = "word from another thread", .forget = &forget};
  };
  struct rest_of_operations : call_wait<ring_type> {
    select_frame* of;
    explicit rest_of_operations(select_frame& frame) noexcept : call_wait<ring_type>{frame.batch_, frame.home_.own_ring()}, of{&frame} {
      if constexpr (has_remote) this->kind = &facts;
    }
    static void forget(waiting& base) noexcept { static_cast<rest_of_operations&>(base).of->forget_all(); }
    static constexpr wait_kind facts = call_wait<ring_type>::forgotten_by(&forget);
  };
  static constexpr wait_kind facts{.what = "the first of several", .cancel = &end, .stays = true, .forget = &forget};

  home_type& home_;
  batch_type batch_;
};

template <class Arm>
struct is_operation_arm : std::true_type {};
template <>
struct is_operation_arm<after_arm> : std::false_type {};
template <class Channel>
struct is_operation_arm<receive_from<Channel>> : std::false_type {};
template <class Channel>
struct is_operation_arm<send_to<Channel>> : std::false_type {};
template <class Channel>
struct is_operation_arm<send_copy_to<Channel>> : std::false_type {};

// What is no arm of a channel or a time must be an operation without a link. A mistake gives one sentence.
template <class Backend, class Arm>
consteval auto check_arm() -> bool {
  if constexpr (!is_operation_arm<Arm>::value) {
    return true;
  } else if constexpr (sluice::detail::any_linked<Arm>) {
    static_assert(
        !sluice::detail::any_linked<Arm>,
        "[sluice.coro.select] the arms of a select are apart from each other; give it the operation without op::soft or op::hard");
    return false;
  } else {
    return aio::check_operation<Backend, typename sluice::detail::unlinked<Arm>::type>();
  }
}
/// \endcond

/// Waits for the first of several arms: `channel.receiving()` and `channel.sending(item)` of channels and remote channels, operations,
/// `coro::after(1s)`. Channels come first, in an order that changes from call to call; where one of them need not wait, no operation is
/// started. At most one arm of a channel takes
/// effect. When one arm has won, operations that are in flight are asked to end and awaited; one that succeeds all the same is in the
/// result, so nothing is lost. A channel that is closed wins with `errc::closed`.
///
/// Gives no winner if the task was asked to end before there was one; then nothing has happened.
/// \errors `operation_canceled`; `operation_not_permitted` outside a task; of an arm of a remote channel `not_enough_memory` at the first
/// remote wait in a scheduler
template <class Config, class... Arms>
auto select(Arms&&... arms) noexcept {
  using frame_type = select_frame<Config, std::index_sequence_for<Arms...>, std::remove_cvref_t<Arms>...>;
  using result_type = typename frame_type::result_type;
  const caller<Config> me;
  if (!me.is_task()) return result_type{sluice::detail::system_code(std::errc::operation_not_permitted)};
  if (me.is_refused()) return result_type{sluice::detail::system_code(std::errc::operation_canceled)};
  return frame_type{*me.home, me.task(), arms...}.run();
}

}  // namespace sluice::inline v0::coro
