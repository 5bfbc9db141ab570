// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The contract of a backend policy: how operations reach the system and how they come back. Layer: concept.

#include <sluice/bitmask.hpp>
#include <sluice/concept/operation.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/fwd.hpp>
#include <sluice/interval.hpp>
#include <sluice/result.hpp>

#include <concepts>
#include <cstdint>
#include <limits>
#include <string_view>

/// \cond
namespace sluice::inline v0::op {
struct nop;
}  // namespace sluice::inline v0::op
/// \endcond

namespace sluice::inline v0 {

/// What came of starting an operation.
enum class started : std::uint8_t {
  pending,  ///< a completion will follow
  done,     ///< the result is there already, no completion will follow
};

/// Choices for one ring that only the running program can make; zero or -1 leaves the config's.
struct ring_options {
  std::uint32_t entries = 0;      ///< length of the submission queue
  std::uint32_t completions = 0;  ///< length of the completion queue
  int cpu = -1;                   ///< processor of a polling thread
};

/// What one poll of a backend is asked for.
struct poll_request {
  bool wait = false;                 ///< may sleep until there is a completion
  interval limit = interval::max();  ///< how long, from now
  bool entered = false;              ///< the system was entered already, by `poll_simply`: only what is left of that poll is to be done
};

/// What one poll of a backend came to.
struct poll_report {
  std::uint32_t completions = 0;  ///< handed to the sink
  bool woken = false;             ///< `wake` was called since the last poll
};

/// What came of a poll in the simple way.
enum class simple_poll : std::uint8_t {
  refused,  ///< nothing was done: it takes a whole poll
  partly,   ///< the system was entered; the rest takes a poll that is told so
  nothing,  ///< all was done, and nothing was there
  some,     ///< all was done
};

/// What a backend's `blocking_call` gives where one call does not do it: the descriptor never blocks, say. Nothing has happened then.
inline constexpr std::int32_t takes_a_ring = std::numeric_limits<std::int32_t>::min();

/// Where the system may be given an operation in a chain that it runs by itself, as bits. Any other chain is run by the library.
enum class chain_place : std::uint8_t {
  nowhere = 0,        ///< in no chain
  last = 1,           ///< as the last one
  before_others = 2,  ///< with others behind it
  bars_waiters = 4,   ///< no `waiter` may stand behind it, neither next nor later
  waiter = 8,         ///< it may wait for somebody else for as long as that one likes
};
/// These are bits.
template <>
inline constexpr bool is_bitmask<chain_place> = true;

/// One completion of an operation that gives many.
struct arrival {
  std::int32_t raw;          ///< not negative, or minus an error
  std::int32_t buffer = -1;  ///< which buffer of its group was picked, -1 for none
  bool more = false;         ///< the system goes on by itself
};

/// A trace policy as a backend sees it.
template <class Trace>
struct observer {
  Trace* trace;  ///< never null

