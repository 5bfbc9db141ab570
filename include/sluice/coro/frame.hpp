// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What a scheduler knows of a task: the hot part that every switch touches, and the cold part at the top of its stack. Layer: coro.

#include <sluice/concept/context.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/concept/stack.hpp>
#include <sluice/config.hpp>
#include <sluice/detail/exception_globals.hpp>
#include <sluice/detail/sanitizer.hpp>
#include <sluice/fwd.hpp>
#include <sluice/result.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <exception>
#include <source_location>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

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

/// The size of a task's stack as a type, instead of options: `coro::spawn(sluice::stack_bytes<256 * 1024>, f)`. It compiles only where the
/// stack policy has stacks of more than one size. \units bytes
template <std::size_t Bytes>
struct stack_bytes_t {
  static_assert(Bytes >= 8192, "[sluice.coro.stack_bytes_small] a stack needs room for a signal handler's frame; give at least 8192 bytes");
};
/// One of that type. \units bytes
template <std::size_t Bytes>
inline constexpr stack_bytes_t<Bytes> stack_bytes{};

namespace coro {

/// \cond
// What the first argument of a spawn may be beside what is to run.
template <class T>
inline constexpr bool chooses_options = false;
template <>
inline constexpr bool chooses_options<spawn_options> = true;
template <std::size_t Bytes>
inline constexpr bool chooses_options<stack_bytes_t<Bytes>> = true;

template <class Config, std::size_t Bytes>
constexpr auto options_of(stack_bytes_t<Bytes>) noexcept -> spawn_options {
  static_assert(sized_stack_policy<policy_of<Config, policy_kind::stack>>,
                "[sluice.coro.stack_bytes] this stack policy has stacks of one size only; leave stack_bytes out, or use stack::guarded");
  return {.stack_bytes = Bytes, .where = std::source_location{}};
}
/// \endcond

template <class Config>
class scheduler;
template <class Config>
struct frame;
template <class Config>
struct ended_frame;

struct waiting;

/// What there is to say about a kind of wait. Looked at only by cancels and reports.
struct wait_kind {
  std::string_view what;                                         ///< for reports; empty where `operation` says it
  void (*cancel)(waiting&) noexcept = nullptr;                   ///< asks the wait to end; null for one that cannot be cut short
  auto (*on)(const waiting&) noexcept -> const void* = nullptr;  ///< the frame of the task that it waits for; null where that is none
  bool on_older_ones = false;                                    ///< and for all older siblings of that task
  bool stays = false;                                            ///< others may find it until the task goes on, not only until it is ready
  auto (*operation)(const waiting&) noexcept
      -> const aio::record* = nullptr;           ///< that it waits for, the first one; null where that is none
  void (*give_up)(waiting&) noexcept = nullptr;  ///< ends the wait with a deadlock; null for one that must see its end
  void (*forget)(waiting&) noexcept = nullptr;   ///< the task is abandoned: nobody may find the wait any more; null where nobody looks
};

/// Something that a task waits for; it lies on the stack of that task, as the first part of whatever else the wait needs.
struct waiting {
  const wait_kind* kind;  ///< never null

  /// The same of a wait by address.
  static auto read_what(const void* wait) noexcept -> std::string_view { return static_cast<const waiting*>(wait)->what(); }
  /// What it is, for reports.
  [[nodiscard]] auto what() const noexcept -> std::string_view {
    return kind->what.empty() ? kind->operation(*this)->info->name : kind->what;
  }
};

/// A part of a task's life that can be asked to end by itself. They form a list on the task's stack, innermost first. Made with `{}`.
struct cancel_scope {
  cancel_scope* outer;  ///< the next one
  bool cancelled;       ///< was asked to end
  bool shielded;        ///< what is outside does not reach in
  bool delivered;       ///< a wait inside was refused or cut short for its sake
};

/// Who is told when a task ends: a scope. Programs without scopes do not contain what that does.
template <class Config>
struct task_owner {
  /// `failed` is the error that it returned, or null.
  void (*child_ended)(task_owner&, ended_frame<Config>&, const std::error_code* failed) noexcept;
};

/// Tells foreign code that a task was asked to end. Whoever makes one says how it is told and freed, so only programs that make one contain
/// that.
struct stop_relay {
  void (*tell)(stop_relay&) noexcept;  ///< the task was asked to end
  void (*free)(stop_relay&) noexcept;  ///< the task has gone
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
  std::uint16_t unused = 0;                ///< with the three before it one word, which a new task has written at a stroke
  std::uint32_t slot = 0;                  ///< its place in the slab
  std::uint32_t generation = 0;            ///< how many tasks had this place before
};

/// What a new task has as zeroes: one cache line, cleared at a stroke, which is why nothing here has a default.
template <class Config>
struct alignas(64) frame_start {
  frame<Config>** handle;      ///< the pointer in the handle that owns it, where one does
  task_owner<Config>* parent;  ///< the scope that owns it, where one does
  fiber<Config>* joiner;       ///< waits for the end
  stop_relay* stop;            ///< made when foreign code asks for a token
  cancel_scope* innermost;     ///< the list of those inside `base`, which ends there; null where there is none
  cancel_scope base;           ///< the whole task
  std::uint32_t refused;       ///< waits refused since it was asked to end, and waits for tasks that were made since all were
  bool named;                  ///< `label` was written
  bool has_place;              ///< `where` was written
  std::uint8_t walked;         ///< of reports: 0 for not yet, 1 for on the way, 2 for done
  bool always_begins;          ///< its callable is called even if it was asked to end before
};

/// The cold part of a task. The first two cache lines are used by every task, the third one is for what is rare and has no value before it
/// is needed.
template <class Config>
struct frame : frame_start<Config> {
  using context_type = policy_of<Config, policy_kind::context>;  ///< how its stack is left

