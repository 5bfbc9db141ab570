// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The core: operations go in, completions come out, and nothing is allocated on the way. Layer: aio.

#include <sluice/aio/call.hpp>
#include <sluice/aio/chain.hpp>
#include <sluice/aio/descriptors.hpp>
#include <sluice/aio/listener.hpp>
#include <sluice/aio/operation.hpp>
#include <sluice/aio/report.hpp>
#include <sluice/concept/backend.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/concept/timers.hpp>
#include <sluice/concept/trace.hpp>
#include <sluice/config.hpp>
#include <sluice/detail/thread_token.hpp>
#include <sluice/interval.hpp>
#include <sluice/result.hpp>
#include <sluice/wait.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>

namespace sluice::inline v0::aio {

/// One ring: a backend, its timers and what is in flight. It is used by the thread that made it, except for `wake`; immovable.
///
/// \errors `make`: what the backend's `open` gives  \allocates at start only  \src io_uring(7) for the model
template <class Config>
class ring {
 public:
  using backend_type = policy_of<Config, policy_kind::backend>;  ///< how operations reach the system
  using timers_type = policy_of<Config, policy_kind::timers>;    ///< how deadlines are kept
  using trace_type = policy_of<Config, policy_kind::trace>;      ///< what is observed
  using os = typename backend_type::os;                          ///< where system calls go
  using entry = typename backend_type::entry;                    ///< a prepared operation
  /// An operation for this ring.
  template <class Op>
  using operation = basic_operation<backend_type, Op>;
  /// \cond
  // The same for a description that outlives it.
  template <class Op>
  using brief_operation = basic_operation<backend_type, Op, const Op&>;
  template <class Op>
  using sole_operation = aio::sole_operation<backend_type, Op>;
  template <class Op>
  using call_operation = operation<typename detail_call::kept<Op>::type>;
  /// \endcond

  /// Makes a ring for this thread.
  [[nodiscard]] static auto make(const ring_options& options = {}) noexcept -> result<ring> {
    const auto opened = backend_type::open(options);
    if (!opened) return std::unexpected{opened.error()};
    return result<ring>{std::in_place, *opened};
  }

  /// \cond
  explicit ring(const typename backend_type::opened& parts) noexcept : backend_{parts} {}
  /// \endcond
  ring(const ring&) = delete;
  auto operator=(const ring&) -> ring& = delete;

  /// Cancels what is in flight and waits for it; see `drain`. In a forked child it only closes descriptors.
  [[gnu::noinline, gnu::cold]] ~ring() {
    if (in_flight() != 0) finish();
  }

  /// Starts one operation. `started::done`: its result is there already and no completion will follow.
  template <class Op>
  [[gnu::always_inline]] auto start(operation<Op>& one) noexcept -> started {
    check_thread();
    return start_one(one, true);
  }

  /// Starts several, unlinked, in order, as one batch. How many are done already; the others will complete.
  template <class Op>
  auto start(std::span<operation<Op>> batch) noexcept -> std::size_t {
    check_thread();
    std::size_t done = 0;
    for (auto& one : batch)
      if (start_one(one, batch.size() == 1) == started::done) ++done;
    return done;
  }

  /// Starts the operations of a call, linked as their types say. How many are done already; the others will complete.
  auto start(any_call<ring>& batch, void* waiter = nullptr) noexcept -> std::size_t {
    check_thread();
    return batch.start(*this, waiter);
  }

  /// Submits what is queued, sleeps as `how` allows, and hands each completion to `sink(record&)`, timers of the caller's to
  /// `sink(timer&)`. The sink may start operations; it must not poll. How many completions it was given.
  /// \errors those of io_uring_enter(2) that mean the ring is lost; everything else is retried
  template <class Sink>
  [[gnu::always_inline]] auto poll(Sink&& sink, wait how = wait::none) noexcept -> result<std::size_t> {
    if (how.sleeps && how.limit != interval::max()) [[unlikely]]
      limit(how.limit);
    return poll(std::forward<Sink>(sink), how.sleeps);
  }

