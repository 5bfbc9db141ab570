// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations on systems that tell when a descriptor is ready, instead of taking operations. A policy.
///
/// How an operation travels:
/// * **Try first.** An operation alone in its call, with none of its direction before it on its descriptor, is made at once by a call that
///   is asked not to wait. Most end there: one system call, nothing written but the result.
/// * **Queue.** What is not alone, and the members of chains, go into one queue that the next poll runs through in order; that is the
///   submission.
/// * **Wait in line.** What would have blocked waits in a line of its descriptor, one for reading and one for writing. The descriptor is
///   armed when somebody first waits for a direction, and stays armed. When it is ready the first of the line is tried, then the next,
///   until one would wait again. An error or a hang-up is readiness of both directions: the call is made and gives its own error.
/// * **Not try.** A transfer on a stream socket that gave less than there was room for has emptied the socket. The next one waits without
///   a futile attempt; new data arm the descriptor again.
/// * **Threads** make the calls that may block on something else than a peer: files whose data are not in memory, opens, syncs, and calls
///   on descriptors that cannot be asked not to wait. O_NONBLOCK belongs to the open file description, which others may share, so it is
///   never changed on a descriptor that was given; a socket of `op::socket` has it set from the start.
/// * **Two descriptors.** What moves bytes between two waits in the line of the one that is not ready.
/// * **Watches.** Who polls waits for bits of its own, in nobody's line.
/// * **Times** of the steady clock lie in a heap; those of other clocks are shown to the system.
///
/// An operation in flight keeps a `request` beside itself; the record points to it. Requests are linked into the queue, a line, the
/// threads' work or the list of what is done, so nothing is allocated on the way. Poller and threads never call anything of the user's:
/// results are collected, then handed out.
///
/// A descriptor is known by its number alone. While an operation waits, its number must not be closed but through the ring; if it is, the
/// operation ends with an error once the number turns up again. A number that was closed elsewhere with nothing in flight, and reused, is
/// harmless: what waits for longer than `.recheck` has its registration renewed.

#include <sluice/backend/readiness/calls.hpp>
#include <sluice/backend/readiness/calls_file.hpp>
#include <sluice/backend/readiness/calls_net.hpp>
#include <sluice/backend/readiness/calls_process.hpp>
#include <sluice/backend/readiness/clocks.hpp>
#include <sluice/backend/readiness/lines.hpp>
#include <sluice/backend/readiness/options.hpp>
#include <sluice/backend/readiness/outcome.hpp>
#include <sluice/backend/readiness/pool.hpp>
#include <sluice/backend/readiness/request.hpp>
#include <sluice/backend/readiness/waker.hpp>
#include <sluice/backend/readiness/watches.hpp>
#include <sluice/concept/backend.hpp>
#include <sluice/concept/poller.hpp>
#include <sluice/concept/trace.hpp>
#include <sluice/os/event_tokens.hpp>
#include <sluice/os/fork_sentinel.hpp>
#include <sluice/os/linux.hpp>
#include <sluice/os/sigpipe.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

namespace sluice::inline v0::backend {

/// One loop over descriptors that `Poller` watches; see the top of this file.
/// \errors `open`: `errc::ring_descriptors`, or the system's own  \os Linux  \src epoll(7), poll(2)
template <class Poller, readiness_options O = {}, class Os = os::linux_>
class readiness {
  using request = detail::readiness::request;
  using request_list = detail::readiness::request_list;
  using row = detail::readiness::row;
  using step = detail::readiness::step;
  using next = detail::readiness::next;
  using stage = detail::readiness::stage;
  using served = detail::readiness::served;
  using file_kind = detail::readiness::file_kind;
  template <class Op>
  using calls = detail::readiness::calls<Op>;

 public:
  static constexpr auto kind = policy_kind::backend;           ///< what it decides
  static constexpr std::string_view name = Poller::name;       ///< for reports
  static constexpr readiness_options options = O;              ///< as given
  static constexpr bool valid = detail::check_readiness<O>();  ///< the rules hold; a broken one does not compile

  using os = Os;           ///< where system calls go
  using entry = request*;  ///< a prepared operation

  /// What is kept beside an operation in flight.
  template <class Op>
  using scratch = detail::readiness::scratch<Op>;

  /// Whether an operation can be started at all: one of the library's, or one with a `perform` of its own.
  template <class Op>
  static constexpr bool supports = calls<Op>::how != served::nowhere;

