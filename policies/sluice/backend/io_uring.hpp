// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations through Linux's io_uring. A policy.

#include <sluice/backend/uring/attempts.hpp>
#include <sluice/backend/uring/opcodes.hpp>
#include <sluice/backend/uring/options.hpp>
#include <sluice/backend/uring/outcome.hpp>
#include <sluice/backend/uring/plain.hpp>
#include <sluice/backend/uring/prepare.hpp>
#include <sluice/backend/uring/prepare_file.hpp>
#include <sluice/backend/uring/prepare_process.hpp>
#include <sluice/backend/uring/queues.hpp>
#include <sluice/backend/uring/setup.hpp>
#include <sluice/backend/uring/waker.hpp>
#include <sluice/concept/backend.hpp>
#include <sluice/concept/trace.hpp>
#include <sluice/os/linux.hpp>
#include <sluice/os/sigpipe.hpp>

#if defined(__linux__)

#include <liburing.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::backend {

/// One ring. Submitting and waiting are one system call; completions come from shared memory.
///
/// A full submission queue is flushed in the middle of a tick and a full completion queue is drained by the kernel's own overflow list;
/// neither is seen by users. Sizes and flags are `O`; flags that exclude each other do not compile.
/// \errors `open`: `errc::ring_unsupported`, `ring_forbidden`, `ring_denied`, `ring_memory`, `ring_descriptors`, `flag_...`,
/// `ring_feature_missing`
/// \os Linux 6.1  \src io_uring(7)
template <io_uring_options O = {}, class Os = os::linux_>
class io_uring {
 public:
  static constexpr auto kind = policy_kind::backend;      ///< what it decides
  static constexpr std::string_view name = "io_uring";    ///< for reports
  static constexpr io_uring_options options = O;          ///< as given
  static constexpr bool valid = detail::check_ring<O>();  ///< the rules hold; a broken one does not compile

  using os = Os;                 ///< where system calls go
  using entry = ::io_uring_sqe;  ///< a prepared operation

  /// What is kept beside an operation in flight.
  template <class Op>
  using scratch = detail::uring::scratch<Op>;

  /// Whether an operation can be started at all: one of the library's, or one with a `prepare` of its own.
  template <class Op>
  static constexpr bool supports = requires(entry& e, const Op& op, scratch<Op>& keep) { detail::uring::prepare(e, op, keep); } ||
                                   detail::uring::always_plain<Op> || detail::uring::foreign_operation<Op>;

  /// What the system gave; nobody else may use it.
  struct opened {
    ::io_uring ring;                            ///< set up
    detail::uring::waker_parts waker;           ///< how it is woken
    detail::uring::fork_sentinel<Os> sentinel;  ///< whose it is
  };

  /// Sets a ring up on this thread, which is the only one that may use it.
  [[gnu::noinline, gnu::cold]] static auto open(const ring_options& run_time) noexcept -> result<opened> {
    opened made{};
    if (auto outcome = detail::uring::open_ring<O, Os>(made.ring, run_time); !outcome) return std::unexpected{outcome.error()};
    if (!made.sentinel.remember()) {
      Os::uring_queue_exit(&made.ring);
      return failure(errc::ring_memory);
    }
    // Without the advice a child could move this ring's tail; it fails only on kernels that do not know it.
    (void)Os::uring_dontfork(&made.ring);
    if (auto outcome = detail::uring::open_waker<Os>(made.waker, made.ring); !outcome) {
      Os::uring_queue_exit(&made.ring);
      return std::unexpected{outcome.error()};
    }
    return made;
  }

  /// Takes over what `open` gave.
  explicit io_uring(const opened& parts) noexcept
      : submissions_{parts.ring.sq},
        completions_{parts.ring.cq},
        enter_descriptor_{static_cast<unsigned>(parts.ring.ring_fd)},
        waker_{parts.waker},
        ring_{parts.ring},
        sentinel_{parts.sentinel} {
    ignored_.kind = aio::record_kind::internal;
  }
  io_uring(const io_uring&) = delete;
  auto operator=(const io_uring&) -> io_uring& = delete;