  frame() noexcept : frame_start<Config>{} {}
  frame(const frame&) = delete;
  auto operator=(const frame&) -> frame& = delete;

  fiber<Config>* hot;       ///< the other part
  std::uint64_t id;         ///< never used twice in a scheduler
  scheduler<Config>* home;  ///< whose task it is
  frame* older;             ///< sibling in its scope
  frame* newer;             ///< sibling in its scope
  union {
    stack_span stack;  ///< as the policy gave it
  };
  union {
    std::source_location where;  ///< where it was spawned, if it `has_place`
  };
  frame* next_to_interrupt;                                   ///< asked to end in the same breath
  frame* mark;                                                ///< of reports and of lists made on the spot
  std::array<char, 24> label;                                 ///< its name, ends in zero, if it is `named`
  void (*drop)(frame&) noexcept;                              ///< destroys the result of one that has finished; set then
  [[no_unique_address]] detail::fiber_annotation annotation;  ///< what the sanitizers know of it

  /// Its name, possibly empty.
  [[nodiscard]] auto name() const noexcept -> std::string_view { return this->named ? std::string_view{label.data()} : std::string_view{}; }
  /// Names it; what is too long is cut.
  void name(std::string_view text) noexcept {
    const auto length = text.size() < label.size() ? text.size() : label.size() - 1;
    std::memcpy(label.data(), text.data(), length);
    label[length] = '\0';
    this->named = true;
  }
  /// The innermost scope of it.
  [[nodiscard]] auto scopes() noexcept -> cancel_scope* { return this->innermost != nullptr ? this->innermost : &this->base; }
};

/// A task's frame with room for what it throws.
template <class Config>
struct ended_frame : frame<Config> {
  std::exception_ptr exception;  ///< set when it has thrown

  /// Keeps what is being handled.
  [[gnu::noinline, gnu::cold]] void note_exception() noexcept { exception = std::current_exception(); }
  /// Destroys what it has thrown.
  [[gnu::noinline, gnu::cold]] void forget_exception() noexcept { exception = nullptr; }
};

/// The same with room for its result.
template <class Config, class T>
struct typed_frame : ended_frame<Config> {
  union {
    result<T> value;  ///< what it has returned, if it has
  };
  bool has_returned = false;  ///< `value` is there

  typed_frame() noexcept {}  // NOLINT(modernize-use-equals-default)
  typed_frame(const typed_frame&) = delete;
  auto operator=(const typed_frame&) -> typed_frame& = delete;
  ~typed_frame() {}  // NOLINT(modernize-use-equals-default): whoever has seen the end clears it

  /// The error that it returned; null where it did not.
  [[nodiscard]] auto error() const noexcept -> const std::error_code* {
    return has_returned && !value.has_value() ? &value.error() : nullptr;
  }
  /// Destroys a value that nobody can fetch, in the task itself: its destructor may wait.
  [[gnu::always_inline]] void drop_unfetched() noexcept {
    if constexpr (!std::is_trivially_destructible_v<result<T>>)
      if (this->handle == nullptr && has_returned && value.has_value()) {
        value.~expected();
        has_returned = false;
      }
  }
  /// Destroys what has come of it.
  [[gnu::always_inline]] void clear() noexcept {
    if constexpr (!std::is_trivially_destructible_v<result<T>>)
      if (std::exchange(has_returned, false)) value.~expected();
    if (this->exception != nullptr) [[unlikely]]
      this->forget_exception();
  }
  /// The same of a task by the part that all tasks have.
  static void clear_frame(frame<Config>& other) noexcept { static_cast<typed_frame&>(other).clear(); }
};

}  // namespace coro
}  // namespace sluice::inline v0