  /// What the system gave; nobody else may use it.
  struct opened {
    typename Poller::opened poller;          ///< the set of descriptors
    int event = -1;                          ///< what wakes it
    sluice::os::fork_sentinel<Os> sentinel;  ///< whose it is
  };

  /// Opens what a loop on this thread needs.
  [[gnu::noinline, gnu::cold]] static auto open(const ring_options&) noexcept -> result<opened> {
    opened made{};
    const auto refused = [](int error) noexcept -> result<opened> {
      return error == EMFILE || error == ENFILE ? failure(errc::ring_descriptors) : system_error(error);
    };
    if (!made.sentinel.remember()) return system_error(ENOMEM);
    made.event = Os::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (made.event < 0) return refused(-made.event);
    const auto set = Poller::template open<Os>();
    if (!set) {
      (void)Os::close(made.event);
      return refused(set.error().value());
    }
    made.poller = *set;
    return made;
  }

  /// Takes over what `open` gave.
  explicit readiness(const opened& parts) noexcept : lines_{parts.poller}, waker_{parts.event}, sentinel_{parts.sentinel}, pool_{*this} {}
  readiness(const readiness&) = delete;
  auto operator=(const readiness&) -> readiness& = delete;

  /// Ends the threads and closes what was opened. In a forked child only descriptors are closed.
  ~readiness() {
    const bool child = in_child();
    if (!child) pool_.end();
    clocks_.close();
    watches_.close();
    lines_.poller().close();
    (void)Os::close(waker_.descriptor());
    if (!child) sigpipe_.drop();
  }

  /// Whether this is a forked child of the process that made it.
  [[nodiscard]] auto in_child() const noexcept -> bool { return sentinel_.in_child(); }

  /// Starts an operation; see `backend_policy`.
  template <class Op, class Watch>
  [[gnu::always_inline]] auto start(aio::record& record, const Op& op, scratch<Op>& keep, bool alone, const Watch& watch) noexcept
      -> started {
    constexpr auto how = calls<Op>::how;
    if constexpr (how == served::reading || how == served::writing) {
      return start_directed(record, op, keep, alone, watch);
    } else if constexpr (how == served::at_once) {
      if (alone && (record.older == nullptr || queue_.empty())) {
        row nothing{};
        const step outcome = attempt<Op>(op, keep, nothing);
        watch.hook(event::op_inline{Op::name, outcome.raw});
        return done_with(record, outcome.raw);
      }
    } else if constexpr (std::is_same_v<Op, op::cancel>) {
      if (alone) return done_with(record, cancel_by_address(op.operation));
    } else if constexpr (std::is_same_v<Op, op::cancel_handle>) {
      return done_with(record, cancel_older(record));
    } else if constexpr (std::is_same_v<Op, op::poll_once> || std::is_same_v<Op, op::cancel_all>) {
      if (alone && queue_.empty()) {
        describe(record, op, keep, -1);
        const step outcome = serve(op, keep);
        return outcome.what == next::done ? done_with(record, outcome.raw) : started::pending;
      }
    }
    if (const int refused = prepare(record, op, keep); refused < 0) return done_with(record, refused);
    enqueue(keep);
    return started::pending;
  }

  /// Prepares an operation without starting it.
  template <class Op>
  auto prepare_entry(entry& e, aio::record& record, const Op& op, scratch<Op>& keep) noexcept -> int {
    e = &keep;
    return prepare(record, op, keep);
  }

  /// Starts what was prepared.
  template <class Watch>
  auto push(aio::record&, const entry& prepared, const Watch&) noexcept -> started {
    enqueue(*prepared);
    return started::pending;
  }

  /// Closes a handle by its number, on which nothing is in flight.
  template <class Watch>
  auto start_close(aio::record& record, const Watch&) noexcept -> started {
    if (record.handle >= 0) renew(record.handle);
    const int outcome = Os::close(record.handle);
    // The number is gone all the same.
    return done_with(record, outcome == -EINTR ? 0 : outcome);
  }

  /// Asks an operation to end; what comes of it is its own completion.
  template <class Watch>
  void cancel(aio::record& record, const Watch&) noexcept {
    (void)cancel_request(*static_cast<request*>(record.request));
  }

  /// Asks every operation to end.
  template <class Watch>
  void cancel_all(const Watch&) noexcept {
    while (!queue_.empty()) (void)cancel_request(*queue_.head);
    cancel_started();
  }