  /// Takes the ring down. In a forked child only descriptors are closed.
  [[gnu::cold]] ~io_uring() {
    if (in_child()) {
      (void)Os::close(ring_.ring_fd);
      return;
    }
    if ((enter_flags_ & IORING_ENTER_REGISTERED_RING) != 0) detail::uring::unregister_descriptor<Os>(descriptor(), enter_descriptor_);
    sigpipe_.drop();
    Os::uring_queue_exit(&ring_);
  }

  /// Whether this is a forked child of the process that made the ring.
  [[nodiscard]] auto in_child() const noexcept -> bool { return sentinel_.in_child(); }

  /// Starts an operation; see `backend_policy`.
  template <class Op, class Watch>
  [[gnu::always_inline]] auto start(aio::record& record, const Op& op, scratch<Op>& keep, [[maybe_unused]] bool alone,
                                    const Watch& watch) noexcept -> started {
    if constexpr (std::is_same_v<Op, op::wait_event>) {
      if (detail::uring::take_token(*op.source.state())) return done_with(record, sizeof(std::uint64_t));
      if (const int outcome = detail::uring::ensure_descriptor<Os>(*op.source.state()); outcome < 0) return done_with(record, outcome);
    }
    if constexpr (std::is_same_v<Op, op::cancel_handle>) return done_with(record, cancel_handle(&record, this));
    if constexpr (detail::uring::may_be_plain<Op>) {
      if ((detail::uring::never_waits<Op> && alone && O.inline_try != inline_try::never) || is_plain(op))
        return call_plainly(record, op, keep, watch);
    }
    if constexpr (O.inline_try >= inline_try::send && std::is_same_v<Op, op::send>) {
      if (alone && record.older == nullptr && (O.inline_try > inline_try::send || !submissions_.has_queued()) &&
          attempts_.send(record, op, watch))
        return started::done;
    }
    if constexpr (O.inline_try >= inline_try::both && std::is_same_v<Op, op::recv>) {
      if (alone && record.older == nullptr && attempts_.recv(record, op, watch)) return started::done;
    }
    if constexpr (std::is_same_v<Op, op::write> || std::is_same_v<Op, op::writev>) sigpipe_.take();
    entry* const e = acquire(watch);
    if (e == nullptr) [[unlikely]]
      return done_with(record, -ENOMEM);
    if constexpr (detail::uring::writes_tail<Op>) submissions_.expect_tails();
    fill(*e, op, keep);
    e->user_data = identity(record);
    return started::pending;
  }

  /// Whether an operation can be queued with nothing to be seen to first; sees to that.
  /// @{
  [[nodiscard, gnu::always_inline]] auto has_room() const noexcept -> bool { return !submissions_.is_stopped(); }
  template <class Watch>
  [[nodiscard]] auto make_room(const Watch& watch) noexcept -> bool {
    if (has_room() || submissions_.look()) return true;
    watch.hook(event::queue_full{});
    for (int attempt = 0; attempt < flush_attempts; ++attempt) {
      flush(watch);
      if (submissions_.look()) return true;
    }
    return false;
  }
  /// @}

  /// Prepares an operation without starting it.
  template <class Op>
  auto prepare_entry(entry& e, aio::record& record, const Op& op, scratch<Op>& keep) noexcept -> int {
    e = entry{};
    if constexpr (detail::uring::writes_tail<Op>) submissions_.expect_tails();
    if constexpr (std::is_same_v<Op, op::wait_event>) {
      if (const int outcome = detail::uring::ensure_descriptor<Os>(*op.source.state()); outcome < 0) return outcome;
    }
    if constexpr (std::is_same_v<Op, op::write> || std::is_same_v<Op, op::writev>) sigpipe_.take();
    if constexpr (std::is_same_v<Op, op::cancel_handle>) return detail::uring::set_plain(e, &io_uring::cancel_handle, &record, this);
    if constexpr (sluice::os::has_native_op<Op>)
      if (is_plain(op)) return detail::uring::set_plain(e, &detail::uring::make_plain<Os, Op>, &op, &keep);
    fill(e, op, keep);
    e.user_data = identity(record);
    return 0;
  }