  /// \cond
  // As above; a limit was set before by `limit`.
  template <class Sink>
  [[gnu::always_inline]] auto poll(Sink&& sink, bool sleeps) noexcept -> result<std::size_t> {
    check_thread();
    auto outcome = simple_poll::refused;
    std::uint32_t taken = 0;
    if constexpr (polls_simply) {
      outcome = backend_.poll_simply(
          sleeps, agenda_,
          [this, &sink](record& one) noexcept {
            if (one.kind != record_kind::plain) [[unlikely]]
              return false;
            ++completed_;
            complete_uncounted(one);
            sink(one);
            return true;
          },
          taken, watch());
      if (outcome == simple_poll::some || (outcome == simple_poll::nothing && !sleeps)) [[likely]]
        return taken;
    }
    return poll_fully(listener{sink}, sleeps, outcome, taken);
  }
  // The same in parts, for a sink that only gathers whom to tell. The simple way, if that is enough; what is done is counted when all are.
  template <class Sink>
  [[gnu::always_inline]] auto poll_simply(Sink& sink, bool sleeps, simple_poll& outcome, std::uint32_t& taken) noexcept -> bool {
    check_thread();
    if constexpr (polls_simply) {
      auto** end = sink.begin_gathering();
      outcome = backend_.poll_simply(
          sleeps, agenda_,
          [this, &sink, &end](record& one) noexcept {
            if (one.is_simply<soleness::listed>()) [[likely]] {
              unlink(one);
            } else if (!one.is_simply<soleness::unlisted>()) {
              if (one.kind != record_kind::plain) [[unlikely]]
                return false;
              return sink.gather(end, one, [&]() noexcept { complete_uncounted(one); });
            }
            watch().hook(event::op_completed{&one, put_right(one.res)});
            sink.gather_sole(end, one);
            return true;
          },
          taken, watch());
      sink.end_gathering(end);
      completed_ += taken;
    }
    return outcome == simple_poll::some || (outcome == simple_poll::nothing && !sleeps);
  }
  // And the rest.
  template <class Sink>
  auto poll_rest(Sink& sink, bool sleeps, simple_poll so_far, std::uint32_t taken) noexcept -> result<std::size_t> {
    return poll_fully(listener{sink}, sleeps, so_far, taken);
  }
  void limit(interval most) noexcept {
    end_ = now() + most;
    agenda_ |= agenda_limit;
  }
  /// \endcond

  /// Asks an operation to end; it completes all the same, with what it had achieved or `operation_canceled`. Nothing happens to one that is
  /// not in flight. Closes are never cancelled.
  [[gnu::noinline, gnu::cold]] void cancel(record& one) noexcept {
    check_thread();
    if (one.state != record_state::in_flight || one.info->is_close) return;
    watch().hook(event::op_cancelled{&one});
    if ((one.kind & record_kind::member) != 0) {
      chain_of(one).calls->cancel_member(this, chain_of(one), one);
    } else {
      cancel_running(one);
    }
  }

  /// Sleeps until something completes, or as long as `how` says. With `count`, each completion takes one from the number that its record's
  /// waiter points to; else nobody is told and the state is in the operations. \errors as `poll`
  [[gnu::noinline, gnu::cold]] auto step(wait how = wait::one, bool count = false) noexcept -> std::error_code {
    const count_down told{count};
    if (how.sleeps && how.limit != interval::max()) limit(how.limit);
    const auto outcome = poll_fully(listener{told}, how.sleeps);
    return outcome ? std::error_code{} : outcome.error();
  }

  /// Cancels everything and polls until nothing is in flight.
  template <class Sink>
  auto drain(Sink&& sink) noexcept -> result<std::size_t> {
    check_thread();
    draining_ = true;
    std::size_t total = 0;
    while (in_flight() != 0) {
      backend_.cancel_all(watch());
      const auto polled = poll(sink, drain_step);
      if (!polled) {
        draining_ = false;
        return polled;
      }
      total += *polled;
    }
    draining_ = false;
    return total;
  }

  /// Ends a poll that sleeps, from any thread; costs nothing while the ring is awake.
  void wake() noexcept { backend_.wake(); }
  /// \cond
  // Whether anybody may do that from now on; whoever knows every way to this ring can save it what is done for those who may.
  void expect_wakes(bool any) noexcept {
    if constexpr (requires { backend_.expect_calls(any); }) backend_.expect_calls(any);
  }
  /// \endcond

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
  /// Whether a poll that does not sleep would do anything: a cheap look, no call.
  [[nodiscard, gnu::always_inline]] auto pending() const noexcept -> bool {
    return backend_.pending() || (agenda_ != 0 && (finished_ != nullptr || pressed_ != nullptr || timers_.size() != 0));
  }
  /// When the next timer is due; `time_point::never()` for none.
  [[nodiscard]] auto next_deadline() const noexcept -> time_point { return timers_.next(); }
  /// A descriptor that polls readable when the ring wants to be polled. \errors those of eventfd(2) and io_uring_register(2)
  [[nodiscard]] auto native_handle() noexcept -> result<int> { return backend_.native_handle(); }
  /// The time on the steady clock.
  [[nodiscard]] static auto now() noexcept -> time_point { return os::now(clock_kind::steady); }

