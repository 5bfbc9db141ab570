// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The way of an operation that a task waits for alone, which is how most travel: tried, put in its line, tried again when its descriptor
/// is ready, handed out. Part of the policy backend::readiness.

#include <sluice/backend/readiness.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstdint>
#include <type_traits>

namespace sluice::inline v0::backend {

/// \cond
/// Tries it if that is worth a call; `doubtful`: it was not, and data that are there already may not be reported any more.
template <class Poller, readiness_options O, class Os>
template <class Op, class Watch>
[[gnu::always_inline]] inline auto readiness<Poller, O, Os>::try_first(const Op& op, scratch<Op>& keep, row& of, bool& doubtful,
                                                                       const Watch& watch) noexcept -> step {
  constexpr std::uint8_t way = detail::readiness::direction_of<Op>;
  constexpr bool reads = way == readiness_bits::in;
  doubtful = false;
  if (!detail::readiness::must_try(op)) {
    if ((of.dry & way) != 0) return detail::readiness::must_wait;
    if (reads && of.hopes != 0) {
      --of.hopes;
      doubtful = poller_type::edge;
      return detail::readiness::must_wait;
    }
  }
  const step outcome = attempt_now<Op>(op, keep, of);
  if (outcome.what == next::done) [[likely]] {
    if constexpr (reads) of.patience = 0;
    watch.hook(event::op_inline{Op::name, outcome.raw});
  } else if (reads && of.runs_dry) {
    // Whoever fills its buffer each time has protocols of fixed sizes, and its peer waits for an answer first: the more so the longer.
    of.hopes = of.patience = static_cast<std::uint8_t>((2 * of.patience + 1) | least_hopes);
  }
  return outcome;
}

/// `list()` puts the record on the list of its descriptor, which one that is done at once never is on.
template <class Poller, readiness_options O, class Os>
template <class Op, class List, class Watch>
[[gnu::always_inline]] inline auto readiness<Poller, O, Os>::start_directed(aio::record& record, const Op& op, scratch<Op>& keep,
                                                                            bool alone, List&& list, const Watch& watch) noexcept
    -> started {
  constexpr std::uint8_t way = detail::readiness::direction_of<Op>;
  if constexpr (std::is_same_v<Op, op::wait_event>) {
    if (sluice::os::take_token(op.source)) return done_with(record, sizeof(std::uint64_t));
    if (const int outcome = sluice::os::ensure_descriptor<Os>(op.source); outcome < 0) return done_with(record, outcome);
  }
  const int number = detail::readiness::descriptor_of(op);
  if (number < 0) [[unlikely]]
    return done_with(record, -EBADF);
  row* const of = lines_.find(number);
  if (of == nullptr) [[unlikely]]
    return done_with(record, -ENOMEM);
  if constexpr (detail::readiness::raises_sigpipe<Op>) sigpipe_.take();
  auto& pending = of->pending[detail::readiness::index_of(way)];
  if (!alone || pending != 0) [[unlikely]] {
    list();
    describe(record, op, keep, number);
    enqueue(keep);
    return started::pending;
  }
  keep.progress = 0;
  if constexpr (detail::readiness::has_two<Op>) keep.direction = way;
  bool doubtful = false;
  const step outcome = try_first(op, keep, *of, doubtful, watch);
  if (outcome.what == next::done) return done_with(record, outcome.raw);
  list();
  const auto progress = keep.progress;
  describe(record, op, keep, number);
  keep.progress = progress;
  ++pending;
  if (outcome.what != next::wait || !lines_.join_simply(keep, *of, way)) [[unlikely]] {
    if (go_on(keep, *of, outcome.what) == started::done) return started::done;
  }
  if (doubtful && keep.where == detail::readiness::stage::waiting) lines_.doubt(number, *of);
  watch.hook(event::submitted{1});
  return started::pending;
}
/// \endcond

}  // namespace sluice::inline v0::backend

namespace sluice::inline v0::detail::readiness {

/// \cond
/// A descriptor is ready, perhaps for one that waits in its line alone.
template <class Poller, readiness_options O, class Os>
template <class Take>
[[gnu::always_inline]] inline void loop<Poller, O, Os>::seen_simply(int number, std::uint32_t ready, Take& take,
                                                                    std::uint32_t& taken) noexcept {
  constexpr std::uint8_t way = readiness_bits::in;
  row& of = lines_[number];
  request* const first = of.waiting[0].head;
  if (ready != way || first == nullptr || first != of.waiting[0].tail || (of.held & way) != 0) [[unlikely]]
    return seen(number, ready);
  of.dry = static_cast<std::uint8_t>(of.dry & ~way);
  lines_.reported(of);
  const step outcome = attempt(*first, of);
  if (outcome.what != next::done) [[unlikely]]
    return not_over(*first, of, outcome.what);
  lines_.leave_simply(*first, of, way);
  --of.pending[0];
  aio::record& record = *first->record;
  record.res = outcome.raw;
  if (take(record)) [[likely]]
    ++taken;
  else
    completed(*first);
}

template <class Poller, readiness_options O, class Os>
template <class Take, class Watch>
[[gnu::always_inline]] inline auto loop<Poller, O, Os>::poll_simply(bool sleeps, const unsigned& agenda, Take take, std::uint32_t& taken,
                                                                    const Watch& watch) noexcept -> simple_poll {
  taken = 0;
  if (agenda != 0 || !is_usual_ || !queue_.empty() || !done_.empty() || !(sleeps || lines_.any())) [[unlikely]]
    return simple_poll::refused;
  looks_ = 0;
  if (lines_.has_unproven() && (++polls_ & sweep_mask) == 0) [[unlikely]]
    prove(false);
  bool wait = sleeps && !lines_.has_doubts();
  for (;;) {
    interval limit{};
    if (wait) {
      if (!is_usual_ || !waker_.about_to_sleep(threads_in_use())) [[unlikely]]
        return simple_poll::refused;
      limit = lines_.has_unproven() ? lines_.prove_after(O.recheck) : interval::max();
    }
    const int count =
        lines_.poller().wait(limit, [&](int number, std::uint32_t ready) noexcept { seen_simply(number, ready, take, taken); });
    if (wait) waker_.awake();
    if (count < 0) [[unlikely]] {
      if (count == -EINTR) return simple_poll::refused;
      fatal_ = count;
      return simple_poll::partly;
    }
    if (wait) {
      if (count == 0) [[unlikely]]
        prove(true);
      else
        lines_.be_busy();
      break;
    }
    if (lines_.has_doubts()) look_at_doubtful(count);
    if (count != 0 || !sleeps || !done_.empty()) break;
    wait = true;
  }
  watch.hook(event::polled{taken, wait});
  if (agenda != 0 || !done_.empty() || waker_.has_news()) [[unlikely]]
    return simple_poll::partly;
  return taken != 0 ? simple_poll::some : simple_poll::nothing;
}
/// \endcond

}  // namespace sluice::inline v0::detail::readiness

#endif