  /// Starts what was prepared.
  template <class Watch>
  auto push(aio::record& record, const entry& prepared, const Watch& watch) noexcept -> started {
    if (prepared.opcode == detail::uring::opcode::plain_op) return done_with(record, detail::uring::call(prepared));
    entry* const e = acquire(watch);
    if (e == nullptr) return done_with(record, -ENOMEM);
    *e = prepared;
    return started::pending;
  }

  /// Whether the kernel itself can run an operation as part of a chain, or at its end.
  template <class Op, bool Last = false>
  static constexpr bool can_link = detail::uring::keeps_links<Op, Last>;

  /// Whether the running kernel knows what a prepared operation asks for.
  [[nodiscard]] auto can_run(const entry& prepared) noexcept -> bool { return knows(prepared.opcode); }

  /// Makes room for a whole chain, flushing first if need be: the kernel does not carry links across submissions. False if it never fits.
  template <class Watch>
  [[nodiscard]] auto reserve(std::uint32_t count, const Watch& watch) noexcept -> bool {
    if (count > submissions_.size()) return false;
    for (int attempt = 0; attempt < flush_attempts; ++attempt) {
      if (submissions_.room() >= count) return true;
      flush(watch);
    }
    return false;
  }

  /// Starts a member of a chain for which there is room; `linked` joins it softly to the next one.
  template <class Watch>
  void push_linked(const entry& prepared, bool linked, const Watch& watch) noexcept {
    entry* const e = acquire(watch);
    *e = prepared;
    if (linked) e->flags |= IOSQE_IO_LINK;
  }

  /// Closes a handle by its number.
  template <class Watch>
  auto start_close(aio::record& record, const Watch& watch) noexcept -> started {
    entry* const e = acquire(watch);
    // A close must not be lost: without an entry the number is given back by a plain call, which nothing queued can name any more.
    if (e == nullptr) return done_with(record, Os::close(record.handle));
    detail::uring::set_entry(*e, IORING_OP_CLOSE, record.handle, nullptr, 0, 0);
    e->user_data = identity(record);
    return started::pending;
  }

  /// Asks an operation to end; what comes of it is its own completion. Where there is no entry for that, the next poll asks.
  template <class Watch>
  void cancel(aio::record& record, const Watch& watch) noexcept {
    if ((record.kind & aio::record_kind::unasked) != 0) return;
    if (entry* const e = acquire(watch); e != nullptr) return set_cancel(*e, record);
    ask_later(record);
  }

  /// Asks every operation of the ring to end.
  template <class Watch>
  void cancel_all(const Watch& watch) noexcept {
    entry* const e = acquire(watch);
    if (e == nullptr) return;
    detail::uring::set_entry(*e, IORING_OP_ASYNC_CANCEL, -1, nullptr, 0, 0, IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY);
    e->user_data = identity(ignored_);
  }

  /// Submits, may wait, and hands out completions; see `backend_policy`.
  template <class Sink, class Watch>
  auto poll(const poll_request& request, Sink sink, const Watch& watch) noexcept -> result<poll_report> {
    poll_report report;
    bool wait = request.wait;
    if (!request.entered) {
      if (unusual_ != 0) report.completions = before_poll(sink, watch);
      const std::uint32_t submit = publish(watch);
      if (wait) wait = report.completions == 0 && (unusual_ & has_unasked) == 0 && !completions_.has_some();
      if (wait) wait = waker_.about_to_sleep();
      if (submit != 0 || wait || must_enter()) {
        const int outcome = wait ? enter_and_wait(submit, request.limit) : enter(submit, 0, flags_for(submit), nullptr, 0);
        if (wait) waker_.awake();
        account(submit, outcome, request.wait, request.limit, watch);
      }
    }
    if (fatal_ < 0) return system_error(-std::exchange(fatal_, 0));
    report.completions += reap(sink);
    if (((submissions_.flags() & IORING_SQ_CQ_OVERFLOW) | unusual_) != 0 || waker_.was_called()) after_poll(report, sink, watch);
    watch.hook(event::polled{report.completions, wait});
    return report;
  }