  /// How each operation of `op::all` is served on the running system, in its order: by the system's ring, by a plain call, when its
  /// descriptor is ready, on a thread. May ask the system once.
  [[nodiscard, gnu::cold]] auto report() noexcept { return report_of_all::make(backend_); }

  /// The backend, for what only it has.
  [[nodiscard]] auto backend() noexcept -> backend_type& { return backend_; }
  /// The trace policy of this ring.
  [[nodiscard]] auto trace() noexcept -> trace_type& { return trace_; }
  /// Whether this is a forked child of the process that made the ring.
  [[nodiscard]] auto in_child() const noexcept -> bool { return backend_.in_child(); }

  /// \cond
  // Whether an operation on a handle, or on none where that is -1, can start with nothing to be seen to first.
  template <bool HasHandle>
  [[nodiscard, gnu::always_inline]] auto has_room([[maybe_unused]] int handle) const noexcept -> bool {
    if constexpr (HasHandle)
      if (!descriptors_.has(handle)) return false;
    if constexpr (requires { backend_.has_room(); }) return backend_.has_room();
    return true;
  }
  // Sees to that. False: it cannot.
  [[nodiscard, gnu::noinline]] auto make_room(int handle) noexcept -> bool {
    if (handle >= 0 && descriptors_.find(handle) == nullptr) return false;
    if constexpr (requires { backend_.has_room(); }) return backend_.make_room(watch());
    return true;
  }
  // For tasks: an operation that one of them waits for alone, and for which there is room.
  template <class Op>
  [[gnu::always_inline]] auto start_sole(sole_operation<Op>& one, const Op& op) noexcept -> started {
    check_thread();
    one.info = &info_of<Op>;
    one.handle = detail::handle_of(op);
    one.begin_sole(detail::has_handle<Op> ? soleness::listed : soleness::unlisted);
    watch().hook(event::op_queued{&one, one.info->name, one.handle});
    if constexpr (detail::has_handle<Op>) {
      if (!link<backend_type>(one, descriptors_[one.handle])) [[unlikely]]
        return finish_at_once(one);
    } else {
      one.older = nullptr;
    }
    if (backend_.start(one, op, one.scratch, true, watch()) == started::done) {
      if constexpr (detail::has_handle<Op>) unlink(one);
      return finish_at_once(one);
    }
    ++started_;
    return started::pending;
  }

  // For calls and tasks: one of several operations.
  template <class Operation>
  [[gnu::always_inline]] auto start_one(Operation& one, bool alone) noexcept -> started {
    begin(one);
    if constexpr (Operation::is_tagged_close) return start_close(one);
    watch().hook(event::op_queued{&one, one.info->name, one.handle});
    if (!list(one)) [[unlikely]]
      return finish_at_once(one);
    if (backend_.start(one, one.description(), one.scratch, alone, watch()) == started::done) {
      unlink(one);
      return finish_at_once(one);
    }
    if constexpr (Operation::is_timed) arm_limit(one);
    ++started_;
    return started::pending;
  }

  // One of the operations of a call, whatever its type; the call has set its facts and its handle.
  [[gnu::always_inline]] auto start_any(record& one, bool alone) noexcept -> started {
    begin_any(one);
    if (one.kind != record_kind::plain) [[unlikely]] {
      if (one.info->is_close) return start_close(one);
      static_cast<timed_record&>(one).expired = false;
    }
    watch().hook(event::op_queued{&one, one.info->name, one.handle});
    if (!list_any(one)) [[unlikely]]
      return finish_at_once(one);
    if (facts(one).start(*this, one, alone) == started::done) {
      unlink(one);
      return finish_at_once(one);
    }
    ++started_;
    return started::pending;
  }

  [[gnu::noinline]] auto start_rarely(record& one, bool alone) noexcept -> started { return start_any(one, alone); }

  // What of that depends on the type; the record points to these.
  template <class Operation>
  static auto start_known(ring& self, record& one, bool alone) noexcept -> started {
    auto& known = static_cast<Operation&>(one);
    const started outcome = self.backend_.start(one, known.description(), known.scratch, alone, self.watch());
    if constexpr (Operation::is_timed) {
      if (outcome == started::pending) self.arm_limit(known);
    }
    return outcome;
  }
  template <class Operation>
  static auto prepare_known(ring& self, entry& prepared, record& one) noexcept -> int {
    auto& known = static_cast<Operation&>(one);
    return self.backend_.prepare_entry(prepared, one, known.description(), known.scratch);
  }
  static void arm_known(ring& self, record& one) noexcept { self.arm_limit(static_cast<timed_record&>(one)); }

