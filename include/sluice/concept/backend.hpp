// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The contract of a backend policy: how operations reach the system and how they come back. Layer: concept.

#include <sluice/concept/operation.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/fwd.hpp>
#include <sluice/interval.hpp>
#include <sluice/result.hpp>

#include <concepts>
#include <cstdint>
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
/// * `prepare_entry(entry, record, op, scratch)` prepares without starting (0, or minus an error), `push(record, entry, observer)` starts
/// what was prepared.
/// * `start_close(record, observer)` closes `record.handle`, whatever opened it.
/// * `cancel(record)` asks an operation in flight to end; `cancel_all()` every one.
/// * `poll(request, sink, observer)` submits what is queued, may sleep, and hands each completed record to `sink(record&)`, which may start
/// others.
/// * `poll_simply(sleeps, agenda, take, taken, observer)`, which a backend may have, is the same for the case that there is nothing to do
/// but the
///   usual: `take(record&)` says whether it could take the record in the simple way, `agenda` is not zero if the caller has more to do.
///   `taken` becomes how many it took. `put_right(raw)` is what a raw result comes to that such a poll hands out as the system gave it.
/// * `pending()` says whether entering the system would do anything: a cheap look, no call.
/// * `in_child()` says whether this is a forked child of the process that made it, where it must not be used.
/// * `wake()` ends a sleeping poll; any thread may call it. `expect_calls(any)`, which a backend may have, says on the ring's own thread
///   whether from now on anybody may do so, which is so at first.
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