  /// The same in the simple way; see `backend_policy`.
  template <class Take, class Watch>
  [[gnu::always_inline]] auto poll_simply(bool sleeps, const unsigned& agenda, Take take, std::uint32_t& taken, const Watch& watch) noexcept
      -> simple_poll {
    taken = 0;
    if ((unusual_ | agenda) != 0) [[unlikely]]
      return simple_poll::refused;
    const std::uint32_t submit = publish(watch);
    bool wait = sleeps;
    if constexpr (!defers) {
      if (wait) wait = !completions_.has_some();
    }
    if (wait) {
      if (!waker_.about_to_sleep()) [[unlikely]]
        return simple_poll::refused;
      const int outcome = enter_and_wait(submit, interval::max());
      waker_.awake();
      if (!account(submit, outcome, true, interval::max(), watch)) [[unlikely]]
        return simple_poll::partly;
    } else if (submit != 0 || must_enter()) {
      if (!account(submit, enter(submit, 0, flags_for(submit), nullptr, 0), false, interval::max(), watch)) [[unlikely]]
        return simple_poll::partly;
    }
    const bool all = completions_.take_simple(
        [&](const ::io_uring_cqe& completion) noexcept {
          auto& record = detail::uring::record_of(completion);
          detail::uring::copy_outcome(record, completion);
          return take(record);
        },
        taken);
    watch.hook(event::polled{taken, wait});
    if (!all || ((submissions_.flags() & IORING_SQ_CQ_OVERFLOW) | unusual_ | agenda | waker_.calls()) != 0) [[unlikely]]
      return simple_poll::partly;
    return taken != 0 ? simple_poll::some : simple_poll::nothing;
  }

  /// Whether entering the kernel would do anything.
  [[nodiscard, gnu::always_inline]] auto pending() const noexcept -> bool {
    if (submissions_.has_queued() || (unusual_ & (has_backlog | was_flushed | has_unasked)) != 0) return true;
    if (must_enter() || waker_.was_called()) return true;
    return !defers && completions_.has_some();
  }

  /// Adds a token to an event source, from any thread. Zero, or minus the error.
  static auto notify(event_source_state& source) noexcept -> int { return detail::uring::notify<Os>(source); }

  /// Ends a poll that sleeps, from any thread.
  void wake() noexcept { waker_.wake(); }
  /// Whether anybody may do that from now on.
  void expect_calls(bool any) noexcept { waker_.expect_calls(any); }

  /// A descriptor that polls readable when there are completions. It is an event descriptor: polling the ring's own one does not wake for
  /// completions that the kernel defers.
  [[nodiscard]] auto native_handle() noexcept -> result<int> {
    unusual_ |= has_chores;
    return waker_.completion_descriptor(ring_.ring_fd);
  }

  /// The ring itself, for registrations of the user's own. \lifetime while this object lives
  [[nodiscard]] auto native_ring() noexcept -> ::io_uring& { return ring_; }

  /// Whether a handle is a stream socket, on which two sends in flight may change places.
  [[nodiscard]] static auto is_stream(int handle) noexcept -> bool { return sluice::os::is_stream_socket<Os>(handle); }

  /// How an operation is served with a kernel that has these opcodes.
  template <class Op>
  [[nodiscard]] static constexpr auto service_with(std::uint64_t opcodes) noexcept -> service {
    return detail::uring::service_with<Op>(opcodes);
  }
  /// What the kernel says of its opcodes, a bit each; it is asked once.
  [[nodiscard]] auto opcodes() noexcept -> std::uint64_t { return opcodes_.all(descriptor()); }

  /// How an operation is served here: a kernel that gave the ring has what the oldest one has, whatever it says.
  template <class Op>
  [[nodiscard]] auto service_of() noexcept -> service {
    return service_with<Op>(opcodes() | detail::uring::oldest_opcodes);
  }