  /// Reports an event.
  template <class Event>
  [[gnu::always_inline]] void hook([[maybe_unused]] Event e) const noexcept {
    if constexpr (requires { trace->on(e); }) trace->on(e);
  }
};

namespace detail {
struct ignore_records {
  void operator()(aio::record&) const noexcept {}
};
struct no_trace {};
}  // namespace detail

/// A policy that starts operations and brings their completions. One instance serves one ring, on that ring's thread.
///
/// * `open(options)` asks the system for what it needs, or says why not and leaves nothing open; the backend is then made from what it
/// gives.
///   Its destructor gives all back; nothing is in flight.
/// * `scratch<Op>` is what it keeps beside an operation in flight; `entry` a prepared operation.
/// * `start(record, op, scratch, alone, observer)` starts an operation, whose raw result comes in `record.res`. `alone`: it is the only one
/// of
///   its call and may be tried by a plain call.
/// * `start_sole(record, op, scratch, list, observer)`, which a backend may have for some operations, is `start` of one that a task waits
/// for
///   alone and that is on no list yet: `list()` puts it on that of its handle, which is not needed for one that is done at once.
/// * `alike<Op>`, which a backend may have, is not 0 for operations that it starts all alike: `start_alike(record, ways, use, alone,
///   observer)` is `start` of any of them and calls `use(entry, record)` for what depends on the type, which is `serve(entry, op,
///   scratch)`.
/// * `prepare_entry(entry, record, op, scratch)` prepares without starting (0, or minus an error), `push(record, entry, observer)` starts
/// what was prepared.
/// * `can_link<Op>`, which a backend may have, static, is the `chain_place` of an operation for a system that runs chains by itself. With
/// it
///   come `can_run(entry)`, whether the running system knows what was prepared; `reserve(count, observer)`, which makes room for so many
///   entries or says that there never will be; `push_linked(entry, linked, observer)`, which starts the next member of a chain for which
///   there is room and joins it softly to the one after it.
/// * `start_close(record, observer)` closes `record.handle`, whatever opened it.
/// * `cancel(record)` asks an operation in flight to end; `cancel_all()` every one.
/// * `poll(request, sink, observer)` submits what is queued, may sleep, and hands each completed record to `sink(record&)`, which may start
/// others.
/// * `poll_simply(sleeps, agenda, take, taken, observer)`, which a backend may have, is the same for the case that there is nothing to do
/// but the
///   usual: `take(record&)` says whether it could take the record in the simple way, `agenda` is not zero if the caller has more to do.
///   `taken` becomes how many it took. `put_right(raw)` is what a raw result comes to that such a poll hands out as the system gave it.
/// * `pending()` says whether entering the system would do anything: a cheap look, no call.
/// * `patience()`, which a backend may have, is how long it may go without a poll while its `native_handle` is not readable: not at all
///   where something is queued or is to be handed out.
/// * `in_child()` says whether this is a forked child of the process that made it, where it must not be used.
/// * `wake()` ends a sleeping poll; any thread may call it. `expect_calls(any)`, which a backend may have, says on the ring's own thread
///   whether from now on anybody may do so, which is so at first.
/// * `blocking_call(op, scratch)`, which a backend may have, static, for operations of its choice: one call that the thread waits in,
/// without a
///   ring. Its raw result, or `takes_a_ring` where one call does not do it and nothing has happened.
/// * `many<Op>`, for operations that give many: `ready<backend>(op, scratch)`, which it may have, comes before the first start;
///   `decode(op, scratch, res, flags)` gives the `arrival` that a completion stands for;
///   `goes_on(res, flags)`, which it may have, says of a completion that it is a result with more to come, so that a poll in the simple way
///   may look at it;
///   `try_once(scratch)` has the next start ask for one result only, false if the last one did; `go_on(backend, record, observer)` follows
/// each
///   completion with more to come; `share(backend, group, memory)` has the system pick the buffers of a group, if it can, by way of the
///   `shared_bytes(count)` at `memory`.
/// * `value(op, scratch, raw)` turns a raw result that is not negative into the operation's value.
template <class B>
concept backend_policy =
    std::constructible_from<B, typename B::opened> &&
    requires(B& backend, aio::record& record, const op::nop& nop, typename B::template scratch<op::nop>& scratch, typename B::entry& entry,
             ring_options options, poll_request request, detail::ignore_records sink, observer<detail::no_trace> watch) {
      { B::kind } -> std::convertible_to<policy_kind>;
      requires B::kind == policy_kind::backend;
      { B::name } -> std::convertible_to<std::string_view>;
      typename B::os;
      requires B::template supports<op::nop>;
      { B::open(options) } noexcept -> std::same_as<result<typename B::opened>>;
      { backend.in_child() } noexcept -> std::same_as<bool>;
      { backend.start(record, nop, scratch, true, watch) } noexcept -> std::same_as<started>;
      { backend.prepare_entry(entry, record, nop, scratch) } noexcept -> std::same_as<int>;
      { backend.push(record, entry, watch) } noexcept -> std::same_as<started>;
      { backend.start_close(record, watch) } noexcept -> std::same_as<started>;
      { backend.cancel(record, watch) } noexcept -> std::same_as<void>;
      { backend.cancel_all(watch) } noexcept -> std::same_as<void>;
      { backend.poll(request, sink, watch) } noexcept -> std::same_as<result<poll_report>>;
      { backend.pending() } noexcept -> std::same_as<bool>;
      { backend.wake() } noexcept -> std::same_as<void>;
      { backend.native_handle() } noexcept -> std::same_as<result<int>>;
    };

namespace backend {

/// Whether a backend can do an operation: of the library's, or one of the user's that it finds a way for.
template <class Backend, class Op>
inline constexpr bool supports = operation_struct<Op> && Backend::template supports<Op>;

}  // namespace backend

}  // namespace sluice::inline v0
