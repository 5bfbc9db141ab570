// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// How an operation is made by plain calls: one small struct each. Part of the policy backend::readiness.

#include <sluice/backend/readiness/request.hpp>
#include <sluice/concept/operation.hpp>
#include <sluice/concept/service.hpp>
#include <sluice/op/list.hpp>

#include <cerrno>
#include <cstdint>
#include <type_traits>

namespace sluice::inline v0::detail::readiness {

/// How an operation is served.
enum class served : std::uint8_t {
  nowhere,   ///< not at all
  at_once,   ///< by a call that cannot wait
  reading,   ///< tried, and tried again when its descriptor can be read
  writing,   ///< tried, and tried again when its descriptor can be written
  threaded,  ///< by a thread
  itself,    ///< by the backend itself
};

/// The same in the words of all backends.
[[nodiscard]] constexpr auto service_for(served how) noexcept -> service {
  switch (how) {
    case served::at_once: return service::call;
    case served::reading:
    case served::writing: return service::readiness;
    case served::threaded: return service::thread;
    case served::itself: return service::library;
    default: return service::nowhere;
  }
}

/// What an operation keeps beside itself while it is in flight: a request, and what the system reads or writes.
template <class Op>
struct scratch : request {};

/// How one operation is made. To add an operation, specialise this and add it to the list of operations. A specialisation has
/// * `how`: see `served`;
/// * `attempt<Os>(op, scratch, row)` for all but `threaded` and `itself`: a call that does not block, and what came of it;
/// * `block<Os>(op, scratch)` for `threaded` and for an attempt that may ask for a thread: a call that may block, and its raw result;
/// * and, where they hold: `makes_descriptor`, the result is a new descriptor; `raises_sigpipe`; `must_try(op)`, it is no use to wait
/// instead
///   of trying; `descriptor(op)`, where its fields do not say it.
template <class Op>
struct calls {
  static constexpr auto how = served::nowhere;
};

/// Makes a call until no signal interrupts it.
template <class Call>
[[gnu::always_inline]] inline auto uninterrupted(Call&& call) noexcept {
  for (;;) {
    const auto outcome = call();
    if (outcome != -EINTR) [[likely]]
      return outcome;
  }
}

/// A user's own operation: `perform(const Op&)`, found by argument-dependent lookup, makes the call on a thread and gives its raw result.
template <class Op>
concept foreign_operation = operation_struct<Op> && requires(const Op& op) {
  { perform(op) } -> std::integral;
};

struct foreign_request : request {
  std::int64_t (*perform_it)(const void* op);
};
template <foreign_operation Op>
struct scratch<Op> : foreign_request {};

template <foreign_operation Op>
struct calls<Op> {
  static constexpr auto how = served::threaded;
};

/// The descriptor that an operation works on, -1 for none.
template <class Op>
[[gnu::always_inline]] inline auto descriptor_of(const Op& op) noexcept -> int {
  if constexpr (requires { calls<Op>::descriptor(op); })
    return calls<Op>::descriptor(op);
  else
    return sluice::detail::handle_of(op);
}

template <class Op>
inline constexpr bool makes_descriptor = requires { calls<Op>::makes_descriptor; };
template <class Op>
inline constexpr bool raises_sigpipe = requires { calls<Op>::raises_sigpipe; };
template <class Op>
inline constexpr std::uint8_t direction_of = calls<Op>::how == served::reading   ? readiness_bits::in
                                             : calls<Op>::how == served::writing ? readiness_bits::out
                                                                                 : 0;

/// Whether an operation cannot wait in place of an attempt.
template <class Op>
[[gnu::always_inline]] inline auto must_try([[maybe_unused]] const Op& op) noexcept -> bool {
  if constexpr (requires { calls<Op>::must_try(op); })
    return calls<Op>::must_try(op);
  else
    return true;
}

/// The number of operations that the library does not know.
inline constexpr std::uint8_t foreign_code = 255;

/// The operations of a list with a number each.
template <class List>
struct numbered;
template <template <class...> class List, class... Entries>
struct numbered<List<Entries...>> {
  /// The number of an operation.
  template <class Op>
  static constexpr auto code_of() noexcept -> std::uint8_t {
    std::uint8_t code = 0;
    return ((std::is_same_v<typename Entries::type, Op> || (++code, false)) || ...) ? code : foreign_code;
  }

  /// Calls `f.template operator()<Op>()` for the operation with a number.
  template <class F>
  [[gnu::always_inline]] static auto with(std::uint8_t code, F&& f) noexcept {
    decltype(f.template operator()<op::nop>()) outcome {};
    std::uint8_t at = 0;
    (void)((code == at++ && ((outcome = f.template operator()<typename Entries::type>()), true)) || ...);
    return outcome;
  }
};
using operations = numbered<std::remove_cvref_t<decltype(op::all)>>;

template <class Op>
inline constexpr std::uint8_t code_of = operations::code_of<Op>();

}  // namespace sluice::inline v0::detail::readiness