  /// The value of a raw result.
  template <class Op>
  static auto value(const Op& op, const scratch<Op>& keep, std::int32_t raw) noexcept {
    return detail::uring::value_of<Os>(op, keep, raw);
  }

  /// An operation's raw result as the library counts it: what the kernel's own conventions say differently is put right.
  template <class Op>
  static auto normal(std::int32_t raw) noexcept -> std::int32_t {
    return detail::uring::normal<Op>(raw);
  }

  /// The part of that which does not depend on the operation.
  static auto put_right(std::int32_t raw) noexcept -> std::int32_t { return raw < 0 ? detail::uring::put_right(raw) : raw; }

 private:
  static constexpr int flush_attempts = 64;
  static constexpr unsigned registers_after = 16;
  static constexpr bool polls_submissions = has(O.flags, ring::sqpoll);
  static constexpr bool polls_completions = has(O.flags, ring::iopoll);
  // Deferred completions come only while the kernel is entered, and each poll takes all of them.
  static constexpr bool defers = has(O.flags, ring::defer_taskrun);
  static constexpr unsigned entry_shift = has(O.flags, ring::sqe128) ? 1 : 0;
  static constexpr unsigned completion_shift = has(O.flags, ring::cqe32) ? 1 : 0;
  // Without the flag nothing in shared memory says that deferred completions wait to be run.
  static constexpr bool blind =
      polls_completions || (has(O.flags, ring::defer_taskrun | ring::coop_taskrun) && !has(O.flags, ring::taskrun_flag));

  // What a poll has to do beside the usual, as bits.
  static constexpr unsigned has_backlog = 1;        // completions that a flush brought
  static constexpr unsigned was_flushed = 2;        // the queue, while completions were handed out
  static constexpr unsigned has_chores = 4;         // the waker
  static constexpr unsigned is_not_registered = 8;  // the descriptor
  static constexpr unsigned has_unasked = 16;       // operations that were not asked to end yet

  static auto identity(const aio::record& record) noexcept -> std::uint64_t { return reinterpret_cast<std::uintptr_t>(&record); }

  [[nodiscard]] auto descriptor() const noexcept -> unsigned { return static_cast<unsigned>(ring_.ring_fd); }

  static auto done_with(aio::record& record, std::int64_t raw) noexcept -> started {
    record.res = static_cast<std::int32_t>(raw);
    return started::done;
  }

  template <class Op>
  void fill(entry& e, const Op& op, scratch<Op>& keep) noexcept {
    if constexpr (!detail::uring::sets_whole_entry<Op>) detail::uring::clear_entry(e);
    if constexpr (detail::uring::has_older_entry<Op>) {
      if (!knows(detail::uring::opcode_of<Op>)) return detail::uring::prepare_older<Os>(e, op, keep);
    }
    if constexpr (requires { detail::uring::prepare(e, op, keep); })
      detail::uring::prepare(e, op, keep);
    else if constexpr (detail::uring::foreign_operation<Op>)  // any other one was refused with a sentence already
      detail::uring::prepare_foreign(e, op);
  }

  template <class Op, class Watch>
  auto call_plainly(aio::record& record, const Op& op, scratch<Op>& keep, const Watch& watch) noexcept -> started {
    return call_now(record, &detail::uring::make_plain<Os, Op>, &op, &keep, watch);
  }

  template <class Watch>
  [[gnu::noinline]] auto call_now(aio::record& record, int (*call)(const void*, void*) noexcept, const void* what, void* kept,
                                  const Watch& watch) noexcept -> started {
    // Nothing may overtake what is queued on the same handle.
    if (record.older != nullptr && !submissions_.all_taken()) hand_over(watch);
    record.res = call(what, kept);
    watch.hook(event::op_inline{record.info->name, record.res});
    return started::done;
  }

  /// Gives the kernel what is queued and comes back when it has started it.
  template <class Watch>
  [[gnu::noinline, gnu::cold]] void hand_over(const Watch& watch) noexcept {
    flush(watch);
    if constexpr (polls_submissions) {
      while (!submissions_.all_taken()) {
        if ((submissions_.flags() & IORING_SQ_NEED_WAKEUP) != 0) (void)enter(0, 0, IORING_ENTER_SQ_WAKEUP, nullptr, 0);
        Os::yield_processor();
      }
    }
  }

