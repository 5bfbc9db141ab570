// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The core: operations go in, completions come out, and nothing is allocated on the way. Layer: aio.

#include <sluice/aio/call.hpp>
#include <sluice/aio/chain.hpp>
#include <sluice/aio/flight.hpp>
#include <sluice/aio/listener.hpp>
#include <sluice/aio/operation.hpp>
#include <sluice/aio/report.hpp>
#include <sluice/concept/backend.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/concept/timers.hpp>
#include <sluice/concept/trace.hpp>
#include <sluice/config.hpp>
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
class ring : public flight<Config> {
  using base = flight<Config>;

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
  explicit ring(const typename backend_type::opened& parts) noexcept : base{parts} {}
  struct stream_host;  // what a stream asks of its ring
  /// \endcond
  ring(const ring&) = delete;
  auto operator=(const ring&) -> ring& = delete;

  using base::in_flight;
  using base::now;
  /// \cond
  using base::put_right;
  using base::watch;
  /// \endcond

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

  /// Starts a stream; see there. `started::done`: it has ended already.
  template <class Op>
  auto start(basic_stream<ring, Op>& one) noexcept -> started;

  /// Starts the operations of a call, linked as their types say. How many are done already; the others will complete.
  auto start(any_call<ring>& batch, void* waiter = nullptr) noexcept -> std::size_t {
    check_thread();
    return batch.start(*this, waiter);
  }

  /// \cond
  template <class Op>
  static void starts(operation<Op>&);
  template <class Op>
  static void starts(std::span<operation<Op>>&);
  template <class Op>
  static void starts(basic_stream<ring, Op>&);
  static void starts(any_call<ring>&);
  // What it cannot start. A mistake gives one sentence.
  template <class Other>
    requires(!requires(Other& one) { starts(one); })
  auto start(Other&& /*one*/) noexcept -> started {
    static_assert(
        sizeof(Other) == 0,
        "[sluice.aio.start] a ring starts what the caller keeps until it is done, and what is of its own config: an aio::operation<op::read>, "
        "say, a span or a call of them, or a stream; aio::run takes descriptions");
    return started::done;
  }
  /// \endcond

  /// Submits what is queued, sleeps as `how` allows, and hands each completion to `sink(record&)`, timers of the caller's to
  /// `sink(timer&)`. The sink may start operations; it must not poll. How many completions it was given.
  /// \errors those of io_uring_enter(2) that mean the ring is lost; everything else is retried
  template <class Sink>
  [[gnu::always_inline]] auto poll(Sink&& sink, wait how = wait::none) noexcept -> result<std::size_t> {
    if constexpr (check_sink<Sink>()) {
      if (how.sleeps && how.limit != interval::max()) limit(how.limit);
      return poll(std::forward<Sink>(sink), how.sleeps);
    }
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
              if (one.kind != record_kind::plain) {
                const auto item = take_item(one);
                if (item == taken_back::and_told) sink.gather_sole(end, one);
                return item != taken_back::no;
              }
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
  // What a stream has brought that goes on. `no`: it takes more than that, or is none.
  [[gnu::noinline]] auto take_item(record& one) noexcept -> taken_back {
    if (!one.is_simply<soleness::listed, record_kind::member | record_kind::internal>()) return taken_back::no;
    auto& stream = *static_cast<chain_base*>(one.owner);
    const auto outcome = stream.calls->takes_item(stream);
    if (outcome != taken_back::no) ++started_;  // all that a simple poll takes counts as completed
    return outcome;
  }
  template <class Sink>
  auto poll_rest(Sink& sink, bool sleeps, simple_poll so_far, std::uint32_t taken) noexcept -> result<std::size_t> {
    return poll_fully(listener{sink}, sleeps, so_far, taken);
  }
  [[gnu::cold]] void limit(interval most) noexcept {
    end_ = now() + most;
    agenda_ |= agenda_limit;
  }
  /// \endcond

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
    result<std::size_t> total{0};
    while (total && in_flight() != 0) {
      backend_.cancel_all(watch());
      const auto polled = poll(sink, drain_step);
      total = polled ? result<std::size_t>{*total + *polled} : polled;
    }
    draining_ = false;
    return total;
  }

  /// Ends a poll that sleeps, from any thread; costs nothing while the ring is awake.
  void wake() noexcept { backend_.wake(); }
  /// \cond
  // Whether anybody may do that from now on; whoever knows every way to this ring can save it what is done for those who may.
  void expect_wakes(bool any) noexcept {
    expects_wakes_ = any ? 1 : 0;
    if constexpr (requires { backend_.expect_calls(any); }) backend_.expect_calls(any);
  }
  /// \endcond

