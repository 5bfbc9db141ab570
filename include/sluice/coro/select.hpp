// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Waiting for the first of several: items of channels, operations, times. Layer: coro.

#include <sluice/aio/call.hpp>
#include <sluice/coro/channel.hpp>
#include <sluice/coro/io.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/coro/waits.hpp>
#include <sluice/interval.hpp>
#include <sluice/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::coro {

/// An arm of a `select` that wins when nothing else does for so long.
struct after_arm {
  time_point deadline;  ///< on the steady clock
};

/// What came of a `select`: which arm won, and what each arm that took effect gave. `std::get`, structured bindings and `get` reach them.
template <class... Rs>
class selection : public std::tuple<std::optional<Rs>...> {
  using base = std::tuple<std::optional<Rs>...>;

 public:
  static constexpr auto npos = static_cast<std::size_t>(-1);  ///< the index where no arm won

  /// \cond
  explicit selection(std::error_code why) noexcept : error_{why} {}
  selection(std::size_t winner, base&& values) noexcept : base{std::move(values)}, index_{winner} {}
  /// \endcond

  /// The arm that won; `npos` if the task was asked to end before one did.
  [[nodiscard]] auto index() const noexcept -> std::size_t { return index_; }
  /// Whether one won.
  [[nodiscard]] explicit operator bool() const noexcept { return index_ != npos; }
  /// Why none did.
  [[nodiscard]] auto error() const noexcept -> std::error_code { return error_; }
  /// What an arm gave; empty if it had no effect.
  template <std::size_t I>
  [[nodiscard]] auto get() & noexcept -> auto& {
    return std::get<I>(static_cast<base&>(*this));
  }
  /// \cond
  template <std::size_t I>
  [[nodiscard]] auto get() const& noexcept -> const auto& {
    return std::get<I>(static_cast<const base&>(*this));
  }
  template <std::size_t I>
  [[nodiscard]] auto get() && noexcept -> auto&& {
    return std::get<I>(static_cast<base&&>(*this));
  }
  /// \endcond

 private:
  std::size_t index_ = npos;
  std::error_code error_;
};

/// \cond
// An arm while the select waits: what it needs, how it is tried, and what it gave.
template <class Config, class Arm>
struct arm_state {  // an operation; they lie together, in a call of their own
  using value_type = result<typename aio::value_of<typename sluice::detail::unlinked<Arm>::type>::type>;
  static constexpr bool is_channel = false;
  static constexpr bool is_operation = true;

  arm_state(const Arm& /*arm*/, fiber<Config>& /*me*/, choice<Config>& /*among*/, std::size_t /*index*/) noexcept {}
};

template <class Config>
struct arm_state<Config, after_arm> {
  using value_type = result<void>;
  static constexpr bool is_channel = false;
  static constexpr bool is_operation = false;

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
    if constexpr (has_operations) is_over = batch_.start(home_.own_ring(), &me) != 0;
    each([&]<std::size_t J>(auto& part) noexcept {
      if constexpr (is_time<decltype(part)>) {
        if (!is_over) is_over = !part.start(home_.own_ring());
      }
    });
    each([&]<std::size_t J>(auto& part) noexcept {
      if constexpr (is_channel<decltype(part)>) {
        if (!is_over) part.stand();
      }
    });
    if (!is_over) home_.park(me, *this);
    leave();
    // Before anything is asked to end: what is done by now was first.
    note_first();
    if constexpr (has_operations) {
      if (batch_.unfinished() != 0) {
        batch_.cancel(home_.own_ring());
        await_operations();
      }
      if (this->winner == nobody) note_first();
    }
    if (this->winner == nobody) home_.note_refusal();
  }

  void await_operations() noexcept {
    fiber<Config>& me = *this->task;
    const std::size_t left = batch_.unfinished();
    if (left == 0) return;
    me.pending = static_cast<std::uint32_t>(left);
    call_wait<ring_type> rest{batch_, home_.own_ring()};
    home_.park(me, rest);
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

  // An operation that is done goes before a time that is over.
  void note_first() noexcept {
    each([&]<std::size_t J>(auto& part) noexcept {
      if constexpr (is_operation<decltype(part)>) {
        if (this->winner == nobody && took_effect<J>()) this->winner = J;
      }
    });
    each([&]<std::size_t J>(auto& part) noexcept {
      if constexpr (is_time<decltype(part)>) {
        if (this->winner == nobody && part.is_over()) this->winner = J;
      }
    });
  }

  // Whether an operation has come to an end that is not our cancel's.
  template <std::size_t J>
  [[nodiscard]] auto took_effect() noexcept -> bool {
    auto& one = batch_.template get<before[J]>();
    return one.is_done() && !one.was_canceled();
  }

  auto make_result() noexcept -> result_type {
    if (this->winner == nobody) return result_type{std::make_error_code(std::errc::operation_canceled)};
    return result_type{this->winner, std::tuple<std::optional<typename arm_state<Config, Arms>::value_type>...>{value_of<I>()...}};
  }

  template <std::size_t J>
  auto value_of() noexcept {
    auto& part = at<J>();
    using value_type = std::optional<typename std::remove_cvref_t<decltype(part)>::value_type>;
    if constexpr (is_operation<decltype(part)>) {
      // Where a channel was ready, none of them has started.
      return took_effect<J>() ? value_type{batch_.template get<before[J]>().result()} : value_type{};
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
  static void forget(waiting& base) noexcept { static_cast<select_frame&>(base).leave(); }
  static constexpr wait_kind facts{.what = "the first of several", .cancel = &end, .forget = &forget};

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

/// Waits for the first of several arms: `channel.receiving()`, `channel.sending(item)`, operations, `coro::after(1s)`. Channels come first,
/// in an order that changes from call to call; where one of them need not wait, no operation is started. At most one arm of a channel takes
/// effect. When one arm has won, operations that are in flight are asked to end and awaited; one that succeeds all the same is in the
/// result, so nothing is lost. A channel that is closed wins with `errc::closed`.
///
/// Gives no winner if the task was asked to end before there was one; then nothing has happened.
/// \errors `operation_canceled`; `operation_not_permitted` outside a task
template <class Config, class... Arms>
auto select(Arms&&... arms) noexcept {
  using frame_type = select_frame<Config, std::index_sequence_for<Arms...>, std::remove_cvref_t<Arms>...>;
  using result_type = typename frame_type::result_type;
  const caller<Config> me;
  if (!me.is_task()) return result_type{std::make_error_code(std::errc::operation_not_permitted)};
  if (me.is_refused()) return result_type{std::make_error_code(std::errc::operation_canceled)};
  return frame_type{*me.home, me.task(), arms...}.run();
}

}  // namespace sluice::inline v0::coro

/// \cond
template <class... Rs>
struct std::tuple_size<sluice::coro::selection<Rs...>> : std::integral_constant<std::size_t, sizeof...(Rs)> {};
template <std::size_t I, class... Rs>
struct std::tuple_element<I, sluice::coro::selection<Rs...>> : std::tuple_element<I, std::tuple<std::optional<Rs>...>> {};
/// \endcond
