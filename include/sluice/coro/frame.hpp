// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What a scheduler knows of a task: the hot part that every switch touches, and the cold part at the top of its stack. Layer: coro.

#include <sluice/concept/context.hpp>
#include <sluice/concept/stack.hpp>
#include <sluice/config.hpp>
#include <sluice/detail/exception_globals.hpp>
#include <sluice/detail/sanitizer.hpp>
#include <sluice/fwd.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <optional>
#include <source_location>
#include <stop_token>
#include <string_view>

namespace sluice::inline v0 {

/// What a scope does when one of its children fails.
enum class on_failure : std::uint8_t {
  cancel_siblings,  ///< asks the others to end
  keep,             ///< lets the others go on
};

/// How a task is made. Making one of these at the call also notes the call's place.
struct spawn_options {
  std::string_view name = {};                                    ///< for reports; the first 23 characters are kept
  std::size_t stack_bytes = 0;                                   ///< 0: the stack policy's usual size
  std::source_location where = std::source_location::current();  ///< for reports
};

namespace coro {

template <class Config>
class scheduler;
template <class Config>
class basic_scope;
template <class Config>
struct frame;

struct waiting;

/// What there is to say about a kind of wait. Looked at only by cancels and reports.
struct wait_kind {
  std::string_view what;                                         ///< for reports; empty where `name` says it
  void (*cancel)(waiting&) noexcept = nullptr;                   ///< asks the wait to end; null for one that cannot be cut short
  auto (*on)(const waiting&) noexcept -> const void* = nullptr;  ///< the frame of the task that it waits for; null where that is none
  auto (*handle)(const waiting&) noexcept -> int = nullptr;      ///< the descriptor that it waits for; null where that is none
  void (*give_up)(waiting&) noexcept = nullptr;                  ///< ends the wait with a deadlock; null for one that must see its end
  auto (*name)(const waiting&) noexcept -> std::string_view = nullptr;  ///< for reports, where it differs from wait to wait
};

/// Something that a task waits for; it lies on the stack of that task, as the first part of whatever else the wait needs.
struct waiting {
  const wait_kind* kind;  ///< never null

  /// The same of a wait by address.
  static auto read_what(const void* wait) noexcept -> std::string_view { return static_cast<const waiting*>(wait)->what(); }
  /// What it is, for reports.
  [[nodiscard]] auto what() const noexcept -> std::string_view { return kind->name != nullptr ? kind->name(*this) : kind->what; }
};

/// A part of a task's life that can be asked to end by itself. They form a list on the task's stack, innermost first.
struct cancel_scope {
  cancel_scope* outer = nullptr;  ///< the next one
  bool cancelled = false;         ///< was asked to end
  bool shielded = false;          ///< what is outside does not reach in
  bool delivered = false;         ///< a wait inside was refused or cut short for its sake
};

/// Where a task stands.
enum class fiber_state : std::uint8_t {
  free,      ///< no task
  ready,     ///< in the queue of those to run
  running,   ///< has the thread
  parked,    ///< waits
  finished,  ///< done, its result not yet taken
  lost,      ///< abandoned: never resumed
};

/// The hot part of a task, one cache line in a dense array.
template <class Config>
struct alignas(64) fiber {
  using context_type = policy_of<Config, policy_kind::context>;  ///< how its stack is left

  typename context_type::state context{};  ///< where it goes on; first, so that a switch needs no other address than the fiber's
  fiber* next = nullptr;                   ///< in a queue, or in the list of free ones
  frame<Config>* cold = nullptr;           ///< the rest, at the top of its stack
  waiting* wait = nullptr;                 ///< what it waits for
  std::uint32_t pending = 0;               ///< completions to come before it is ready
  fiber_state state = fiber_state::free;   ///< where it stands
  bool cancelled = false;                  ///< some scope of it was asked to end
  bool has_exceptions = false;             ///< it was left while it handled an exception
  std::uint32_t slot = 0;                  ///< its place in the slab
  std::uint32_t generation = 0;            ///< how many tasks had this place before
};

/// The cold part of a task.
template <class Config>
struct frame {
  using context_type = policy_of<Config, policy_kind::context>;  ///< how its stack is left

  frame() noexcept { label[0] = '\0'; }
  frame(const frame&) = delete;
  auto operator=(const frame&) -> frame& = delete;

  fiber<Config>* hot = nullptr;                               ///< the other part
  scheduler<Config>* home = nullptr;                          ///< whose task it is
  stack_span stack;                                           ///< as the policy gave it
  std::uint64_t id = 0;                                       ///< never used twice in a scheduler
  cancel_scope base;                                          ///< the whole task
  cancel_scope* innermost = &base;                            ///< the list
  frame** handle = nullptr;                                   ///< the pointer in the handle that owns it, where one does
  basic_scope<Config>* parent = nullptr;                      ///< the scope that owns it, where one does
  frame* older = nullptr;                                     ///< sibling in that scope
  frame* newer = nullptr;                                     ///< sibling in that scope
  fiber<Config>* joiner = nullptr;                            ///< waits for the end
  frame* next_to_interrupt = nullptr;                         ///< asked to end in the same breath
  frame* mark = nullptr;                                      ///< of reports and of lists made on the spot
  void (*drop)(frame&) noexcept = nullptr;                    ///< destroys the result of one that has finished
  std::stop_source* stop = nullptr;                           ///< made when foreign code asks for a token
  detail::exception_globals exceptions;                       ///< put aside while it does not run
  std::source_location where;                                 ///< where it was spawned
  std::uint32_t refused = 0;                                  ///< waits refused since it was asked to end
  bool has_place = false;                                     ///< `where` was given
  std::array<char, 24> label;                                 ///< its name, ends in zero; written as far as it is used
  [[no_unique_address]] detail::fiber_annotation annotation;  ///< what the sanitizers know of it

  /// Its name, possibly empty.
  [[nodiscard]] auto name() const noexcept -> std::string_view { return label.data(); }
  /// Names it; what is too long is cut.
  void name(std::string_view text) noexcept {
    const auto length = text.size() < label.size() ? text.size() : label.size() - 1;
    std::memcpy(label.data(), text.data(), length);
    label[length] = '\0';
  }
};

/// A task's frame with room for its result.
template <class Config, class T>
struct typed_frame : frame<Config> {
  std::optional<result<T>> value;  ///< set when it has returned
  std::exception_ptr exception;    ///< set when it has thrown

  /// Nothing has come of it yet.
  typed_frame() noexcept {
    this->drop = [](frame<Config>& other) noexcept {
      auto& self = static_cast<typed_frame&>(other);
      self.value.reset();
      self.exception = nullptr;
    };
  }
};

}  // namespace coro
}  // namespace sluice::inline v0