  [[nodiscard]] auto must_enter() const noexcept -> bool {
    if constexpr (blind) return true;
    return (submissions_.flags() & (IORING_SQ_CQ_OVERFLOW | detail::uring::taskrun_bit)) != 0;
  }

  /// The next free entry, with what it held before; null only when the kernel keeps refusing to take any.
  template <class Watch>
  [[gnu::always_inline]] auto acquire(const Watch& watch) noexcept -> entry* {
    if (submissions_.is_stopped()) [[unlikely]]
      return acquire_slowly(Watch{watch});
    return submissions_.take_next();
  }

  template <class Watch>
  [[gnu::noinline]] auto acquire_slowly(Watch watch) noexcept -> entry* {
    return make_room(watch) ? submissions_.take_next() : nullptr;
  }

  /// Makes the queued entries visible; how many the kernel has to be told of.
  template <class Watch>
  [[gnu::always_inline]] auto publish([[maybe_unused]] const Watch& watch) noexcept -> std::uint32_t {
    if constexpr (polls_submissions) {
      // The kernel's thread takes them without being told.
      if (const unsigned fresh = submissions_.publish_to_thread(); fresh != 0) watch.hook(event::submitted{fresh});
      return submissions_.to_wake_for();
    } else {
      return submissions_.publish();
    }
  }

  /// What came of entering the kernel with so many entries. False if it was not just that it took them.
  template <class Watch>
  [[gnu::always_inline]] auto account(std::uint32_t submit, int outcome, bool waited, interval limit, const Watch& watch) noexcept -> bool {
    if (static_cast<std::uint32_t>(outcome) != submit) [[unlikely]] {
      account_for_less(outcome, waited, limit, Watch{watch});
      return false;
    }
    if constexpr (!polls_submissions) {
      submissions_.given(submit);
      if (submit != 0) watch.hook(event::submitted{submit});
    }
    return true;
  }

  template <class Watch>
  [[gnu::noinline, gnu::cold]] void account_for_less(int outcome, bool waited, interval limit, Watch watch) noexcept {
    submissions_.given_in_part();
    if (outcome >= 0) {
      if (outcome > 0 && !polls_submissions) watch.hook(event::submitted{static_cast<std::uint32_t>(outcome)});
      return;
    }
    switch (-outcome) {
      case EAGAIN:
      case EBUSY:
        // Every other time, so that whoever refuses every other call does not always meet the one that submits.
        if (waited && std::exchange(refused_, !refused_)) let_finish(limit);
        return;
      case EINTR:
      case ETIME: return;
      default: fatal_ = outcome;
    }
  }

  /// Submits what is queued, without waiting. Completions go to the backlog, so that a small completion queue does not overflow.
  template <class Watch>
  [[gnu::noinline, gnu::cold]] void flush(Watch watch) noexcept {
    const std::uint32_t submit = publish(watch);
    unsigned flags = flags_for(submit);
    if constexpr (polls_submissions) flags |= IORING_ENTER_SQ_WAIT;
    const int outcome = enter(submit, 0, flags, nullptr, 0);
    if (outcome > 0 && !polls_submissions) watch.hook(event::submitted{static_cast<std::uint32_t>(outcome)});
    submissions_.given_in_part();
    if (completions_.is_busy())
      unusual_ |= was_flushed;
    else
      reap_for_later();
    if (outcome == -EAGAIN || outcome == -EBUSY) {
      let_finish(interval::max());
      if (!completions_.is_busy()) reap_for_later();
    }
  }

  /// The kernel has no memory for requests: waits for one that it holds to finish, for a short while.
  [[gnu::noinline, gnu::cold]] void let_finish(interval limit) noexcept {
    constexpr auto most = interval::nanoseconds(1'000'000);
    (void)enter_and_wait_long(0, limit < most ? limit : most);
  }

