// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// How operations of one call hang together: links and deadlines. Layer: op.

#include <sluice/interval.hpp>
#include <sluice/op/time.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::op {

/// Joins an operation to the next one of the call: that one starts when this one has succeeded.
template <class Op>
struct soft {
  Op operation;  ///< what runs first
};
template <class Op>
soft(Op) -> soft<Op>;

/// Joins an operation to the next one of the call: that one starts when this one is done, whatever came of it.
template <class Op>
struct hard {
  Op operation;  ///< what runs first
};
template <class Op>
hard(Op) -> hard<Op>;

/// Bounds an operation: its own result, or `timed_out` only if it was not done in time. Success wins.
template <class Op>
struct timed {
  Op operation;    ///< what is bounded
  interval limit;  ///< from its start
};
template <class Op, class Duration>
timed(Op, Duration) -> timed<Op>;

}  // namespace sluice::inline v0::op

namespace sluice::inline v0::detail {

/// How an operation of a call is joined to the next.
enum class link_kind : std::uint8_t { none, soft, hard };

/// Takes an operation of a call apart: the operation itself, its link, its deadline.
template <class Op>
struct unlinked {
  using type = Op;
  static constexpr auto link = link_kind::none;
  static constexpr bool is_timed = false;
  static constexpr auto take(auto&& op) noexcept -> decltype(auto) { return std::forward<decltype(op)>(op); }
  static constexpr auto limit(const Op&) noexcept -> interval { return interval::max(); }
};
template <class Op>
struct unlinked<op::timed<Op>> {
  using type = typename unlinked<Op>::type;
  static constexpr auto link = unlinked<Op>::link;
  static constexpr bool is_timed = true;
  static constexpr auto take(auto&& wrapped) noexcept -> decltype(auto) {
    return unlinked<Op>::take(std::forward<decltype(wrapped)>(wrapped).operation);
  }
  static constexpr auto limit(const op::timed<Op>& wrapped) noexcept -> interval { return wrapped.limit; }
};
template <class Op>
struct unlinked<op::soft<Op>> {
  using type = typename unlinked<Op>::type;
  static constexpr auto link = link_kind::soft;
  static constexpr bool is_timed = unlinked<Op>::is_timed;
  static constexpr auto take(auto&& wrapped) noexcept -> decltype(auto) {
    return unlinked<Op>::take(std::forward<decltype(wrapped)>(wrapped).operation);
  }
  static constexpr auto limit(const op::soft<Op>& wrapped) noexcept -> interval { return unlinked<Op>::limit(wrapped.operation); }
};
template <class Op>
struct unlinked<op::hard<Op>> {
  using type = typename unlinked<Op>::type;
  static constexpr auto link = link_kind::hard;
  static constexpr bool is_timed = unlinked<Op>::is_timed;
  static constexpr auto take(auto&& wrapped) noexcept -> decltype(auto) {
    return unlinked<Op>::take(std::forward<decltype(wrapped)>(wrapped).operation);
  }
  static constexpr auto limit(const op::hard<Op>& wrapped) noexcept -> interval { return unlinked<Op>::limit(wrapped.operation); }
};

template <class Op>
inline constexpr bool is_link_timeout = std::is_same_v<typename unlinked<Op>::type, op::link_timeout>;

template <class... Ops>
inline constexpr bool any_linked = ((unlinked<Ops>::link != link_kind::none) || ...);

/// Whether the operation before a link_timeout is linked to it, and there is one.
template <class... Ops>
consteval auto link_timeouts_follow_a_link() -> bool {
  constexpr link_kind links[] = {unlinked<Ops>::link...};
  constexpr bool deadlines[] = {is_link_timeout<Ops>...};
  for (std::size_t i = 0; i < sizeof...(Ops); ++i)
    if (deadlines[i] && (i == 0 || links[i - 1] == link_kind::none || deadlines[i - 1])) return false;
  return true;
}

template <class... Ops>
consteval auto last_is_unlinked() -> bool {
  constexpr link_kind links[] = {unlinked<Ops>::link...};
  return links[sizeof...(Ops) - 1] == link_kind::none;
}

/// Checks the operations of one call, as far as their types tell. One mistake gives one message.
template <class... Ops>
consteval auto check_call() -> bool {
  if constexpr (sizeof...(Ops) == 0) {
    static_assert(sizeof...(Ops) != 0, "[sluice.op.empty] a call without operations has no result; give it at least one operation");
    return false;
  } else if constexpr (!last_is_unlinked<Ops...>()) {
    static_assert(last_is_unlinked<Ops...>(),
                  "[sluice.op.last_linked] the last operation of a call is linked to nothing; drop op::soft or op::hard from it");
    return false;
  } else if constexpr (!link_timeouts_follow_a_link<Ops...>()) {
    static_assert(
        link_timeouts_follow_a_link<Ops...>(),
        "[sluice.op.link_timeout] op::link_timeout bounds the operation linked before it and there is none; put an operation in op::soft or op::hard "
        "in front of it, or use op::timeout");
    return false;
  } else {
    return true;
  }
}

}  // namespace sluice::inline v0::detail