  [[gnu::always_inline]] auto start_unlinked(record* const* records, std::size_t count, void* waiter) noexcept -> std::size_t {
    const bool alone = count == 1;
    std::size_t done = 0;
    for (record* const* const end = records + count; records != end; ++records) {
      record& one = **records;
      one.waiter = waiter;
      if (start_any(one, alone) == started::done) ++done;
    }
    return done;
  }

  // The operations of a call with links; `self` is the ring. How many are done already.
  static auto start_linked(void* self, record* const* records, std::size_t count, chain_parts<entry>& parts) noexcept -> std::size_t;

  [[nodiscard]] auto watch() noexcept -> observer<trace_type> { return {&trace_}; }

  // A plain operation's raw result may be as the system gave it; this is what it comes to, whatever the operation's type.
  [[nodiscard]] static auto put_right(std::int32_t raw) noexcept -> std::int32_t {
    if constexpr (polls_simply)
      return backend_type::put_right(raw);
    else
      return raw;
  }
  /// \endcond

 private:
  static constexpr bool polls_simply = requires { &backend_type::put_right; };

  // What a cancel finds running ends soon; what it missed is asked again after so long.
  static constexpr wait drain_step = wait::at_most(std::chrono::milliseconds{10});

  [[gnu::noinline, gnu::cold]] void finish() noexcept {
    if (backend_.in_child()) return;
    draining_ = true;
    while (in_flight() != 0) {
      backend_.cancel_all(watch());
      if (step(drain_step)) return;
    }
  }

  // `taken`: so many were handed out on the way here.
  [[gnu::noinline]] auto poll_fully(const listener& told, bool sleeps, simple_poll so_far = simple_poll::refused,
                                    std::uint32_t taken = 0) noexcept -> result<std::size_t> {
    const std::size_t before = completed_ - taken;
    bool entered = so_far == simple_poll::partly;
    for (;;) {
      poll_request request{.wait = sleeps, .limit = interval::max()};
      if (!entered && agenda_ != 0) request = before_poll(told, sleeps);
      request.entered = std::exchange(entered, false);
      const auto report = backend_.poll(
          request,
          [this, &told](record& one) noexcept {
            if (complete(one)) told.done(one);
          },
          watch());
      if (!report) {
        agenda_ &= ~agenda_limit;
        return std::unexpected{report.error()};
      }
      if ((agenda_ | static_cast<unsigned>(report->woken)) != 0) {
        if (after_poll(told, report->woken, before)) break;
      }
      if (completed_ != before || !sleeps) break;
    }
    return completed_ - before;
  }

  [[nodiscard]] static auto facts(const record& one) noexcept -> const op_facts<ring>& {
    return *static_cast<const op_facts<ring>*>(one.info);
  }

  [[gnu::always_inline]] void begin_any(record& one) noexcept {
    assert(one.state != record_state::in_flight && "an operation was started while it was in flight");
    one.kind = facts(one).kind;
    one.state = record_state::in_flight;
    one.cancelling = false;
    one.engine = 0;
    one.sole = soleness::no;
  }

  // A member of a chain: in flight and on the list of its descriptor from now on, started when its turn comes. Whether the system may run
  // it in its turn.
  auto adopt(record& one, chain<entry>& owner, chain_member<entry>& member) noexcept -> bool;

  // Runs a chain; `entries` is its length if the system may run it, else 0.
  void run(chain<entry>& one, std::size_t entries) noexcept;

  [[nodiscard]] static auto chain_of(const record& one) noexcept -> chain_base& { return *static_cast<chain_base*>(one.owner); }

  // What a chain asks of its ring.
  struct chain_host;

  static constexpr unsigned agenda_timers = 1;
  static constexpr unsigned agenda_chains = 2;
  static constexpr unsigned agenda_finished = 4;
  static constexpr unsigned agenda_limit = 8;

  // How long a poll sleeps while a chain that the system runs does not let go: it may start a member between being asked and sleeping.
  static constexpr interval press_again = interval::nanoseconds(1'000'000);

  [[gnu::noinline, gnu::cold]] void press_chains() noexcept {
    for (auto* one = pressed_; one != nullptr; one = one->next_pressed) one->calls->press(this, *one);
  }

  void check_thread() const noexcept { assert(owner_ == detail::thread_token() && "a ring is used by the thread that made it"); }