  /// Runs what is queued, may wait, and hands out completions; see `backend_policy`.
  template <class Sink, class Watch>
  [[gnu::always_inline]] auto poll(const poll_request& asked, Sink&& sink, const Watch& watch) noexcept -> result<poll_report> {
    if (!queue_.empty()) run_queue(watch);
    if (lines_.has_unproven() && (++polls_ & sweep_mask) == 0) [[unlikely]]
      prove(false);
    bool wait = asked.wait && done_.empty();
    if (lines_.has_doubts() && (wait || waker_.is_foreign())) wait = settle_doubts() && wait;
    if (wait || ((is_busy() || waker_.is_foreign()) && (done_.empty() || ++skipped_ >= most_skipped))) {
      skipped_ = 0;
      interval limit = wait ? asked.limit : interval{};
      if (!clocks_.empty() || pressing_) [[unlikely]]
        limit = sluice::detail::lesser_of(limit, own_limit());
      bool proves = false;
      if (wait && lines_.has_unproven() && O.recheck < limit) {
        limit = O.recheck;
        proves = true;
      }
      if (!waker_watched_) [[unlikely]] {
        if (const int refused = lines_.watch_own(waker_.descriptor()); refused < 0 && wait) return system_error(-refused);
        waker_watched_ = true;
      }
      if (wait) wait = waker_.about_to_sleep();
      const int count =
          lines_.poller().wait(wait ? limit : interval{}, [this](int number, std::uint32_t ready) noexcept { seen(number, ready); });
      if (wait || waker_.is_foreign()) waker_.awake();
      if (count < 0 && count != -EINTR) [[unlikely]]
        return system_error(-count);
      if (count == 0 && wait && proves) prove(true);
      if (!wait && lines_.has_doubts()) look_at_doubtful();
    }
    poll_report report;
    if (waker_.has_news()) [[unlikely]] {
      if (waker_.take_finished()) pool_.collect([this](request& one) noexcept { returned(one); });
      report.woken = waker_.take();
    }
    if (!clocks_.empty()) clocks_.expire([this](detail::readiness::timed_request& one) noexcept { complete(one, one.raw); });
    report.completions = hand_out(sink);
    watch.hook(event::polled{report.completions, wait});
    return report;
  }

  /// Whether entering the system would do anything. Whether a descriptor is ready only the system knows, so it is asked now and then while
  /// somebody waits.
  [[nodiscard]] auto pending() const noexcept -> bool {
    if (!queue_.empty() || !done_.empty() || waker_.has_news()) return true;
    return is_busy() && (++looks_ & look_mask) == 0;
  }

  /// Adds a token to an event source, from any thread. Zero, or minus the error.
  static auto notify(event_source_state& source) noexcept -> int { return sluice::os::notify<Os>(source); }

  /// Ends a poll that sleeps, from any thread.
  void wake() noexcept { waker_.wake(); }

  /// A descriptor that polls readable when there is something to do. \errors `errc::no_handle` from a poller that has none
  [[nodiscard]] auto native_handle() noexcept -> result<int> {
    const auto handle = lines_.poller().handle();
    if (!handle) return handle;
    if (!waker_watched_) {
      if (const int refused = lines_.watch_own(waker_.descriptor()); refused < 0) return system_error(-refused);
      waker_watched_ = true;
    }
    waker_.be_foreign();
    return handle;
  }

  /// What its threads do.
  [[nodiscard]] auto pool() noexcept -> pool_report { return pool_.report(); }

  /// Whether a handle is a stream socket, on which two sends in flight may change places.
  [[nodiscard]] static auto is_stream(int handle) noexcept -> bool { return detail::readiness::socket_type_of<Os>(handle) == SOCK_STREAM; }

  /// How an operation is served.
  template <class Op>
  [[nodiscard]] static constexpr auto service_of() noexcept -> service {
    return detail::readiness::service_for(calls<Op>::how);
  }

  /// The value of a raw result.
  template <class Op>
  static auto value(const Op& op, const scratch<Op>& keep, std::int32_t raw) noexcept {
    return detail::readiness::value_of<Os>(op, keep, raw);
  }

  /// A raw result is as the library counts it already.
  template <class Op>
  static auto normal(std::int32_t raw) noexcept -> std::int32_t {
    return raw;
  }

