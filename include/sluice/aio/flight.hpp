// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What is in flight on a ring: on which list an operation is, and how it ends. Layer: aio.

#include <sluice/aio/call.hpp>
#include <sluice/aio/chain.hpp>
#include <sluice/aio/descriptors.hpp>
#include <sluice/aio/listener.hpp>
#include <sluice/aio/operation.hpp>
#include <sluice/concept/backend.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/concept/timers.hpp>
#include <sluice/concept/trace.hpp>
#include <sluice/config.hpp>
#include <sluice/detail/thread_token.hpp>
#include <sluice/interval.hpp>
#include <sluice/result.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace sluice::inline v0::aio {

template <class Config>
class ring;

/// The operations of a ring that were started and are not done: listed by descriptor, ended by their completion, a cancel, a deadline or a
/// close of what they wait for. `ring` starts and polls.
template <class Config>
class flight {
 public:
  using backend_type = policy_of<Config, policy_kind::backend>;  ///< how operations reach the system
  using timers_type = policy_of<Config, policy_kind::timers>;    ///< how deadlines are kept
  using trace_type = policy_of<Config, policy_kind::trace>;      ///< what is observed
  using os = typename backend_type::os;                          ///< where system calls go

  flight(const flight&) = delete;
  auto operator=(const flight&) -> flight& = delete;

  /// Asks an operation to end; it completes all the same, with what it had achieved or `operation_canceled`. Nothing happens to one that is
  /// not in flight. Closes are never cancelled.
  [[gnu::noinline, gnu::cold]] void cancel(record& one) noexcept {
    check_thread();
    if (one.state != record_state::in_flight || one.info->is_close) return;
    watch().hook(event::op_cancelled{&one});
    if ((one.kind & record_kind::member) != 0) {
      chain_of(one).calls->cancel_member(self(), chain_of(one), one);
    } else {
      cancel_running(one);
    }
  }

  /// Arms a timer whose deadline is set; it fires in a poll. \errors `not_enough_memory`
  auto arm(timer& one) noexcept -> result<void> {
    agenda_ |= agenda_timers;
    timer_calls_ = &timer_code;
    return timers_.arm(one);
  }

  /// Disarms a timer if it is armed.
  void disarm(timer& one) noexcept {
    if (one.armed) timer_calls_->disarm(*this, one);
  }

  /// Operations that were started and are not done.
  [[nodiscard]] auto in_flight() const noexcept -> std::size_t { return started_ - completed_; }
  /// Timers that are armed.
  [[nodiscard]] auto timers() const noexcept -> std::size_t { return timers_.size(); }
  /// When `poll` should be called at the latest, even if the handle does not ask for it: now while something is queued or is to be told,
  /// else when the next timer is due; `time_point::never()` for neither.
  [[nodiscard, gnu::cold]] auto next_deadline() const noexcept -> time_point {
    interval patience = finished_ != nullptr ? interval{} : pressed_ != nullptr ? press_again : interval::max();
    if constexpr (requires { backend_.patience(); }) patience = detail::lesser_of(patience, backend_.patience());
    return patience == interval::max() ? timers_.next() : detail::lesser_of(timers_.next(), now() + patience);
  }
  /// Whether the calling thread is the one that made it.
  [[nodiscard]] auto is_here() const noexcept -> bool { return owner_ == detail::thread_token(); }
  /// The time on the steady clock.
  [[nodiscard]] static auto now() noexcept -> time_point { return os::now(clock_kind::steady); }

  /// \cond
  // Who is told of what happens.
  [[nodiscard]] auto watch() noexcept -> observer<trace_type> { return {&trace_}; }

  // A plain operation's raw result may be as the system gave it; this is what it comes to, whatever the operation's type.
  [[nodiscard]] static auto put_right(std::int32_t raw) noexcept -> std::int32_t {
    if constexpr (polls_simply)
      return backend_type::put_right(raw);
    else
      return raw;
  }

 protected:
  explicit flight(const typename backend_type::opened& parts) noexcept : backend_{parts} {}
  ~flight() = default;

  static constexpr bool polls_simply = requires { &backend_type::put_right; };

  // How long a poll sleeps while a chain that the system runs does not let go: it may start a member between being asked and sleeping.
  static constexpr interval press_again = interval::nanoseconds(1'000'000);

  // What a poll may have to do beside the backend's part, as bits.
  static constexpr unsigned agenda_timers = 1;
  static constexpr unsigned agenda_chains = 2;
  static constexpr unsigned agenda_finished = 4;
  static constexpr unsigned agenda_limit = 8;

  [[nodiscard]] static auto facts(const record& one) noexcept -> const op_facts<ring<Config>>& {
    return *static_cast<const op_facts<ring<Config>>*>(one.info);
  }