  /// The part of a poll before the kernel is entered that is rarely needed. How many completions were handed out.
  template <class Sink, class Watch>
  [[gnu::noinline, gnu::cold]] auto before_poll(Sink sink, Watch watch) noexcept -> std::uint32_t {
    std::uint32_t count = 0;
    if ((unusual_ & has_unasked) != 0) ask_again(watch);
    if ((unusual_ & is_not_registered) != 0 && ++polls_ == registers_after) register_descriptor();
    if ((unusual_ & has_backlog) != 0) {
      unusual_ &= ~has_backlog;
      // What the sink's own operations add waits for the next poll, else one that starts others for ever would never come back.
      aio::record* first = std::exchange(backlog_, nullptr);
      backlog_last_ = nullptr;
      while (first != nullptr) {
        aio::record& record = *first;
        first = record.next;
        ++count;
        sink(record);
      }
    }
    if (waker_.has_chores())
      waker_.before_poll([&]() noexcept { return acquire(watch); });
    else
      unusual_ &= ~has_chores;
    return count;
  }

  /// The part after it: what a flush from inside the sink brought, what the kernel kept because the completion queue was full, and whether
  /// somebody has called.
  template <class Sink, class Watch>
  [[gnu::noinline, gnu::cold]] void after_poll(poll_report& report, Sink sink, Watch watch) noexcept {
    if ((unusual_ & was_flushed) != 0) {
      unusual_ &= ~was_flushed;
      report.completions += reap(sink);
    }
    while ((submissions_.flags() & IORING_SQ_CQ_OVERFLOW) != 0) {
      watch.hook(event::completion_overflow{});
      if (const int outcome = enter(0, 0, IORING_ENTER_GETEVENTS, nullptr, 0); outcome < 0 && outcome != -EINTR) break;
      const auto more = reap(sink);
      if (more == 0) break;
      report.completions += more;
    }
    if (waker_.has_news()) {
      report.woken = waker_.take();
      if (waker_.unarmed()) {
        waker_.arm([&]() noexcept { return acquire(watch); });
        flush(watch);
      }
    }
  }

  /// The next poll asks it to end.
  void ask_later(aio::record& record) noexcept {
    detail::uring::put_off(unasked_, record);
    unusual_ |= has_unasked;
  }

  /// Asks the operations before this one on its handle to end.
  [[gnu::cold]] static auto cancel_handle(const void* record, void* self) noexcept -> int {
    for (aio::record* one = static_cast<const aio::record*>(record)->older; one != nullptr; one = one->older)
      if ((one->kind & (aio::record_kind::waiting | aio::record_kind::unasked)) == 0 && !one->info->is_close)
        static_cast<io_uring*>(self)->ask_later(*one);
    return 0;
  }

  void set_cancel(entry& e, aio::record& record) noexcept {
    detail::uring::set_entry(e, IORING_OP_ASYNC_CANCEL, -1, &record, 0, 0);
    e.flags = IOSQE_CQE_SKIP_SUCCESS;
    e.user_data = identity(ignored_);
  }

  template <class Watch>
  void ask_again(const Watch& watch) noexcept {
    while (unasked_ != nullptr) {
      entry* const e = acquire(watch);
      if (e == nullptr) return;
      // A flush may have brought the last of them; then this asks for what is not there.
      aio::record& record = unasked_ != nullptr ? *unasked_ : ignored_;
      if (unasked_ != nullptr) detail::uring::take_back(unasked_, record);
      set_cancel(*e, record);
    }
    unusual_ &= ~has_unasked;
  }

  void reap_for_later() noexcept {
    reap([this](aio::record& record) noexcept {
      record.next = nullptr;
      if (backlog_last_ == nullptr)
        backlog_ = &record;
      else
        backlog_last_->next = &record;
      backlog_last_ = &record;
      unusual_ |= has_backlog;
    });
  }

  [[gnu::always_inline]] auto enter(unsigned submit, unsigned wait, unsigned flags, void* argument, std::size_t bytes) noexcept -> int {
    return Os::uring_enter(enter_descriptor_, submit, wait, flags | enter_flags_, argument, bytes);
  }

