// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Requests go in, records come out: the part of a readiness backend that knows of no operation. Part of the policy backend::readiness.

#include <sluice/backend/readiness/clocks.hpp>
#include <sluice/backend/readiness/lines.hpp>
#include <sluice/backend/readiness/options.hpp>
#include <sluice/backend/readiness/request.hpp>
#include <sluice/backend/readiness/waker.hpp>
#include <sluice/backend/readiness/watches.hpp>
#include <sluice/concept/backend.hpp>
#include <sluice/concept/poller.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/concept/trace.hpp>
#include <sluice/detail/mpsc_queue.hpp>
#include <sluice/interval.hpp>
#include <sluice/os/fork_watch.hpp>
#include <sluice/os/job_pool.hpp>
#include <sluice/result.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstdint>
#include <string_view>
#include <utility>

namespace sluice::inline v0::detail::readiness {

/// The queue, the lines of the descriptors, the threads and the times, and how a poll goes through them. `backend::readiness` makes the
/// requests and says how each is tried.
template <class Poller, readiness_options O, class Os>
class loop {
 public:
  /// Over a set of descriptors, woken by an event descriptor.
  loop(const typename Poller::opened& poller, int event) noexcept : lines_{poller}, waker_{event}, pool_{*this} {}
  loop(const loop&) = delete;
  auto operator=(const loop&) -> loop& = delete;

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
    if (fatal_ < 0) [[unlikely]] {
      if (is_inherited_) sluice::os::fork_watch::refuse();
      return system_error(-std::exchange(fatal_, 0));
    }
    if (!queue_.empty()) run_queue(watch);
    if (lines_.has_unproven() && (++polls_ & sweep_mask) == 0) [[unlikely]]
      prove(false);
    bool wait = asked.wait && !asked.entered && done_.empty();
    if (lines_.has_doubts() && (wait || waker_.is_foreign())) wait = settle_doubts() && wait;
    if (wait || (!asked.entered && (is_busy() || waker_.is_foreign()) && (done_.empty() || ++skipped_ >= most_skipped))) {
      skipped_ = looks_ = 0;
      interval limit = wait ? asked.limit : interval{};
      if (!clocks_.empty() || pressing_) [[unlikely]]
        limit = sluice::detail::lesser_of(limit, own_limit());
      bool proves = false;
      if (const interval most = lines_.prove_after(O.recheck); wait && lines_.has_unproven() && most < limit) {
        limit = most;
        proves = true;
      }
      if (!watches_enough()) [[unlikely]] {
        // Without memory for that it looks by itself, again and again.
        waker_watched_ = lines_.watch_own(waker_.descriptor()) == 0;
        if (!waker_watched_) limit = sluice::detail::lesser_of(limit, press_again);
      }
      if (wait) wait = waker_.about_to_sleep(threads_in_use());
      const int count =
          lines_.poller().wait(wait ? limit : interval{}, [this](int number, std::uint32_t ready) noexcept { seen(number, ready); });
      if (wait || waker_.is_foreign()) waker_.awake();
      if (count < 0 && count != -EINTR) [[unlikely]]
        return system_error(-count);
      if (count == 0 && wait && proves) prove(true);
      if (count != 0) lines_.be_busy();
      if (!wait && lines_.has_doubts()) look_at_doubtful(count);
    }
    poll_report report;
    if (waker_.has_news()) [[unlikely]] {
      if (waker_.take_finished()) collect();
      report.woken = waker_.take();
    }
    if (!clocks_.empty()) clocks_.expire([this](timed_request& one) noexcept { complete(one, one.raw); });
    report.completions = hand_out(sink);
    is_usual_ = watches_enough() && !pressing_ && !waker_.is_foreign() && clocks_.empty();
    watch.hook(event::polled{report.completions, wait});
    return report;
  }

  /// The same in the simple way; see `backend_policy`.
  template <class Take, class Watch>
  auto poll_simply(bool sleeps, const unsigned& agenda, Take take, std::uint32_t& taken, const Watch& watch) noexcept -> simple_poll;

  /// Whether entering the system would do anything. Whether a descriptor is ready only the system knows, so it is asked now and then while
  /// somebody waits.
  [[nodiscard]] auto pending() const noexcept -> bool {
    if (!queue_.empty() || !done_.empty() || waker_.has_news()) return true;
    return is_busy() && ++looks_ >= most_looks;
  }

  /// How long it may go without a poll while its handle is not readable.
  [[nodiscard, gnu::cold]] auto patience() const noexcept -> interval {
    if (!queue_.empty() || !done_.empty() || lines_.has_doubts() || waker_.has_news()) return {};
    const interval left = clocks_.patience();
    return pressing_ ? sluice::detail::lesser_of(left, press_again) : left;
  }

