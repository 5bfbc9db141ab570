// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Entries go in, completions come out: the part of a ring that knows of no operation. Part of the policy backend::io_uring.

#include <sluice/backend/uring/asked_sends.hpp>
#include <sluice/backend/uring/entrance.hpp>
#include <sluice/backend/uring/options.hpp>
#include <sluice/backend/uring/outcome.hpp>
#include <sluice/backend/uring/positions.hpp>
#include <sluice/backend/uring/prepare.hpp>
#include <sluice/backend/uring/queues.hpp>
#include <sluice/backend/uring/setup.hpp>
#include <sluice/backend/uring/waker.hpp>
#include <sluice/concept/backend.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/concept/trace.hpp>
#include <sluice/event_source.hpp>
#include <sluice/interval.hpp>
#include <sluice/os/fork_watch.hpp>
#include <sluice/result.hpp>

#if defined(__linux__)

#include <liburing.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <utility>

namespace sluice::inline v0::detail::uring {

/// The queues that are shared with the kernel, what is seen to when one is full or refused, and how a sleep in the kernel ends.
/// `backend::io_uring` fills the entries. It neither sets the ring up nor takes it down.
template <io_uring_options O, class Os>
class loop {
 public:
  using entry = ::io_uring_sqe;  ///< a prepared operation

  /// Of a ring that was set up.
  loop(const ::io_uring& ring, const waker_parts& waker) noexcept
      : submissions_{ring.sq}, completions_{ring.cq}, entrance_{ring}, waker_{waker}, ring_{ring} {
    ignored_.kind = aio::record_kind::internal;
    ignored_.arrived = &heard;
    ignored_.owner = nullptr;
    asks_sends_.kind = aio::record_kind::internal;
    asks_sends_.arrived = &asked;
    asks_sends_.owner = this;
    waker_.call().kind = aio::record_kind::internal;
    waker_.call().arrived = &heard;
    waker_.call().owner = this;
  }
  loop(const loop&) = delete;
  auto operator=(const loop&) -> loop& = delete;

  /// Whether an operation can be queued with nothing to be seen to first.
  [[nodiscard, gnu::always_inline]] auto has_room() const noexcept -> bool { return !submissions_.is_stopped(); }

  /// Makes room for a whole chain, flushing first if need be: the kernel does not carry links across submissions. False if it never fits.
  template <class Watch>
  [[nodiscard]] auto reserve(std::uint32_t count, const Watch& watch) noexcept -> bool {
    check_owner();
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
    if (uses_position(prepared)) note_position(record_of(prepared));
  }

  /// Asks an operation to end; what comes of it is its own completion. Where there is no entry for that, the next poll asks.
  template <class Watch>
  void cancel(aio::record& record, const Watch& watch) noexcept {
    if ((record.kind & aio::record_kind::unasked) != 0) return;
    if (!ask(record, watch)) ask_later(record);
  }

  /// The next poll asks it to end.
  void ask_later(aio::record& record) noexcept {
    if ((record.engine & was_asked) != 0) forget_asked(record);
    put_off(unasked_, record);
    unusual_ |= has_unasked;
  }

  /// Asks every operation of the ring to end.
  template <class Watch>
  void cancel_all(const Watch& watch) noexcept {
    entry* const e = queue(watch, ignored_, IORING_OP_ASYNC_CANCEL, -1);
    if (e != nullptr) e->cancel_flags = IORING_ASYNC_CANCEL_ALL | IORING_ASYNC_CANCEL_ANY;
  }