  [[gnu::always_inline]] void begin_any(record& one) noexcept {
    assert(one.state != record_state::in_flight && "an operation was started while it was in flight");
    one.kind = facts(one).kind;
    one.state = record_state::in_flight;
    one.cancelling = false;
    one.engine = 0;
    one.sole = soleness::no;
  }

  // As chains and their hosts know it.
  [[nodiscard]] auto self() noexcept -> ring<Config>* { return static_cast<ring<Config>*>(this); }

  [[nodiscard]] static auto chain_of(const record& one) noexcept -> chain_base& { return *static_cast<chain_base*>(one.owner); }

  void check_thread() const noexcept { assert(is_here() && "a ring is used by the thread that made it"); }

  /// Puts an operation on the list of its descriptor. False: it cannot start, and its result says why.
  template <class Operation>
  [[gnu::always_inline]] auto list(Operation& one) noexcept -> bool {
    if constexpr (!Operation::has_handle) return true;
    if (!descriptors_.has(one.handle)) [[unlikely]]
      return list_new(one);
    return link<backend_type>(one, descriptors_[one.handle]);
  }

  [[gnu::always_inline]] auto list_any(record& one) noexcept -> bool {
    if (one.handle < 0) {
      leave_alone(one);
      return true;
    }
    return descriptors_.has(one.handle) ? link<backend_type>(one, descriptors_[one.handle]) : list_new(one);
  }

  [[gnu::noinline, gnu::cold]] auto list_new(record& one) noexcept -> bool {
    if (one.handle < 0) {
      leave_alone(one);
      return true;
    }
    descriptor* const slot = descriptors_.find(one.handle);
    return slot == nullptr ? refuse(one, std::errc::not_enough_memory) : link<backend_type>(one, *slot);
  }

  /// The same where a close may wait for it.
  void unlist(record& one) noexcept {
    unlink(one);
    leave_alone(one);
    if ((one.kind & record_kind::evicted) == 0) return;
    one.kind = static_cast<std::uint8_t>(one.kind & ~record_kind::evicted);
    if (descriptor& slot = descriptors_[one.handle]; slot.newest == nullptr) close_now(slot);
  }

  [[gnu::always_inline]] auto finish_at_once(record& one) noexcept -> started {
    one.state = record_state::done;
    watch().hook(event::op_completed{&one, one.res});
    return started::done;
  }

  void finish_later(record& one, std::int32_t raw) noexcept {
    one.res = raw;
    one.next = nullptr;
    if (finished_ == nullptr)
      finished_ = &one;
    else
      finished_last_->next = &one;
    finished_last_ = &one;
    agenda_ |= agenda_finished;
  }

  [[gnu::noinline, gnu::cold]] void deliver_finished(const listener& told) noexcept {
    while (finished_ != nullptr) {
      record& one = *finished_;
      finished_ = one.next;
      ++completed_;
      one.state = record_state::done;
      watch().hook(event::op_completed{&one, one.res});
      told.done(one);
    }
  }

  /// Closes a handle: at once if nothing is in flight on it, else after what is in flight was cancelled.
  [[gnu::noinline, gnu::cold]] auto start_close(record& one, bool in_chain = false) noexcept -> started {
    if (!in_chain) watch().hook(event::op_queued{&one, one.info->name, one.handle});
    descriptor* const slot = one.handle < 0 ? nullptr : descriptors_.find(one.handle);
    if (slot != nullptr && slot->closing != nullptr) {
      one.res = -static_cast<std::int32_t>(std::errc::bad_file_descriptor);
      one.handle = -1;
      return in_chain ? started::done : finish_at_once(one);
    }
    if (slot != nullptr && slot->newest != nullptr) {
      slot->closing = &one;
      // A cancel may finish a member of a chain and start another, but none on this handle any more.
      for (record* other = slot->newest; other != nullptr; other = other->older) other->kind |= record_kind::evicted;
      for (record* other = slot->newest; other != nullptr;) {
        record* const older = other->older;
        cancel(*other);
        other = older;
      }
    } else if (backend_.start_close(one, watch()) == started::done) {
      one.handle = -1;
      return in_chain ? started::done : finish_at_once(one);
    }
    if (!in_chain) ++started_;
    return started::pending;
  }

  [[gnu::noinline, gnu::cold]] void close_now(descriptor& slot) noexcept {
    record& one = *std::exchange(slot.closing, nullptr);
    if (backend_.start_close(one, watch()) == started::done) {
      one.handle = -1;
      if ((one.kind & record_kind::member) != 0) {
        const auto raw = one.res;
        chain_of(one).calls->done(self(), chain_of(one), one);
        finish_later(one, raw);
      } else {
        finish_later(one, one.res);
      }
    }
  }