  /// \cond
  // For the threads: one call, whose raw result goes into the record.
  static void call(request& one) noexcept {
    one.record->res = one.made->block != nullptr ? static_cast<std::int32_t>(one.made->block(one)) : -EPERM;
  }
  void finished() noexcept { waker_.finish(); }
  /// \endcond

 private:
  static constexpr std::uint32_t most_skipped = 16;
  static constexpr std::uint8_t most_hopes = 15;
  static constexpr std::uint32_t look_mask = 7;
  static constexpr std::uint32_t sweep_mask = 63;
  static constexpr interval press_again = interval::nanoseconds(1'000'000);

  static auto done_with(aio::record& record, std::int64_t raw) noexcept -> started {
    record.res = static_cast<std::int32_t>(raw);
    return started::done;
  }

  [[nodiscard]] auto is_busy() const noexcept -> bool { return lines_.any() || pool_.in_use() || !clocks_.empty() || !watches_.empty(); }

  /// An attempt that does not block.
  template <class Op>
  [[gnu::always_inline]] auto attempt(const Op& op, scratch<Op>& keep, row& of) noexcept -> step {
    const step outcome = calls<Op>::template attempt<Os>(op, keep, of);
    if constexpr (detail::readiness::makes_descriptor<Op>)
      if (outcome.what == next::done && outcome.raw >= 0) renew(outcome.raw);
    if constexpr (std::is_same_v<Op, op::pipe>)
      if (outcome.raw >= 0)
        for (const int end : keep.ends) renew(end);
    return outcome;
  }

  auto attempt(request& one, row& of) noexcept -> step { return one.made->attempt(this, one, of); }

  template <class Op>
  static auto attempt_one(void* self, request& one, [[maybe_unused]] row& of) noexcept -> step {
    [[maybe_unused]] auto& here = *static_cast<readiness*>(self);
    [[maybe_unused]] const auto& op = *static_cast<const Op*>(one.description);
    [[maybe_unused]] auto& keep = static_cast<scratch<Op>&>(one);
    if constexpr (calls<Op>::how == served::threaded)
      return detail::readiness::needs_thread;
    else if constexpr (calls<Op>::how == served::itself)
      return here.serve(op, keep);
    else
      return here.template attempt<Op>(op, keep, of);
  }

  template <class Op>
  static consteval auto ways_of() noexcept -> detail::readiness::ways {
    detail::readiness::ways made{.attempt = &readiness::attempt_one<Op>,
                                 .block = nullptr,
                                 .makes_descriptor = detail::readiness::makes_descriptor<Op>,
                                 .streams = std::is_same_v<Op, op::recv> || std::is_same_v<Op, op::send>,
                                 .connects = std::is_same_v<Op, op::connect>};
    if constexpr (requires(const Op& op, scratch<Op>& keep) { calls<Op>::template block<Os>(op, keep); })
      made.block = [](request& one) noexcept -> std::int64_t {
        return calls<Op>::template block<Os>(*static_cast<const Op*>(one.description), static_cast<scratch<Op>&>(one));
      };
    return made;
  }
  template <class Op>
  static constexpr detail::readiness::ways ways = ways_of<Op>();

  /// What the backend does itself.
  template <class Op>
  auto serve(const Op&, request&) noexcept -> step {
    return detail::readiness::over(std::is_same_v<Op, op::nop> ? 0 : -EINVAL);
  }
  auto serve(const op::timeout& op, detail::readiness::timed_request& keep) noexcept -> step { return arm(op, keep); }
  auto serve(const op::link_timeout& op, detail::readiness::timed_request& keep) noexcept -> step { return arm(op, keep); }
  auto serve(const op::cancel& op, request&) noexcept -> step { return detail::readiness::over(cancel_by_address(op.operation)); }
  auto serve(const op::cancel_handle&, request& keep) noexcept -> step { return detail::readiness::over(cancel_older(*keep.record)); }
  auto serve(const op::cancel_all&, request&) noexcept -> step {
    cancel_started();
    return detail::readiness::over(0);
  }
  auto serve(const op::poll_once& op, detail::readiness::watch_request& keep) noexcept -> step {
    keep.descriptor = op.handle.native();
    keep.events = static_cast<std::uint32_t>(op.events);
    if (const int now = detail::readiness::look_now<Os>(keep); now != 0) return detail::readiness::over(now);
    constexpr auto told = [](void* self, request& one, std::int32_t raw) noexcept { static_cast<readiness*>(self)->complete(one, raw); };
    const int refused = watches_.add(keep, this, told, [this](int set) noexcept { return lines_.watch_own(set); });
    return refused < 0 ? detail::readiness::over(refused) : detail::readiness::is_kept;
  }
  template <class Op>
  auto arm(const Op& op, detail::readiness::timed_request& keep) noexcept -> step {
    keep.raw = std::is_same_v<Op, op::timeout> ? 0 : aio::raw(errc::timed_out);
    const int refused = clocks_.arm(keep, op.after, op.at, op.clock);
    return refused < 0 ? detail::readiness::over(refused) : detail::readiness::is_kept;
  }