  /// Submits, may wait, and hands out completions; see `backend_policy`.
  template <class Sink, class Watch>
  auto poll(const poll_request& request, Sink told, const Watch& watch) noexcept -> result<poll_report> {
    poll_report report;
    bool wait = request.wait;
    if (!request.entered) {
      if (unusual_ != 0) report.completions = before_poll(receiver{told}, watch);
      const std::uint32_t submit = publish(watch);
      if (wait) wait = report.completions == 0 && (unusual_ & (has_unasked | has_missed)) == 0 && !completions_.has_some();
      if (wait) wait = waker_.about_to_sleep();
      if (submit != 0 || wait || must_enter()) {
        const int outcome =
            wait ? entrance_.enter_and_wait(submit, request.limit) : entrance_.enter(submit, 0, entrance_.flags_for(submit), nullptr, 0);
        if (wait) waker_.awake();
        account(submit, outcome, request.wait, request.limit, watch);
      }
    }
    if (fatal_ < 0) return lost(std::exchange(fatal_, 0));
    report.completions += reap(told, watch);
    if (((submissions_.flags() & IORING_SQ_CQ_OVERFLOW) | unusual_) != 0 || waker_.was_called()) {
      for (std::uint32_t last = not_asked; has_more(last, watch); report.completions += last) last = reap(told, watch);
      if (waker_.has_news()) report.woken = take_news(watch);
    }
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
      const int outcome = entrance_.enter_and_wait(submit, interval::max());
      waker_.awake();
      if (!account(submit, outcome, true, interval::max(), watch)) [[unlikely]]
        return simple_poll::partly;
    } else if (submit != 0 || must_enter()) {
      if (!account(submit, entrance_.enter(submit, 0, entrance_.flags_for(submit), nullptr, 0), false, interval::max(), watch)) [[unlikely]]
        return simple_poll::partly;
    }
    const bool all = completions_.take_simple(
        [&](const ::io_uring_cqe& completion) noexcept {
          auto& record = record_of(completion);
          if (completion.res == -EAGAIN) [[unlikely]]
            return false;
          copy_outcome(record, completion);
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
    if (submissions_.has_queued() || (unusual_ & (has_backlog | was_flushed | has_unasked | has_missed | is_inherited)) != 0) return true;
    if (must_enter() || waker_.was_called()) return true;
    return !defers && completions_.has_some();
  }

  /// How long it may go without a poll while its handle is not readable.
  [[nodiscard, gnu::cold]] auto patience() const noexcept -> interval {
    const bool has_more = submissions_.has_queued() || (unusual_ & (has_backlog | was_flushed | has_unasked | has_missed)) != 0 ||
                          completions_.has_some() || (!blind && must_enter());
    return has_more ? interval{} : interval::max();
  }

  /// Ends a poll that sleeps, from any thread.
  void wake() noexcept { waker_.wake(); }
  /// Whether anybody may do that from now on.
  void expect_calls(bool any) noexcept { waker_.expect_calls(any); }

  /// An event descriptor that polls readable when there are completions; the ring's own does not wake for those that the kernel defers.
  [[nodiscard]] auto native_handle() noexcept -> result<int> {
    unusual_ |= has_chores;
    return waker_.completion_descriptor(ring_.ring_fd);
  }

  /// The ring itself, for registrations of the user's own. \lifetime while this object lives
  [[nodiscard]] auto native_ring() noexcept -> ::io_uring& { return ring_; }

  /// A raw result as the library counts it, as far as that does not depend on the operation.
  static auto put_right(std::int32_t raw) noexcept -> std::int32_t { return raw < 0 ? uring::put_right(raw) : raw; }

 protected:
  ~loop() = default;

  /// Takes the ring down.
  [[gnu::cold]] void take_down() noexcept {
    entrance_.leave(descriptor());
    Os::uring_queue_exit(&ring_);
  }

  /// What the kernel knows an operation by.
  static auto identity(const aio::record& record) noexcept -> std::uint64_t { return reinterpret_cast<std::uintptr_t>(&record); }

  /// Of the ring.
  [[nodiscard]] auto descriptor() const noexcept -> unsigned { return static_cast<unsigned>(ring_.ring_fd); }

  /// Whether entries are queued that the kernel was not told of.
  [[nodiscard]] auto has_queued() const noexcept -> bool { return submissions_.has_queued(); }
  /// From now on whoever fills entries may write behind their `user_data`.
  void expect_tails() noexcept { submissions_.expect_tails(); }

  /// The next free entry, with what it held before; null only when the kernel keeps refusing to take any.
  template <class Watch>
  [[gnu::always_inline]] auto acquire(const Watch& watch) noexcept -> entry* {
    if (submissions_.is_stopped()) [[unlikely]]
      return acquire_slowly(Watch{watch});
    return submissions_.take_next();
  }

  /// Queues a rare entry for a record, its other fields zero; null where `acquire` gives none.
  template <class Watch>
  [[gnu::noinline, gnu::cold]] auto queue(Watch watch, const aio::record& whose, std::uint8_t code, int fd) noexcept -> entry* {
    entry* const e = acquire(watch);
    if (e == nullptr) return nullptr;
    set_entry(*e, code, fd, nullptr, 0, 0);
    e->user_data = identity(whose);
    return e;
  }

  /// A wait for a token is about to be queued: where it reads, should it have to begin anew. Nobody reads the field before the end.
  static void note_descriptor(aio::record& record, event_source_ref source) noexcept {
    record.flags = static_cast<std::uint32_t>(event_source_state::descriptor_in(source.state()->word.load(std::memory_order_acquire)));
  }

  /// An operation at its file's position is queued. Completions are not taken in the simple way while there is one.
  [[gnu::noinline, gnu::cold]] void note_position(aio::record& record) noexcept {
    if (positions_.note(record)) unusual_ |= has_positions;
  }

  /// Nothing may overtake what is queued on the same handle.
  template <class Watch>
  void let_start_before(const aio::record& record, const Watch& watch) noexcept {
    if (record.older == nullptr) return;
    check_owner();
    if (!submissions_.all_taken()) hand_over(watch);
  }

  /// Gives the kernel what is queued and comes back when it has started it.
  template <class Watch>
  [[gnu::noinline, gnu::cold]] void hand_over(const Watch& watch) noexcept {
    flush(watch);
    if constexpr (polls_submissions) {
      while (!submissions_.all_taken()) {
        if ((submissions_.flags() & IORING_SQ_NEED_WAKEUP) != 0) (void)entrance_.enter(0, 0, IORING_ENTER_SQ_WAKEUP, nullptr, 0);
        Os::yield_processor();
      }
    }
  }

 private:
  static constexpr int flush_attempts = 64;
  static constexpr unsigned registers_after = 16;
  static constexpr std::uint32_t not_asked = ~std::uint32_t{0};
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
  static constexpr unsigned is_inherited = 32;      // all of it: this is a forked child, which has none of the ring's memory
  static constexpr unsigned has_positions = 64;     // operations at the position of their file
  static constexpr unsigned has_asked = 128;        // sends that were asked to end
  static constexpr unsigned has_missed = 256;       // one of them was not found

  [[nodiscard]] auto must_enter() const noexcept -> bool {
    if constexpr (blind) return true;
    return (submissions_.flags() & (IORING_SQ_CQ_OVERFLOW | taskrun_bit)) != 0;
  }

  template <class Watch>
  [[gnu::noinline, gnu::cold]] auto make_room_by_flushing(Watch watch) noexcept -> bool {
    check_owner();
    for (int attempt = 0;; ++attempt) {
      if (submissions_.look()) return true;
      if (attempt == flush_attempts) return false;
      if (attempt == 0) watch.hook(event::queue_full{});
      flush(watch);
    }
  }

  template <class Watch>
  [[gnu::noinline]] auto acquire_slowly(Watch watch) noexcept -> entry* {
    check_owner();
    return submissions_.look() || make_room_by_flushing(watch) ? submissions_.take_next() : nullptr;
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
    unsigned flags = entrance_.flags_for(submit);
    if constexpr (polls_submissions) flags |= IORING_ENTER_SQ_WAIT;
    const int outcome = entrance_.enter(submit, 0, flags, nullptr, 0);
    if (outcome > 0 && !polls_submissions) watch.hook(event::submitted{static_cast<std::uint32_t>(outcome)});
    submissions_.given_in_part();
    if (completions_.is_busy())
      unusual_ |= was_flushed;
    else
      reap_for_later(watch);
    if (outcome == -EAGAIN || outcome == -EBUSY) {
      let_finish(interval::max());
      if (!completions_.is_busy()) reap_for_later(watch);
    }
  }

  /// The kernel has no memory for requests: waits for one that it holds to finish, for a short while.
  [[gnu::noinline, gnu::cold]] void let_finish(interval limit) noexcept {
    constexpr auto most = interval::nanoseconds(1'000'000);
    (void)entrance_.enter_and_wait_long(0, limit < most ? limit : most);
  }

  /// The part of a poll before the kernel is entered that is rarely needed. How many completions were handed out.
  template <class Watch>
  [[gnu::noinline, gnu::cold]] auto before_poll(const receiver& sink, Watch watch) noexcept -> std::uint32_t {
    check_owner();
    std::uint32_t count = 0;
    if ((unusual_ & has_unasked) != 0) ask_again(watch);
    if ((unusual_ & has_missed) != 0) ask_sends_again(watch);
    if ((unusual_ & is_not_registered) != 0 && ++polls_ == registers_after) {
      // Not before: a short program would pay more than it gains.
      unusual_ &= ~is_not_registered;
      entrance_.shorten(descriptor());
    }
    if ((unusual_ & has_backlog) != 0) {
      unusual_ &= ~has_backlog;
      // What the sink's own operations add waits for the next poll, else one that starts others for ever would never come back.
      aio::record* first = backlog_.take();
      while (first != nullptr) {
        aio::record& record = *first;
        first = record.next;
        ++count;
        sink(record);
      }
    }
    if (waker_.has_chores())
      waker_.before_poll([&](const aio::record& whose, std::uint8_t code, int fd) noexcept { return queue(watch, whose, code, fd); });
    else
      unusual_ &= ~has_chores;
    return count;
  }

  /// The part after it: whether there is more to be handed out, for a flush from inside the sink brought it, or the kernel kept it because
  /// the completion queue was full. `last`: so many were handed out since this was asked, `not_asked` the first time: what a sink's own
  /// operations bring after that waits for the next poll, else one that starts others for ever would never come back.
  template <class Watch>
  [[gnu::noinline, gnu::cold]] auto has_more(std::uint32_t last, Watch watch) noexcept -> bool {
    if (last == not_asked && (unusual_ & was_flushed) != 0) {
      unusual_ &= ~was_flushed;
      return true;
    }
    if ((submissions_.flags() & IORING_SQ_CQ_OVERFLOW) == 0 || last == 0) return false;
    watch.hook(event::completion_overflow{});
    const int outcome = entrance_.enter(0, 0, IORING_ENTER_GETEVENTS, nullptr, 0);
    return outcome >= 0 || outcome == -EINTR;
  }

  /// Whether somebody has called.
  template <class Watch>
  [[gnu::noinline, gnu::cold]] auto take_news(Watch watch) noexcept -> bool {
    const bool woken = waker_.take();
    if (waker_.unarmed()) {
      waker_.arm([&](const aio::record& whose, std::uint8_t code, int fd) noexcept { return queue(watch, whose, code, fd); });
      flush(watch);
    }
    return woken;
  }

  // A send that somebody waits for, and that nothing but the kernel ends: not a member of a chain, which is not found until its turn comes,
  // and may have ended before anybody is told.
  [[nodiscard]] static auto may_be_missed(const aio::record& record) noexcept -> bool {
    return record.info->is_send && record.waiter != nullptr && (record.kind & aio::record_kind::member) == 0;
  }
  // False where there is no entry for it. A flush for the sake of one may bring the record's own completion, which is seen later.
  template <class Watch>
  auto ask(aio::record& record, const Watch& watch) noexcept -> bool {
    const bool missable = may_be_missed(record);
    entry* const e = queue(watch, missable ? asks_sends_ : ignored_, IORING_OP_ASYNC_CANCEL, -1);
    if (e == nullptr) return false;
    set_cancel(*e, record);
    if (missable && record.state == aio::record_state::in_flight && (record.engine & in_backlog) == 0) note_asked(record);
    return true;
  }
  // Completions are not taken in the simple way while there is one.
  void note_asked(aio::record& record) noexcept {
    asked_.add(record);
    unusual_ |= has_asked;
  }
  void forget_asked(aio::record& record) noexcept {
    asked_.drop(record);
    if (asked_.empty()) unusual_ &= ~has_asked;
  }
  static void set_cancel(entry& e, const aio::record& record) noexcept {
    e.addr = identity(record);
    e.flags = IOSQE_CQE_SKIP_SUCCESS;
  }

  // What came of asking a send, if it was not found or is with one of the kernel's threads.
  static auto asked(aio::internal_record& self, std::int32_t res, std::uint32_t) noexcept -> aio::record* {
    auto& me = *static_cast<loop*>(self.owner);
    if (res == -ENOENT && me.asked_.was_missed()) me.unusual_ |= has_missed;
    return nullptr;
  }
  template <class Watch>
  void ask_sends_again(const Watch& watch) noexcept {
    unusual_ &= ~has_missed;
    // A flush may bring the end of any of them, and change the list. Those for which there is no room without one are asked by the round
    // after this.
    asked_.each([&](aio::record& one) noexcept {
      if (submissions_.room() == 0) {
        unusual_ |= has_missed;
        return;
      }
      if (entry* const e = queue(watch, asks_sends_, IORING_OP_ASYNC_CANCEL, -1); e != nullptr) set_cancel(*e, one);
    });
  }

  template <class Watch>
  void ask_again(const Watch& watch) noexcept {
    while (unasked_ != nullptr) {
      entry* const e = queue(watch, ignored_, IORING_OP_ASYNC_CANCEL, -1);
      if (e == nullptr) return;
      // A flush may have brought the last of them; then this asks for what is not there.
      aio::record& record = unasked_ != nullptr ? *unasked_ : ignored_;
      set_cancel(*e, record);
      if (unasked_ == nullptr) continue;
      take_back(unasked_, record);
      if (!may_be_missed(record)) continue;
      e->user_data = identity(asks_sends_);
      note_asked(record);
    }
    unusual_ &= ~has_unasked;
  }

  // In a forked child: whatever is done next goes a way that is rare, where the child is refused.
  static void inherited(void* self) noexcept {
    auto& me = *static_cast<loop*>(self);
    me.submissions_.stop();
    me.unusual_ |= is_inherited;
  }
  void check_owner() const noexcept {
    if ((unusual_ & is_inherited) != 0) [[unlikely]]
      sluice::os::fork_watch::refuse();
  }

  // Of a record of its own: somebody has called, or it means nothing.
  static auto heard(aio::internal_record& self, std::int32_t, std::uint32_t) noexcept -> aio::record* {
    if (auto* const me = static_cast<loop*>(self.owner); me != nullptr) {
      me->waker_.arrived();
      me->unusual_ |= has_chores;
    }
    return nullptr;
  }

  template <class Watch>
  void reap_for_later(Watch watch) noexcept {
    const auto keep = [this](aio::record& record) noexcept {
      backlog_.push(record);
      unusual_ |= has_backlog;
    };
    (void)reap(keep, watch);
  }

  // A wait for a token that others have always taken first: the kernel tries so often, and then gives up. It begins anew, unless it was
  // asked to end. What it reads is always one and the same.
  template <class Watch>
  [[gnu::noinline, gnu::cold]] auto waits_again(aio::record& one, Watch watch) noexcept -> bool {
    const int descriptor = static_cast<int>(one.flags);
    one.flags = 0;
    one.res = -ECANCELED;
    if (one.cancelling) return false;
    entry* const e = queue(watch, one, IORING_OP_READ, descriptor);
    one.res = -ENOMEM;
    if (e == nullptr) return false;
    one.flags = static_cast<std::uint32_t>(descriptor);
    e->addr = reinterpret_cast<std::uintptr_t>(&token_);
    e->len = sizeof(token_);
    return true;
  }

  template <class Sink, class Watch>
  [[gnu::noinline]] auto reap(Sink sink, Watch watch) noexcept -> std::uint32_t {
    std::uint32_t count = 0;
    completions_.take_all([&](const ::io_uring_cqe& completion) noexcept {
      aio::record* one = &record_of(completion);
      if ((one->kind & aio::record_kind::unasked) != 0) take_back(unasked_, *one);
      if ((one->engine & (at_position | was_asked)) != 0) {
        if ((one->engine & was_asked) != 0) forget_asked(*one);
        if ((one->engine & at_position) != 0) unusual_ &= positions_.settle(*one, completion.res) ? ~0U : ~has_positions;
      }
      if ((one->kind & aio::record_kind::internal) == 0) {
        if (completion.res == -EAGAIN && one->info->takes_token) [[unlikely]] {
          if (waits_again(*one, watch)) return;
        } else {
          copy_outcome(*one, completion);
          one->res = put_right(one->res);
        }
      } else {
        auto& looks = static_cast<aio::internal_record&>(*one);
        one = looks.arrived(looks, completion.res, completion.flags);
        if (one == nullptr) return;
      }
      ++count;
      sink(*one);
    });
    return count;
  }

  submission_queue<entry_shift, polls_submissions> submissions_;
  completion_queue<completion_shift> completions_;
  unsigned unusual_ = is_not_registered | has_chores;
  entrance<O, Os> entrance_;
  unsigned polls_ = 0;
  int fatal_ = 0;         // minus the error that ended the ring
  bool refused_ = false;  // the last submission, for want of memory, without a pause since
  record_queue backlog_;
  aio::record* unasked_ = nullptr;
  positions<Os> positions_;
  waker<Os> waker_;
  asked_sends asked_;
  aio::internal_record asks_sends_;  // what asks those
  aio::internal_record ignored_;     // whose completions mean nothing
  std::uint64_t token_ = 0;          // what waits that begin anew read
  ::io_uring ring_;
  sluice::os::fork_watch fork_watch_{&inherited, this};
};

}  // namespace sluice::inline v0::detail::uring

#endif