  [[gnu::noinline, gnu::cold]] void cancel_running(record& one) noexcept {
    if (one.cancelling && !draining_) return;
    one.cancelling = true;
    backend_.cancel(one, watch());
  }

  void arm_limit(timed_record& one) noexcept {
    if (one.limit == interval::max()) return;
    one.timer.deadline = now() + one.limit;
    one.timer.role = timer_role::operation;
    one.timer.owner = static_cast<record*>(&one);
    // Without memory for a timer the operation must not run unbounded.
    if (!arm(one.timer)) cancel_running(one);
  }

  /// A completion of the backend's. Whether the sink is to be told.
  auto complete(record& one) noexcept -> bool {
    if (one.sole == soleness::unlisted) leave_alone(one);
    if (one.kind != record_kind::plain) return complete_special(one);
    ++completed_;
    complete_uncounted(one);
    return true;
  }

  [[gnu::always_inline]] void complete_uncounted(record& one) noexcept {
    unlink(one);
    one.state = record_state::done;
    watch().hook(event::op_completed{&one, told_result(one)});
  }
  // What a trace policy is told; nothing is worked out for one that does not listen, lest a compiler weighs it.
  [[gnu::always_inline]] static auto told_result(const record& one) noexcept -> std::int32_t {
    if constexpr (requires(trace_type& told, event::op_completed what) { told.on(what); })
      return put_right(one.res);
    else
      return one.res;
  }

  [[gnu::noinline]] auto complete_special(record& one) noexcept -> bool {
    constexpr auto canceled_code = -static_cast<std::int32_t>(std::errc::operation_canceled);
    if ((one.kind & record_kind::member) != 0) {
      if (const auto back = chain_of(one).calls->takes_back(self(), chain_of(one), one); back != taken_back::no)
        return back == taken_back::and_told;
    }
    if ((one.kind & record_kind::close) != 0) {
      // Whatever cut it off, a close is not skipped.
      if (one.res == canceled_code && backend_.start_close(one, watch()) == started::pending) return false;
      one.handle = -1;
    } else {
      unlist(one);
    }
    if ((one.kind & record_kind::timed) != 0) {
      auto& timed = static_cast<timed_record&>(one);
      disarm(timed.timer);
      if (timed.expired && one.res == canceled_code) one.res = raw(errc::timed_out);
    }
    ++completed_;
    one.state = record_state::done;
    watch().hook(event::op_completed{&one, one.res});
    if ((one.kind & record_kind::member) != 0) {
      auto& owner = chain_of(one);
      if (draining_) owner.calls->cancel(self(), owner);
      owner.calls->done(self(), owner, one);
    }
    return true;
  }

  // What is done with timers that were armed: through here, so that only programs that arm one contain it.
  struct timer_calls {
    auto (*next)(const flight& here) noexcept -> time_point;
    auto (*expire)(flight& here, const listener& told) noexcept -> bool;  // whether one of the caller's fired
    void (*disarm)(flight& here, timer& one) noexcept;
  };

  static auto next_armed(const flight& here) noexcept -> time_point { return here.timers_.next(); }
  static auto expire(flight& here, const listener& told) noexcept -> bool {
    const time_point now = flight::now();
    bool foreign = false;
    here.timers_.expire(now, [&](timer_node& node) noexcept {
      auto& one = static_cast<timer&>(node);
      here.watch().hook(event::timer_fired{(now - one.deadline).count});
      if (one.role == timer_role::operation) {
        auto& bounded = static_cast<timed_record&>(*static_cast<record*>(one.owner));
        // One that was cancelled before has not run out of time.
        bounded.expired = !bounded.cancelling;
        here.cancel_running(bounded);
      } else {
        foreign = true;
        told.fired(one);
      }
    });
    return foreign;
  }
  static void disarm_armed(flight& here, timer& one) noexcept { here.timers_.disarm(one); }
  static constexpr timer_calls timer_code{&next_armed, &expire, &disarm_armed};

  backend_type backend_;
  [[no_unique_address]] timers_type timers_;
  [[no_unique_address]] trace_type trace_;
  std::size_t started_ = 0;    // so many will complete
  std::size_t completed_ = 0;  // and so many have
  unsigned agenda_ = 0;
  unsigned expects_wakes_ = 1;  // whether anybody may end a sleep
  record* finished_ = nullptr;
  record* finished_last_ = nullptr;
  const void* owner_ = detail::thread_token();
  bool draining_ = false;
  chain_base* pressed_ = nullptr;
  const timer_calls* timer_calls_ = nullptr;
  descriptor_table<os> descriptors_;
  /// \endcond
};

}  // namespace sluice::inline v0::aio
