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
/// * **Not try.** A transfer on a stream socket that gave less than there was room for has emptied the socket, unless the poller has told
///   of something behind the data, as their end. The next one waits without a futile attempt; new data arm the descriptor again.
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
#include <sluice/backend/readiness/cancel.hpp>
#include <sluice/backend/readiness/clocks.hpp>
#include <sluice/backend/readiness/loop.hpp>
#include <sluice/backend/readiness/many.hpp>
#include <sluice/backend/readiness/options.hpp>
#include <sluice/backend/readiness/outcome.hpp>
#include <sluice/backend/readiness/press.hpp>
#include <sluice/backend/readiness/request.hpp>
#include <sluice/backend/readiness/sound_poller.hpp>
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
class readiness : public detail::readiness::loop<detail::readiness::sound_poller<Poller, Os>, O, Os>,
                  public detail::readiness::blocking_calls<Os> {
  using poller_type = detail::readiness::sound_poller<Poller, Os>;
  using loop = detail::readiness::loop<poller_type, O, Os>;
  using request = detail::readiness::request;
  using row = detail::readiness::row;
  using step = detail::readiness::step;
  using next = detail::readiness::next;
  using served = detail::readiness::served;
  template <class Op>
  using calls = detail::readiness::calls<Op>;

 public:
  static constexpr auto kind = policy_kind::backend;           ///< what it decides
  static constexpr std::string_view name = poller_type::name;  ///< for reports
  static constexpr readiness_options options = O;              ///< as given
  static constexpr bool valid = detail::check_readiness<O>();  ///< the rules hold; a broken one does not compile

  using os = Os;           ///< where system calls go
  using entry = request*;  ///< a prepared operation

  /// What is kept beside an operation in flight.
  template <class Op>
  using scratch = detail::readiness::scratch<Op>;

  /// What streams ask of it.
  template <class Op>
  using many = detail::readiness::many<Op, Os>;

  /// Whether an operation can be started at all: one of the library's, or one with a `perform` of its own.
  template <class Op>
  static constexpr bool supports = calls<Op>::how != served::nowhere;

  /// What the system gave; nobody else may use it.
  struct opened {
    typename poller_type::opened poller;     ///< the set of descriptors
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
    const auto set = poller_type::template open<Os>();
    if (!set) {
      (void)Os::close(made.event);
      return refused(set.error().value());
    }
    made.poller = *set;
    return made;
  }

  /// Takes over what `open` gave.
  explicit readiness(const opened& parts) noexcept : loop{parts.poller, parts.event}, sentinel_{parts.sentinel} {}
  readiness(const readiness&) = delete;
  auto operator=(const readiness&) -> readiness& = delete;

  /// Ends the threads and closes what was opened. In a forked child only descriptors are closed.
  ~readiness() {
    const bool child = in_child();
    this->take_down(child);
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
      return start_directed(record, op, keep, alone, []() noexcept {}, watch);
    } else if constexpr (how == served::at_once) {
      if (alone && (record.older == nullptr || queue_.empty())) {
        row nothing{};
        const step outcome = attempt_now<Op>(op, keep, nothing);
        watch.hook(event::op_inline{Op::name, outcome.raw});
        return done_with(record, outcome.raw);
      }
    } else if constexpr (std::is_same_v<Op, op::cancel>) {
      if (alone) return done_with(record, cancel_by_address(op.operation));
      return end_others(record, op, keep, watch);
    } else if constexpr (std::is_same_v<Op, op::cancel_all>) {
      return end_others(record, op, keep, watch);
    } else if constexpr (std::is_same_v<Op, op::cancel_handle>) {
      return done_with(record, cancel_older(record));
    } else if constexpr (std::is_same_v<Op, op::poll_once>) {
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

  /// Starts an operation that a task waits for alone; see `backend_policy`.
  template <class Op, class List, class Watch>
    requires(detail::readiness::direction_of<Op> != 0)
  [[gnu::always_inline]] auto start_sole(aio::record& record, const Op& op, scratch<Op>& keep, List&& list, const Watch& watch) noexcept
      -> started {
    return start_directed(record, op, keep, true, list, watch);
  }

  /// Prepares an operation without starting it.
  template <class Op>
  auto prepare_entry(entry& e, aio::record& record, const Op& op, scratch<Op>& keep) noexcept -> int {
    e = &keep;
    return prepare(record, op, keep);
  }

  /// Starts what was prepared.
  template <class Watch>
  auto push(aio::record&, const entry& prepared, const Watch& watch) noexcept -> started {
    if (prepared->made->ends_others) [[unlikely]] {
      row nothing{};
      if (!queue_.empty()) run_queue(watch);
      return done_with(*prepared->record, attempt(*prepared, nothing).raw);
    }
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

  /// Adds a token to an event source, from any thread. Zero, or minus the error.
  static auto notify(event_source_state& source) noexcept -> int { return sluice::os::notify<Os>(source); }

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
  /// The part of that which does not depend on the operation.
  static auto put_right(std::int32_t raw) noexcept -> std::int32_t { return raw; }

 private:
  using loop::attempt;
  using loop::cancel_by_address;
  using loop::cancel_older;
  using loop::cancel_started;
  using loop::clocks_;
  using loop::complete;
  using loop::done_with;
  using loop::enqueue;
  using loop::go_on;
  using loop::is_usual_;
  using loop::lines_;
  using loop::queue_;
  using loop::renew;
  using loop::run_queue;
  using loop::watches_;

  static constexpr std::uint8_t least_hopes = 15;

  /// An attempt that does not block.
  template <class Op>
  [[gnu::always_inline]] auto attempt_now(const Op& op, scratch<Op>& keep, row& of) noexcept -> step {
    const step outcome = calls<Op>::template attempt<Os>(op, keep, of);
    if constexpr (detail::readiness::makes_descriptor<Op>)
      if (outcome.what == next::done && outcome.raw >= 0) renew(outcome.raw);
    if constexpr (std::is_same_v<Op, op::pipe>)
      if (outcome.raw >= 0)
        for (const int end : keep.ends) renew(end);
    return outcome;
  }

  template <class Op>
  static auto attempt_one(void* self, request& one, [[maybe_unused]] row& of) noexcept -> step {
    [[maybe_unused]] auto& here = static_cast<readiness&>(*static_cast<loop*>(self));
    [[maybe_unused]] const auto& op = *static_cast<const Op*>(one.description);
    [[maybe_unused]] auto& keep = static_cast<scratch<Op>&>(one);
    if constexpr (calls<Op>::how == served::threaded)
      return detail::readiness::needs_thread;
    else if constexpr (calls<Op>::how == served::itself)
      return here.serve(op, keep);
    else
      return here.template attempt_now<Op>(op, keep, of);
  }

  template <class Op>
  static consteval auto ways_of() noexcept -> detail::readiness::ways {
    detail::readiness::ways made{
        .attempt = &readiness::attempt_one<Op>,
        .block = nullptr,
        .makes_descriptor = detail::readiness::makes_descriptor<Op>,
        .streams = std::is_same_v<Op, op::recv> || std::is_same_v<Op, op::recv_many> || std::is_same_v<Op, op::send>,
        .connects = std::is_same_v<Op, op::connect>,
        .ends_others = std::is_same_v<Op, op::cancel> || std::is_same_v<Op, op::cancel_all>,
        .press = detail::readiness::press_of<Os, Op>};
    if constexpr (requires(const Op& op, scratch<Op>& keep) { calls<Op>::template block<Os>(op, keep); })
      made.block = [](request& one) noexcept -> std::int64_t {
        return calls<Op>::template block<Os>(*static_cast<const Op*>(one.description), static_cast<scratch<Op>&>(one));
      };
    return made;
  }
  template <class Op>
  static constexpr detail::readiness::ways ways = ways_of<Op>();

  /// An operation that asks others to end, not before what is queued has started.
  template <class Op, class Watch>
  [[gnu::noinline, gnu::cold]] auto end_others(aio::record& record, const Op& op, scratch<Op>& keep, const Watch& watch) noexcept
      -> started {
    if (!queue_.empty()) run_queue(watch);
    return done_with(record, serve(op, keep).raw);
  }

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
  template <class Op>
  auto serve(const Op& op, detail::readiness::watch_request& keep) noexcept -> step {
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
    is_usual_ = false;
    const int refused = clocks_.arm(keep, op.after, op.at, op.clock);
    return refused < 0 ? detail::readiness::over(refused) : detail::readiness::is_kept;
  }

  // What a task waits for alone; see readiness/alone.hpp.
  template <class Op, class List, class Watch>
  auto start_directed(aio::record& record, const Op& op, scratch<Op>& keep, bool alone, List&& list, const Watch& watch) noexcept
      -> started;
  template <class Op, class Watch>
  auto try_first(const Op& op, scratch<Op>& keep, row& of, bool& doubtful, const Watch& watch) noexcept -> step;
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
      if (const int outcome = sluice::os::ensure_descriptor<Os>(op.source); outcome < 0) return outcome;
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

  sluice::os::sigpipe_block<Os> sigpipe_;
  sluice::os::fork_sentinel<Os> sentinel_;
};

}  // namespace sluice::inline v0::backend

#endif
