// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The contract of a trace policy, and the events it can ask for. Layer: concept.

#include <sluice/fwd.hpp>

#include <concepts>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace sluice::inline v0 {

/// What the library reports to a trace policy, each as a small aggregate passed by value.
namespace event {
/// A task was made.
struct task_spawned {
  std::uint64_t task;     ///< its number, never used twice in a scheduler
  std::string_view name;  ///< as given, or empty
};
/// A text that is looked up only if somebody reads it.
class lazy_text {
 public:
  using reader = auto (*)(const void* of) noexcept -> std::string_view;  ///< looks it up

  /// What `read(of)` gives.
  constexpr lazy_text(const void* of, reader read) noexcept : of_{of}, read_{read} {}
  /// A static text.
  constexpr lazy_text(const char* text) noexcept  // NOLINT(google-explicit-constructor)
      : of_{text}, read_{[](const void* same) noexcept -> std::string_view { return static_cast<const char*>(same); }} {}
  /// The text.
  operator std::string_view() const noexcept { return read_(of_); }  // NOLINT(google-explicit-constructor)

 private:
  const void* of_;
  reader read_;
};
/// A task left the processor until something happens.
struct task_parked {
  std::uint64_t task;  ///< its number
  lazy_text what;      ///< what it waits for; to be read during the call
};
/// A parked task became ready.
struct task_ready {
  std::uint64_t task;  ///< which
};
/// A task started or went on.
struct task_resumed {
  std::uint64_t task;  ///< which
};
/// A task was asked to end.
struct task_cancelled {
  std::uint64_t task;  ///< which
};
/// A task ended.
struct task_finished {
  std::uint64_t task;  ///< which
};
/// An operation was put in the queue.
struct op_queued {
  const void* operation;  ///< its address, its identity while it is in flight
  std::string_view name;  ///< its kind, a static text
  int handle;             ///< the native handle it works on, -1 where there is none
};
/// An operation was done at once, without the queue.
struct op_inline {
  std::string_view name;  ///< its kind
  int result;             ///< its raw result: not negative, or minus the system's error number
};
/// An operation was done.
struct op_completed {
  const void* operation;  ///< its address
  int result;             ///< its raw result
};
/// An operation was asked to end.
struct op_cancelled {
  const void* operation;  ///< its address
};
/// The system was entered with new operations.
struct submitted {
  std::uint32_t count;  ///< how many the system took
};
/// A poll came back from the system.
struct polled {
  std::uint32_t completions;  ///< how many it brought
  bool waited;                ///< whether it was allowed to sleep
};
/// A queue was full and had to be flushed in the middle of a tick.
struct queue_full {};
/// The kernel had to keep completions because their queue was full.
struct completion_overflow {};
/// A timer fired.
struct timer_fired {
  std::int64_t late;  ///< nanoseconds after its deadline
};
}  // namespace event

/// A policy that sees events. It declares `void on(event::x)` for those it wants; the others cost no instruction.
template <class P>
concept trace_policy = std::default_initializable<P> && requires {
  { P::kind } -> std::convertible_to<policy_kind>;
  requires P::kind == policy_kind::trace;
  { P::name } -> std::convertible_to<std::string_view>;
};

/// Whether a trace policy wants an event.
template <class P, class Event>
concept traces = requires(P policy, Event e) { policy.on(e); };

/// Hands an event to a policy that wants it, and is nothing for one that does not.
template <class P, class Event>
[[gnu::always_inline]] constexpr void deliver([[maybe_unused]] P& policy, [[maybe_unused]] Event e) noexcept {
  if constexpr (traces<P, Event>) policy.on(e);
}

}  // namespace sluice::inline v0
