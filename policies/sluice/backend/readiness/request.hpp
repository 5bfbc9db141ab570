// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// An operation in flight as a readiness backend keeps it, and what it knows of a descriptor. Part of the policy backend::readiness.

#include <sluice/concept/poller.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/detail/plain_list.hpp>

#include <cstddef>
#include <cstdint>

namespace sluice::inline v0::detail::readiness {

/// What an attempt came to.
enum class next : std::uint8_t {
  done,        ///< it has its result
  wait,        ///< it would have blocked; to be tried again when its descriptor is ready in its direction
  pool,        ///< to be made by a thread, where it may block
  pool_alone,  ///< the same, and no other of its direction on its descriptor meanwhile: it is ready for one
  other,       ///< it would have blocked on its other descriptor, `request::other`, in the other direction
  kept,        ///< the backend has it already, in a place of its own
};

/// An attempt's outcome. \units as the system gives it: not negative, or minus an error
struct step {
  next what;
  std::int32_t raw;
};
[[nodiscard]] constexpr auto over(std::int64_t raw) noexcept -> step { return {next::done, static_cast<std::int32_t>(raw)}; }
inline constexpr step must_wait{next::wait, 0};
inline constexpr step needs_thread{next::pool, 0};
inline constexpr step needs_thread_alone{next::pool_alone, 0};
inline constexpr step must_wait_there{next::other, 0};
inline constexpr step is_kept{next::kept, 0};

/// Where an operation is.
enum class stage : std::uint8_t {
  queued,   ///< to be attempted in the next poll
  waiting,  ///< in the line of its descriptor
  timing,   ///< for a time
  watched,  ///< for any of several kinds of readiness
  pooled,   ///< with the threads
  over,     ///< has its result, which the next poll hands out
};

struct request;
struct row;

/// How the operations of one type are made, for code that does not know it. What no program starts is in none.
struct ways {
  auto (*attempt)(void* backend, request& one, row& of) noexcept -> step;  // does not block
  auto (*block)(request& one) noexcept -> std::int64_t;                    // on a thread; null where it never comes to that
  bool makes_descriptor;                                                   // the result is a new descriptor
  bool streams;                                                            // on a stream socket a short transfer has emptied or filled it
  bool connects;
  bool ends_others;                      // what starts after it must not be reached by it, not even what waits before the queue is run
  void (*press)(request& one) noexcept;  // has the call of a thread end; null where nothing does
};

/// The part of an operation in flight that does not depend on its type; the operation keeps it beside itself.
struct request {
  request() noexcept {}  // NOLINT(cppcoreguidelines-pro-type-member-init,modernize-use-equals-default)

  request* next;            // in the list that it is in
  request* previous;        // in the list that it is in
  aio::record* record;      // whose
  const void* description;  // the operation as its user wrote it
  const ways* made;         // how its type is
  std::size_t progress;     // bytes that earlier attempts have moved
  std::int32_t descriptor;  // -1 for none
  std::int32_t other;       // of two descriptors the one that it does not wait for
  std::uint8_t direction;   // a readiness bit; 0 for none
  stage where;
  bool alone;     // holds up the others of its direction while a thread makes it
  bool unwanted;  // a cancel came while a thread made it
  bool begun;     // by a thread
  bool pressed;   // its thread may have come back only because the call was to end
};

/// A list of requests, in both directions.
using request_list = plain_list<request>;

/// What kind of file a number means, as far as it had to be found out.
enum class file_kind : std::uint8_t {
  unknown,
  stream,   ///< reads and writes can be asked not to wait
  socket,   ///< the same, by the calls for sockets only
  regular,  ///< always ready; blocks on the device
  device,   ///< cannot be asked not to wait
  own,      ///< a descriptor of the backend's
};

/// What is known of a descriptor. Zeros: nothing. One line of the cache.
struct row {
  request_list waiting[2];     // by direction
  std::uint32_t pending[2];    // operations by direction, wherever they are
  std::uint32_t place;         // the poller's own
  std::uint32_t since;         // the round in which the last wait began
  std::int32_t next_unproven;  // in the list of those whose registration may be stale; the number plus one
  file_kind kind;
  std::uint8_t dry;            // directions in which the last transfer took all there was
  std::uint8_t held;           // directions in which a thread makes a call
  bool runs_dry;               // a stream socket with nothing behind its data: a short transfer means that there is no more
  bool listed : 1;             // in that list
  bool asked : 1;              // whether it is such a socket
  bool stops : 1;              // a local one, whose receives also come short behind descriptors that came with the data: who is told of
                               // data once has to know
  std::uint8_t trust : 3;      // how often its registration was found to hold, up to `lines::most_trust`
  std::uint8_t doubt;          // see lines.hpp
  std::uint8_t hopes;          // so many receives wait before one is tried at once again: the last that was tried would have waited
  std::uint8_t patience;       // how many that were the last time
  std::int32_t next_doubtful;  // in the list of those on which one waits that was not tried; the number plus one
};
static_assert(sizeof(row) <= 64);

[[nodiscard]] constexpr auto index_of(std::uint32_t direction) noexcept -> unsigned { return direction >> 1U; }

}  // namespace sluice::inline v0::detail::readiness