  [[nodiscard]] static auto flags_for(std::uint32_t submit) noexcept -> unsigned {
    return polls_submissions && submit != 0 ? IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP : IORING_ENTER_GETEVENTS;
  }

  /// Not before some polls were made: a short program would pay more than it gains.
  [[gnu::noinline, gnu::cold]] void register_descriptor() noexcept {
    unusual_ &= ~is_not_registered;
    const int registered = detail::uring::register_descriptor<Os>(descriptor());
    if (registered < 0) return;
    enter_descriptor_ = static_cast<unsigned>(registered);
    enter_flags_ |= IORING_ENTER_REGISTERED_RING;
  }

  [[gnu::always_inline]] auto enter_and_wait(std::uint32_t submit, interval limit) noexcept -> int {
    if (O.wait.completions == 1 && limit == interval::max()) [[likely]]
      return enter(submit, 1, flags_for(submit), nullptr, 0);
    return enter_and_wait_long(submit, limit);
  }

  [[gnu::noinline]] auto enter_and_wait_long(std::uint32_t submit, interval limit) noexcept -> int {
    detail::uring::timed_wait wait{limit};
    std::uint32_t count = 1;
    if constexpr (O.wait.completions > 1) {
      if ((ring_.features & detail::uring::feature_min_timeout) != 0) {
        count = O.wait.completions;
        wait.argument.gather_microseconds = static_cast<std::uint32_t>((O.wait.gather.count + 999) / 1000);
      }
    }
    return enter(submit, count, flags_for(submit) | IORING_ENTER_EXT_ARG, &wait.argument, sizeof(wait.argument));
  }

  template <class Sink>
  [[gnu::noinline]] auto reap(Sink sink) noexcept -> std::uint32_t {
    std::uint32_t count = 0;
    completions_.take_all([&](const ::io_uring_cqe& completion) noexcept {
      auto& record = detail::uring::record_of(completion);
      if ((record.kind & aio::record_kind::internal) != 0) {
        if (record.is(waker_.call())) {
          waker_.arrived();
          unusual_ |= has_chores;
        }
        return;
      }
      if ((record.kind & aio::record_kind::unasked) != 0) detail::uring::take_back(unasked_, record);
      detail::uring::copy_outcome(record, completion);
      record.res = put_right(record.res);
      ++count;
      sink(record);
    });
    return count;
  }

  /// Whether the running kernel has an opcode.
  [[nodiscard]] auto knows(std::uint8_t code) noexcept -> bool { return opcodes_.has(descriptor(), code); }

  /// Whether an operation is a plain call here.
  template <class Op>
  [[nodiscard]] auto is_plain([[maybe_unused]] const Op& op) noexcept -> bool {
    return detail::uring::always_plain<Op> || (!detail::uring::has_older_entry<Op> && !knows(detail::uring::opcode_of<Op>)) ||
           !detail::uring::fits_entry(op);
  }

  detail::uring::submission_queue<entry_shift, polls_submissions> submissions_;
  detail::uring::completion_queue<completion_shift> completions_;
  unsigned unusual_ = is_not_registered | has_chores;
  unsigned enter_descriptor_;
  unsigned enter_flags_ = 0;
  unsigned polls_ = 0;
  int fatal_ = 0;         // minus the error that ended the ring
  bool refused_ = false;  // the last submission, for want of memory, without a pause since
  aio::record* backlog_ = nullptr;
  aio::record* backlog_last_ = nullptr;
  aio::record* unasked_ = nullptr;
  detail::uring::waker<Os> waker_;
  aio::record ignored_;  // whose completions mean nothing
  ::io_uring ring_;
  detail::uring::newer_opcodes<Os> opcodes_;
  [[no_unique_address]] detail::uring::attempts<O.inline_try, Os> attempts_;
  sluice::os::sigpipe_block<Os> sigpipe_;
  detail::uring::fork_sentinel<Os> sentinel_;
};

static_assert(backend_policy<io_uring<>>);

}  // namespace sluice::inline v0::backend

#endif