  template <class Operation>
  [[gnu::always_inline]] void begin(Operation& one) noexcept {
    assert(one.state != record_state::in_flight && "an operation was started while it was in flight");
    one.handle = detail::handle_of(one.description());
    one.kind = Operation::initial_kind;
    one.state = record_state::in_flight;
    one.cancelling = false;
    one.engine = 0;
    one.sole = soleness::no;
    if constexpr (!Operation::has_handle) leave_alone(one);
    if constexpr (Operation::is_timed) one.expired = false;
  }

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

  /// The part of a poll before the backend's that is rarely needed; what the backend is asked for.
  auto before_poll(const listener& told, bool sleeps) noexcept -> poll_request {
    const std::size_t before = completed_;
    if (finished_ != nullptr) deliver_finished(told);
    poll_request request{.wait = sleeps && completed_ == before, .limit = interval::max()};
    if (request.wait) {
      const time_point end = (agenda_ & agenda_limit) != 0 ? end_ : time_point::never();
      const time_point next = timers_.size() != 0 ? detail::lesser_of(timers_.next(), end) : end;
      if (next != time_point::never()) request.limit = detail::greater_of(next - now(), interval{});
    }
    if (pressed_ != nullptr) {
      press_chains();
      request.limit = detail::lesser_of(request.limit, press_again);
    }
    return request;
  }

  /// The part after it. Whether this poll is over although it may have brought nothing.
  auto after_poll(const listener& told, bool woken, std::size_t before) noexcept -> bool {
    bool stops = woken;
    if (woken) told.woken();
    if (timers_.size() != 0) {
      if (const time_point now = ring::now(); timers_.next() <= now && timer_calls_->expire(*this, told, now)) stops = true;
    }
    if (finished_ != nullptr) deliver_finished(told);
    const bool limited = (agenda_ & agenda_limit) != 0;
    if (limited && now() >= end_) stops = true;
    agenda_ = (timers_.size() != 0 ? agenda_timers : 0U) | (pressed_ != nullptr ? agenda_chains : 0U) |
              (finished_ != nullptr ? agenda_finished : 0U) | (limited && !stops && completed_ == before ? agenda_limit : 0U);
    return stops;
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
        chain_of(one).calls->done(this, chain_of(one), one);
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
    watch().hook(event::op_completed{&one, put_right(one.res)});
  }

  [[gnu::noinline]] auto complete_special(record& one) noexcept -> bool {
    constexpr auto canceled_code = -static_cast<std::int32_t>(std::errc::operation_canceled);
    if ((one.kind & record_kind::member) != 0) {
      if (chain_of(one).calls->takes_back(this, chain_of(one), one)) return false;
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
      if (draining_) owner.calls->cancel(this, owner);
      owner.calls->done(this, owner, one);
    }
    return true;
  }

  // What is done with timers that were armed: through here, so that only programs that arm one contain it.
  struct timer_calls {
    auto (*expire)(ring& self, const listener& told, time_point now) noexcept -> bool;  // whether one of the caller's fired
    void (*disarm)(ring& self, timer& one) noexcept;
  };

  static auto expire(ring& self, const listener& told, time_point now) noexcept -> bool {
    bool foreign = false;
    self.timers_.expire(now, [&](timer_node& node) noexcept {
      auto& one = static_cast<timer&>(node);
      self.watch().hook(event::timer_fired{(now - one.deadline).count});
      if (one.role == timer_role::operation) {
        auto& bounded = static_cast<timed_record&>(*static_cast<record*>(one.owner));
        // One that was cancelled before has not run out of time.
        bounded.expired = !bounded.cancelling;
        self.cancel_running(bounded);
      } else {
        foreign = true;
        told.fired(one);
      }
    });
    return foreign;
  }
  static void disarm_armed(ring& self, timer& one) noexcept { self.timers_.disarm(one); }
  static constexpr timer_calls timer_code{&expire, &disarm_armed};

  backend_type backend_;
  [[no_unique_address]] timers_type timers_;
  [[no_unique_address]] trace_type trace_;
  std::size_t started_ = 0;    // so many will complete
  std::size_t completed_ = 0;  // and so many have
  unsigned agenda_ = 0;        // what a poll may have to do beside the backend's part
  record* finished_ = nullptr;
  record* finished_last_ = nullptr;
  const void* owner_ = detail::thread_token();
  bool draining_ = false;
  time_point end_;  // of a poll with a limit
  chain_base* pressed_ = nullptr;
  const timer_calls* timer_calls_ = nullptr;
  descriptor_table<os> descriptors_;
};

}  // namespace sluice::inline v0::aio