  template <class Op, class Watch>
  [[gnu::always_inline]] auto start_directed(aio::record& record, const Op& op, scratch<Op>& keep, bool alone, const Watch& watch) noexcept
      -> started {
    constexpr std::uint8_t way = detail::readiness::direction_of<Op>;
    if constexpr (std::is_same_v<Op, op::wait_event>) {
      if (sluice::os::take_token(*op.source.state())) return done_with(record, sizeof(std::uint64_t));
      if (const int outcome = sluice::os::ensure_descriptor<Os>(*op.source.state()); outcome < 0) return done_with(record, outcome);
    }
    const int number = detail::readiness::descriptor_of(op);
    if (number < 0) [[unlikely]]
      return done_with(record, -EBADF);
    row* const of = lines_.find(number);
    if (of == nullptr) [[unlikely]]
      return done_with(record, -ENOMEM);
    if constexpr (detail::readiness::raises_sigpipe<Op>) sigpipe_.take();
    if (!alone || of->pending[detail::readiness::index_of(way)] != 0) {
      describe(record, op, keep, number);
      enqueue(keep);
      return started::pending;
    }
    keep.progress = 0;
    if constexpr (detail::readiness::has_two<Op>) keep.direction = way;
    step outcome = detail::readiness::must_wait;
    bool doubtful = false;
    if ((of->dry & way) == 0 || detail::readiness::must_try(op)) {
      doubtful = of->hopes != 0 && !detail::readiness::must_try(op) && way == readiness_bits::in;
      if (doubtful) {
        --of->hopes;
      } else {
        outcome = attempt<Op>(op, keep, *of);
        if (outcome.what == next::done) {
          watch.hook(event::op_inline{Op::name, outcome.raw});
          return done_with(record, outcome.raw);
        }
        if (way == readiness_bits::in && of->is_stream) of->hopes = most_hopes;
      }
    }
    const auto progress = keep.progress;
    describe(record, op, keep, number);
    keep.progress = progress;
    ++of->pending[detail::readiness::index_of(way)];
    const started begun = go_on(keep, *of, outcome.what);
    if (Poller::edge && doubtful && keep.where == stage::waiting) lines_.doubt(number, *of);
    if (begun == started::pending) watch.hook(event::submitted{1});
    return begun;
  }

  /// Fills the request beside an operation.
  template <class Op>
  [[gnu::always_inline]] void describe(aio::record& record, const Op& op, scratch<Op>& keep, int number) noexcept {
    keep.record = &record;
    keep.description = &op;
    keep.progress = 0;
    keep.descriptor = number;
    keep.made = &ways<Op>;
    keep.direction = detail::readiness::direction_of<Op>;
    keep.alone = false;
    keep.unwanted = false;
    record.request = static_cast<request*>(&keep);
  }

  /// The same, with what else an operation needs before it can be queued. Zero, or minus the error.
  template <class Op>
  auto prepare(aio::record& record, const Op& op, scratch<Op>& keep) noexcept -> int {
    if constexpr (std::is_same_v<Op, op::wait_event>) {
      if (const int outcome = sluice::os::ensure_descriptor<Os>(*op.source.state()); outcome < 0) return outcome;
    }
    if constexpr (detail::readiness::raises_sigpipe<Op>) sigpipe_.take();
    int number = -1;
    if constexpr (detail::readiness::direction_of<Op> != 0) {
      number = detail::readiness::descriptor_of(op);
      if (number >= 0 && lines_.find(number) == nullptr) return -ENOMEM;
    }
    describe(record, op, keep, number);
    return 0;
  }

  void enqueue(request& one) noexcept {
    one.where = stage::queued;
    if (one.direction != 0 && one.descriptor >= 0) ++lines_[one.descriptor].pending[detail::readiness::index_of(one.direction)];
    queue_.push_back(one);
  }

