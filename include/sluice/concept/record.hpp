// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What the core knows of an operation in flight, whatever its type. Layer: concept.

#include <sluice/concept/timers.hpp>
#include <sluice/interval.hpp>
#include <sluice/result.hpp>

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::inline v0::aio {

/// Static facts of a type of operation, for reports and checks.
struct op_info {
  std::string_view name;     ///< as users write it
  bool is_send = false;      ///< sends on a stream, where order matters
  bool is_close = false;     ///< gives up its handle
  bool is_timeout = false;   ///< its expiry is success, whatever the raw result
  bool takes_token = false;  ///< waits for a token of an event source, which others may take first
};

/// Where an operation stands.
enum class record_state : std::uint8_t {
  idle,       ///< not started, or done and read
  in_flight,  ///< belongs to the backend
  done,       ///< the result is there
};

/// What the ring does with a completion before anybody sees it; bits.
namespace record_kind {
inline constexpr std::uint8_t plain = 0;            ///< nothing: it goes to the sink
inline constexpr std::uint8_t timed = 1U << 0U;     ///< bounded by a timer of ours; the record is a `timed_record`
inline constexpr std::uint8_t member = 1U << 1U;    ///< belongs to a chain that the ring runs itself; `owner` is the chain
inline constexpr std::uint8_t close = 1U << 2U;     ///< a close, which must not be skipped
inline constexpr std::uint8_t deadline = 1U << 3U;  ///< a link_timeout: its expiry is an error of ours
inline constexpr std::uint8_t waiting = 1U << 4U;   ///< a member whose turn has not come
inline constexpr std::uint8_t evicted = 1U << 5U;   ///< a close of its handle waits for it
inline constexpr std::uint8_t internal = 1U << 6U;  ///< the record is an `internal_record`
inline constexpr std::uint8_t unasked = 1U << 7U;   ///< in the backend's queue of those that it could not ask to end yet
}  // namespace record_kind

/// \cond
// Whether a task waits for an operation alone: then there is no count of others.
enum class soleness : std::uint8_t {
  no,
  listed,    // it does, and the operation is on the list of its handle
  unlisted,  // it does, and there is no handle
};

struct started_at_once {};
/// \endcond

/// The part of an operation that does not depend on its type. Its address is its identity from start until done.
struct record {
  record() noexcept
      : waiter{nullptr}, kind{record_kind::plain}, state{record_state::idle}, cancelling{false}, engine{0}, sole{soleness::no}, res{0} {}
  /// For one that is started at once: what a start does not set is set by whoever starts it.
  explicit record(started_at_once) noexcept : state{record_state::idle} {}  // NOLINT(cppcoreguidelines-pro-type-member-init)
  record(const record&) = delete;
  auto operator=(const record&) -> record& = delete;

  /// Whether this is that operation.
  [[nodiscard]] auto is(const record& other) const noexcept -> bool { return this == &other; }
  /// The operation behind it; `Operation` must be its type.
  template <class Operation>
  [[nodiscard]] auto as() noexcept -> Operation& {
    return static_cast<Operation&>(*this);
  }
  /// Whether the final completion was delivered.
  [[nodiscard]] auto is_done() const noexcept -> bool { return state == record_state::done; }

  /// \cond
  // Starts one that a task waits for alone; its type has no kind of its own.
  [[gnu::always_inline]] void begin_sole(soleness how) noexcept {
    kind = record_kind::plain;
    state = record_state::in_flight;
    cancelling = false;
    engine = 0;
    sole = how;
  }
  // Whether it is one of those, or one of another kind that begins so, in flight, and nothing has happened to it since it began: one
  // comparison of four bytes.
  template <soleness How, std::uint8_t Kind = record_kind::plain>
  [[nodiscard, gnu::always_inline]] auto is_simply() const noexcept -> bool {
    struct word {
      std::uint8_t kind = Kind;
      record_state state = record_state::in_flight;
      bool cancelling = false;
      std::uint8_t engine : 6 = 0;
      soleness sole : 2 = How;
    };
    static_assert(sizeof(word) == sizeof(std::uint32_t));
    std::uint32_t now = 0;
    std::memcpy(&now, reinterpret_cast<const std::byte*>(this) + offsetof(record, kind), sizeof(now));
    return now == std::bit_cast<std::uint32_t>(word{});
  }
  /// \endcond

  /// \cond
  // What has no initial value is set when the operation starts, before anybody reads it. One line of a cache. Compilers would join
  // neighbours that are set one after the other through a vector register, which takes longer.
  record** place;  // what points to it in the list of its handle; its own `older` while it is in none
  union {
    record* next;   // in a queue of completions
    void* request;  // while it is in flight, whatever the backend keeps of it
  };
  record* older;  // on the same handle
  void* owner;    // a chain
  const op_info* info;
  void* waiter;         // whoever is told; the core does not look at it
  std::int32_t handle;  // what it works on, -1 for nothing
  std::uint8_t kind;
  record_state state;
  bool cancelling;          // a cancel was asked for
  std::uint8_t engine : 6;  // the backend's own; 0 when it starts, so that a start sets four bytes at once
  soleness sole : 2;        // whether the waiter waits for nothing else
  std::int32_t res;         // as the backend gives it: not negative, or minus an error
  std::uint32_t flags;      // as the backend gives it
  /// \endcond
};

static_assert(sizeof(void*) != 8 || sizeof(record) == 64);

/// A record of the kind `internal`: its completions are looked at where a backend takes them off the system's queue, for several may be
/// there before anybody else looks.
struct internal_record : record {
  /// \cond
  // With the result and the flags as the system gives them; the record that the sink is to be given, or null.
  auto (*arrived)(internal_record& self, std::int32_t res, std::uint32_t flags) noexcept -> record*;
  /// \endcond
};

/// Raw results of ours: minus this bit and an `errc`. No system number comes near it.
inline constexpr std::int32_t own_error_bit = 0x4000'0000;

/// The raw result for an error of ours.
[[nodiscard]] constexpr auto raw(errc code) noexcept -> std::int32_t { return -(own_error_bit | static_cast<std::int32_t>(code)); }

/// The raw result for an error code, ours or the system's.
[[nodiscard, gnu::cold]] inline auto raw(std::error_code code) noexcept -> std::int32_t {
  return code.category() == error_category() ? raw(static_cast<errc>(code.value())) : -code.value();
}

/// The error code of a negative raw result.
[[nodiscard, gnu::noinline, gnu::cold, gnu::const]] inline auto error_of(std::int32_t res) noexcept -> std::error_code {
  const auto number = -res;
  if ((number & own_error_bit) != 0) return make_error_code(static_cast<errc>(number & ~own_error_bit));
  return {number, std::system_category()};
}

/// What is told when a timer of the ring fires.
enum class timer_role : std::uint8_t {
  operation,  ///< bounds a `timed_record`
  chain,      ///< is the link_timeout of a chain that the ring runs
  foreign,    ///< belongs to whoever armed it; goes to the sink
};

/// A deadline with the role that says whose it is.
struct timer : timer_node {
  timer_role role = timer_role::foreign;  ///< whose
  std::uint8_t tag = 0;                   ///< free for the owner of a foreign one
  void* owner = nullptr;                  ///< free for the owner
};

/// A record bounded by a timer.
struct timed_record : record {
  /// \cond
  aio::timer timer;
  interval limit = interval::max();
  bool expired = false;
  /// \endcond
};

}  // namespace sluice::inline v0::aio