  /// Ends a poll that sleeps, from any thread.
  void wake() noexcept { waker_.wake(); }
  /// Whether anybody may do that from now on.
  void expect_calls(bool any) noexcept {
    waker_.expect_calls(any);
    if (!watches_enough()) is_usual_ = false;
  }

  /// A descriptor that polls readable when there is something to do. \errors `errc::no_handle` from a poller that has none
  [[nodiscard]] auto native_handle() noexcept -> result<int> {
    const auto handle = lines_.poller().handle();
    if (!handle) return handle;
    if (!waker_watched_) {
      if (const int refused = lines_.watch_own(waker_.descriptor()); refused < 0) return system_error(-refused);
      waker_watched_ = true;
    }
    waker_.be_foreign();
    is_usual_ = false;
    return handle;
  }

  /// What its threads do.
  [[nodiscard]] auto pool() noexcept -> pool_report { return pool_.report(); }

  /// \cond
  // For the threads: one call, whose raw result goes into the record.
  static void call(request& one) noexcept {
    one.record->res = one.made->block != nullptr ? static_cast<std::int32_t>(one.made->block(one)) : -EPERM;
  }
  void done(request& one) noexcept { finished_.push(one); }
  void finished() noexcept { waker_.finish(); }
  static auto name_of(const request& one) noexcept -> std::string_view { return one.record->info->name; }
  /// \endcond

 protected:
  ~loop() = default;

  /// Ends the threads and closes what was opened; in a forked child there are no threads.
  void take_down(bool child) noexcept {
    if (!child) pool_.end();
    clocks_.close();
    watches_.close();
    lines_.poller().close();
    (void)Os::close(waker_.descriptor());
  }

  static constexpr std::uint32_t most_skipped = 16;
  static constexpr std::uint32_t most_looks = 8;
  static constexpr std::uint32_t sweep_mask = 63;
  static constexpr interval press_again = interval::nanoseconds(1'000'000);

  static auto done_with(aio::record& record, std::int64_t raw) noexcept -> started {
    record.res = static_cast<std::int32_t>(raw);
    return started::done;
  }

  /// Whether the threads have anything that has not come back.
  [[nodiscard]] auto threads_in_use() const noexcept -> bool { return with_threads_ != 0; }
  /// Whether whoever may end a sleep can. What wakes the loop is watched from when it may be needed: many loops never are woken, and
  /// poll(2) asks each descriptor every time.
  [[nodiscard]] auto watches_enough() const noexcept -> bool { return waker_watched_ || !waker_.may_be_rung(threads_in_use()); }
  /// Takes over what the threads have finished.
  void collect() noexcept {
    auto all = finished_.take_all();
    while (request* const one = all.pop_front()) {
      --with_threads_;
      returned(*one);
    }
  }

  [[nodiscard]] auto is_busy() const noexcept -> bool { return lines_.any() || threads_in_use() || !clocks_.empty() || !watches_.empty(); }

  auto attempt(request& one, row& of) noexcept -> step { return one.made->attempt(this, one, of); }

  // A poll in the simple way; see readiness/alone.hpp.
  template <class Take>
  void seen_simply(int number, std::uint32_t ready, Take& take, std::uint32_t& taken) noexcept;