  template <class Watch>
  [[gnu::noinline]] void run_queue(const Watch& watch) noexcept {
    std::uint32_t count = 0;
    while (request* const one = queue_.pop_front()) {
      ++count;
      run(*one);
    }
    watch.hook(event::submitted{count});
  }

  /// Starts what was queued.
  void run(request& one) noexcept {
    if (one.direction == 0) {
      row nothing{};
      const step outcome = attempt(one, nothing);
      if (outcome.what == next::done)
        complete(one, outcome.raw);
      else if (outcome.what != next::kept && to_thread(one) == started::done)
        complete(one, one.record->res);
      return;
    }
    if (one.descriptor < 0) return complete(one, -EBADF);
    row& of = lines_[one.descriptor];
    const auto index = detail::readiness::index_of(one.direction);
    step outcome = detail::readiness::must_wait;
    if (of.waiting[index].empty() && (of.held & one.direction) == 0) outcome = attempt(one, of);
    if (outcome.what == next::done)
      complete(one, outcome.raw);
    else if (go_on(one, of, outcome.what) == started::done)
      completed(one);
  }

  /// An attempt has not ended a directed operation: it waits, or goes to a thread. `done`: neither can be, and the record says why; it
  /// does not count as pending on its descriptor any more.
  auto go_on(request& one, row& first, next what) noexcept -> started {
    row* at = &first;
    if (what == next::other) [[unlikely]] {
      at = turn(one, first);
      if (at == nullptr) return done_with(*one.record, -ENOMEM);
      what = next::wait;
    }
    row& of = *at;
    if (what == next::wait) {
      const int refused = lines_.join(one, of);
      if (refused == 0) return started::pending;
      // What has no readiness never waits for a peer.
      if (refused != -EPERM) {
        --of.pending[detail::readiness::index_of(one.direction)];
        return done_with(*one.record, refused);
      }
    }
    one.alone = what == next::pool_alone;
    const auto outcome = to_thread(one);
    if (outcome == started::done) {
      --of.pending[detail::readiness::index_of(one.direction)];
    } else if (one.alone) {
      lines_.hold(one.descriptor, of, one.direction);
    }
    return outcome;
  }

  /// One of two descriptors that waits for the other from now on. Its row, null where there is no memory for it: then it does not count as
  /// pending any more.
  [[gnu::noinline]] auto turn(request& one, row& of) noexcept -> row* {
    --of.pending[detail::readiness::index_of(one.direction)];
    row* const there = lines_.find(one.other);
    one.descriptor = one.other;
    one.direction ^= readiness_bits::both;
    if (there != nullptr) ++there->pending[detail::readiness::index_of(one.direction)];
    return there;
  }

  /// `done`: there is no thread, and the record says so.
  [[gnu::noinline]] auto to_thread(request& one) noexcept -> started {
    const int refused = pool_.submit(one);
    return refused < 0 ? done_with(*one.record, refused) : started::pending;
  }

  /// A descriptor is ready.
  [[gnu::always_inline]] void seen(int number, std::uint32_t ready) noexcept {
    row& of = lines_[number];
    if (of.kind == file_kind::own) [[unlikely]]
      return own_seen(number);
    of.dry = static_cast<std::uint8_t>(of.dry & ~ready);
    if ((ready & readiness_bits::in) != 0) lines_.reported(of);
    if ((ready & readiness_bits::in) != 0 && !of.waiting[0].empty()) run_line(of, readiness_bits::in);
    if ((ready & readiness_bits::out) != 0 && !of.waiting[1].empty()) run_line(of, readiness_bits::out);
  }

  /// Before a sleep: takes the reports that are there, and without any looks at what waits although it was not tried. Whether to sleep.
  [[gnu::noinline]] auto settle_doubts() noexcept -> bool {
    if (lines_.poller().wait(interval{}, [this](int number, std::uint32_t ready) noexcept { seen(number, ready); }) <= 0)
      look_at_doubtful();
    return done_.empty();
  }
  [[gnu::noinline]] void look_at_doubtful() noexcept {
    lines_.settle([this](row& of) noexcept { run_line(of, readiness_bits::in); });
  }

  [[gnu::noinline, gnu::cold]] void own_seen(int number) noexcept {
    if (number == waker_.descriptor())
      waker_.arrived();
    else if (number == watches_.descriptor())
      watches_.arrived();
    else
      clocks_.arrived(number);
  }