  /// \cond
  // Whether nothing is on its way that a poll could find. Tasks that only yield, spawn and join ask this all the time.
  [[nodiscard, gnu::always_inline]] auto is_quiet() const noexcept -> bool {
    return started_ == completed_ && (agenda_ | expects_wakes_) == 0;
  }
  /// \endcond
  /// Whether a poll that does not sleep would do anything: a cheap look, no call.
  [[nodiscard, gnu::always_inline]] auto pending() const noexcept -> bool {
    if (is_quiet()) return false;
    return backend_.pending() || (agenda_ != 0 && (finished_ != nullptr || pressed_ != nullptr || timers_.size() != 0));
  }
  /// A descriptor that polls readable when what is in flight wants the ring to be polled; what the ring itself has left to do is told by
  /// `next_deadline`. \errors `errc::no_handle` on a backend that has none, as `backend::poll`; those of eventfd(2) and
  /// io_uring_register(2)
  [[nodiscard]] auto native_handle() noexcept -> result<int> { return backend_.native_handle(); }
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
  // For tasks: an operation that one of them waits for alone, and for which there is room; see sole.hpp.
  template <class Op>
  auto start_sole(sole_operation<Op>& one, const Op& op) noexcept -> started;

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

  [[gnu::noinline, gnu::cold]] auto start_rarely(record& one, bool alone) noexcept -> started { return start_any(one, alone); }

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
  [[gnu::cold]] static auto start_alike(ring& self, record& one, bool alone) noexcept -> started {
    return self.backend_.start_alike(one, facts(one).ways, facts(one).serve, alone, self.watch());
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
  /// \endcond

 private:
  using base::agenda_;
  using base::agenda_chains;
  using base::agenda_finished;
  using base::agenda_limit;
  using base::agenda_timers;
  using base::arm_limit;
  using base::backend_;
  using base::begin_any;
  using base::cancel_running;
  using base::check_thread;
  using base::complete;
  using base::complete_uncounted;
  using base::completed_;
  using base::deliver_finished;
  using base::descriptors_;
  using base::draining_;
  using base::expects_wakes_;
  using base::facts;
  using base::finish_at_once;
  using base::finish_later;
  using base::finished_;
  using base::list;
  using base::list_any;
  using base::polls_simply;
  using base::press_again;
  using base::pressed_;
  using base::start_close;
  using base::started_;
  using base::timer_calls_;
  using base::timers_;
  using base::trace_;
  using base::unlist;

  // What a cancel finds running ends soon; what it missed is asked again after so long.
  static constexpr wait drain_step = wait::at_most(std::chrono::milliseconds{10});

  [[gnu::cold]] void finish() noexcept {
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

  // A member of a chain: in flight and on the list of its descriptor from now on, started when its turn comes. Whether the system may run
  // it in its turn.
  auto adopt(record& one, chain<entry>& owner, chain_member<entry>& member) noexcept -> bool;

  // Runs a chain; `entries` is its length if the system may run it, else 0.
  void run(chain<entry>& one, std::size_t entries) noexcept;

  // What a chain asks of its ring.
  struct chain_host;

  [[gnu::noinline, gnu::cold]] void press_chains() noexcept {
    for (auto* one = pressed_; one != nullptr; one = one->next_pressed) one->calls->press(this, *one);
  }

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

  /// The part of a poll before the backend's that is rarely needed; what the backend is asked for.
  [[gnu::noinline]] auto before_poll(const listener& told, bool sleeps) noexcept -> poll_request {
    const std::size_t before = completed_;
    if (finished_ != nullptr) deliver_finished(told);
    poll_request request{.wait = sleeps && completed_ == before, .limit = interval::max()};
    if (request.wait) {
      const time_point end = (agenda_ & agenda_limit) != 0 ? end_ : time_point::never();
      const time_point next = timers_.size() != 0 ? detail::lesser_of(timer_calls_->next(*this), end) : end;
      if (next != time_point::never()) request.limit = detail::greater_of(next - now(), interval{});
    }
    if (pressed_ != nullptr) {
      press_chains();
      request.limit = detail::lesser_of(request.limit, press_again);
    }
    return request;
  }

  /// The part after it. Whether this poll is over although it may have brought nothing.
  [[gnu::noinline]] auto after_poll(const listener& told, bool woken, std::size_t before) noexcept -> bool {
    bool stops = woken;
    if (woken) told.woken();
    if (timers_.size() != 0 && timer_calls_->expire(*this, told)) stops = true;
    if (finished_ != nullptr) deliver_finished(told);
    const bool limited = (agenda_ & agenda_limit) != 0;
    if (limited && now() >= end_) stops = true;
    agenda_ = (timers_.size() != 0 ? agenda_timers : 0U) | (pressed_ != nullptr ? agenda_chains : 0U) |
              (finished_ != nullptr ? agenda_finished : 0U) | (limited && !stops && completed_ == before ? agenda_limit : 0U);
    return stops;
  }

  time_point end_;  // of a poll with a limit
};

}  // namespace sluice::inline v0::aio