  void enqueue(request& one) noexcept {
    one.where = stage::queued;
    if (one.direction != 0 && one.descriptor >= 0) ++lines_[one.descriptor].pending[index_of(one.direction)];
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
    const auto index = index_of(one.direction);
    step outcome = must_wait;
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
        --of.pending[index_of(one.direction)];
        return done_with(*one.record, refused);
      }
    }
    one.alone = what == next::pool_alone;
    const auto outcome = to_thread(one);
    if (outcome == started::done) {
      --of.pending[index_of(one.direction)];
    } else if (one.alone) {
      lines_.hold(one.descriptor, of, one.direction);
    }
    return outcome;
  }

  /// One of two descriptors that waits for the other from now on. Its row, null where there is no memory for it: then it does not count as
  /// pending any more.
  [[gnu::noinline]] auto turn(request& one, row& of) noexcept -> row* {
    --of.pending[index_of(one.direction)];
    row* const there = lines_.find(one.other);
    one.descriptor = one.other;
    one.direction ^= readiness_bits::both;
    if (there != nullptr) ++there->pending[index_of(one.direction)];
    return there;
  }

  /// `done`: there is no thread, and the record says so.
  [[gnu::noinline]] auto to_thread(request& one) noexcept -> started {
    one.where = stage::pooled;
    one.pressed = false;
    if (const int refused = pool_.submit(one); refused < 0) return done_with(*one.record, refused);
    ++with_threads_;
    if (!watches_enough()) is_usual_ = false;
    return started::pending;
  }

  /// A descriptor is ready.
  [[gnu::always_inline]] void seen(int number, std::uint32_t ready) noexcept {
    row& of = lines_[number];
    if (of.kind == file_kind::own) [[unlikely]]
      return own_seen(number);
    of.dry = static_cast<std::uint8_t>(of.dry & ~ready);
    if ((ready & readiness_bits::beyond) != 0) of.runs_dry = false;
    if ((ready & readiness_bits::in) != 0) lines_.reported(of);
    if (of.waiting[0].empty() && of.waiting[1].empty()) [[unlikely]]
      return lines_.unheard(number, of);
    if ((ready & readiness_bits::in) != 0 && !of.waiting[0].empty()) run_line(of, readiness_bits::in);
    if ((ready & readiness_bits::out) != 0 && !of.waiting[1].empty()) run_line(of, readiness_bits::out);
  }

  /// Before a sleep: takes the reports that are there, and without any looks at what waits although it was not tried. Whether to sleep.
  [[gnu::noinline]] auto settle_doubts() noexcept -> bool {
    const int count = lines_.poller().wait(interval{}, [this](int number, std::uint32_t ready) noexcept { seen(number, ready); });
    look_at_doubtful(done_.empty() ? 0 : count);
    return done_.empty();
  }
  /// So many were just reported: where there were none, whoever still waits untried has no report to come. Where there always are some,
  /// only those are looked at that have waited for long, lest others make them wait for ever; a foreign loop sleeps, and cannot wait.
  [[gnu::noinline]] void look_at_doubtful(int reported) noexcept {
    const bool all = reported <= 0 || waker_.is_foreign();
    if (!all && ++unsettled_ < most_skipped) return;
    unsettled_ = 0;
    lines_.settle(all, [this](row& of) noexcept { run_line(of, readiness_bits::in); });
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
    auto& line = of.waiting[index_of(way)];
    while ((of.held & way) == 0 && !line.empty()) {
      request& one = *line.head;
      const step outcome = attempt(one, of);
      if (outcome.what == next::wait) return;
      if (outcome.what == next::done) {
        lines_.leave(one, of);
        complete(one, outcome.raw);
      } else {
        not_over(one, of, outcome.what);
      }
    }
  }
  /// One of a line was tried, and has no result.
  [[gnu::noinline]] void not_over(request& one, row& of, next what) noexcept {
    if (what == next::wait) return;
    lines_.leave(one, of);
    if (go_on(one, of, what) == started::done) completed(one);
  }

  /// It has its result.
  void complete(request& one, std::int64_t raw) noexcept {
    one.record->res = static_cast<std::int32_t>(raw);
    if (one.direction != 0 && one.descriptor >= 0) --lines_[one.descriptor].pending[index_of(one.direction)];
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

  // Ending operations; see readiness/cancel.hpp.
  void returned(request& one) noexcept;
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

  // In a forked child, which shares what its parent watches: the next poll refuses it.
  static void inherited(void* self) noexcept {
    auto& me = *static_cast<loop*>(self);
    me.is_inherited_ = true;
    me.is_usual_ = false;
    me.fatal_ = -EBADF;
  }

  void prove(bool slept) noexcept {
    lines_.prove(slept, [this](row& of, int refused) noexcept {
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

  lines<Poller, Os, O.events> lines_;
  request_list queue_{};  // to be started
  request_list done_{};   // to be handed out
  std::uint32_t polls_ = 0;
  std::uint32_t skipped_ = 0;
  std::uint32_t unsettled_ = 0;
  int fatal_ = 0;  // what the poller gave to a poll that cannot tell it
  mutable std::uint32_t looks_ = 0;
  bool pressing_ = false;
  bool waker_watched_ = false;
  bool is_usual_ = false;  // a poll has nothing to do but to ask the poller
  bool is_inherited_ = false;
  clocks<Os> clocks_;
  watches<Os> watches_;
  waker<Os> waker_;
  job_pool<Os, O.pool, loop, request> pool_;
  std::uint32_t with_threads_ = 0;  // given to the pool and not come back
  mpsc_queue<request, &request::next> finished_;
  sluice::os::fork_watch fork_watch_{&inherited, this};
};

}  // namespace sluice::inline v0::detail::readiness

#endif