  /// Tries those of a line until one would wait.
  void run_line(row& of, std::uint8_t way) noexcept {
    auto& line = of.waiting[detail::readiness::index_of(way)];
    while ((of.held & way) == 0 && !line.empty()) {
      request& one = *line.head;
      const step outcome = attempt(one, of);
      if (outcome.what == next::wait) return;
      lines_.leave(one, of);
      if (outcome.what == next::done)
        complete(one, outcome.raw);
      else if (go_on(one, of, outcome.what) == started::done)
        completed(one);
    }
  }

  /// It has its result.
  void complete(request& one, std::int64_t raw) noexcept {
    one.record->res = static_cast<std::int32_t>(raw);
    if (one.direction != 0 && one.descriptor >= 0) --lines_[one.descriptor].pending[detail::readiness::index_of(one.direction)];
    completed(one);
  }
  void completed(request& one) noexcept {
    one.where = stage::over;
    done_.push_back(one);
  }

  template <class Sink>
  [[gnu::always_inline]] auto hand_out(Sink& sink) noexcept -> std::uint32_t {
    std::uint32_t count = 0;
    // What the sink ends by a cancel waits for the next poll, and so does what it starts.
    const request* const last = done_.tail;
    if (done_.empty()) return 0;
    for (;;) {
      request& one = *done_.pop_front();
      ++count;
      const bool was_last = &one == last;
      sink(*one.record);
      if (was_last) return count;
    }
  }

  /// A thread has made a call.
  [[gnu::noinline]] void returned(request& one) noexcept {
    const std::int32_t raw = one.record->res;
    const bool held = one.alone;
    const int number = one.descriptor;
    const auto way = one.direction;
    if (held) lines_.release(number, lines_[number], way);
    if (raw == -EAGAIN && way != 0 && !one.unwanted) {
      // Somebody else was quicker on a description that has become non-blocking.
      --lines_[number].pending[detail::readiness::index_of(way)];
      one.alone = false;
      enqueue(one);
    } else {
      if (raw >= 0 && one.made->makes_descriptor) renew(raw);
      complete(one, one.unwanted && raw < 0 && one.made->connects ? -ECANCELED : raw);
    }
    if (held) run_line(lines_[number], way);
  }

  // Ending operations; see readiness/cancel.hpp.
  void taken_back(request& one) noexcept;
  [[nodiscard]] static auto what_it_achieved(const request& one) noexcept -> std::int64_t;
  auto cancel_request(request& one) noexcept -> std::int32_t;
  auto cancel_older(const aio::record& record) noexcept -> std::int32_t;
  void cancel_started() noexcept;
  void press() noexcept;
  auto cancel_by_address(const aio::record* record) noexcept -> std::int32_t;

  [[gnu::noinline]] auto own_limit() noexcept -> interval {
    interval limit = interval::max();
    if (pressing_) press();
    if (pressing_) limit = press_again;
    return sluice::detail::lesser_of(
        limit, clocks_.limit(waker_.is_foreign(), [this](int descriptor) noexcept { return lines_.watch_own(descriptor) == 0; }));
  }

  /// A number means a new file, or is about to be closed.
  void renew(std::int32_t number) noexcept {
    lines_.renew(number, [this](request& one) noexcept { complete(one, -EBADF); });
  }

  void prove(bool all) noexcept {
    lines_.prove(all, [this](row& of, int refused) noexcept {
      // The call itself says what is wrong; what would wait all the same could not be told that it is ready.
      for (auto& line : of.waiting) {
        while (!line.empty()) {
          request& one = *line.head;
          const step outcome = attempt(one, of);
          lines_.leave(one, of);
          complete(one, outcome.what == next::done ? outcome.raw : refused);
        }
      }
    });
  }

  detail::readiness::lines<Poller, Os, O.events> lines_;
  request_list queue_{};  // to be started
  request_list done_{};   // to be handed out
  std::uint32_t polls_ = 0;
  std::uint32_t skipped_ = 0;
  mutable std::uint32_t looks_ = 0;
  bool pressing_ = false;
  bool waker_watched_ = false;
  sluice::os::sigpipe_block<Os> sigpipe_;
  detail::readiness::clocks<Os> clocks_;
  detail::readiness::watches<Os> watches_;
  detail::readiness::waker<Os> waker_;
  sluice::os::fork_sentinel<Os> sentinel_;
  detail::readiness::pool<Os, O.pool, readiness> pool_;
};

}  // namespace sluice::inline v0::backend

#endif
