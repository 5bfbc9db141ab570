// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Which requirement of its concept a poller misses, as one sentence. Layer: concept.

#include <sluice/concept/poller.hpp>
#include <sluice/concept/requirement.hpp>
#include <sluice/interval.hpp>
#include <sluice/result.hpp>

#include <concepts>
#include <cstdint>

namespace sluice::inline v0::detail {

/// The requirements one by one, so that the one that is missed can be named; whether a function may throw comes last.
namespace need {

template <class P>
concept edge = requires {
  { P::edge } -> std::convertible_to<bool>;
};
template <class P, class Os>
concept opens_a_set = requires {
  { P::template open<Os>() } -> std::same_as<result<typename P::opened>>;
};
template <class P, class Os>
concept set =
    requires { typename P::template set<Os, 16>; } && std::constructible_from<typename P::template set<Os, 16>, typename P::opened>;
template <class S>
concept arm_direction = requires(S& set, int number, std::uint32_t& place, std::uint32_t direction) {
  { set.arm(number, place, direction) } -> std::same_as<int>;
};
template <class S>
concept disarm_direction = requires(S& set, int number, std::uint32_t& place, std::uint32_t direction) {
  { set.disarm(number, place, direction) } -> std::same_as<void>;
};
template <class S>
concept prove = requires(S& set, int number, std::uint32_t& place) {
  { set.prove(number, place) } -> std::same_as<int>;
};
template <class S>
concept forget = requires(S& set, std::uint32_t& place) {
  { set.forget(place) } -> std::same_as<void>;
};
template <class S>
concept wait = requires(S& set, interval limit, ignore_readiness seen) {
  { set.wait(limit, seen) } -> std::same_as<int>;
};
template <class S>
concept handle = requires(S& set) {
  { set.handle() } -> std::same_as<result<int>>;
};
template <class S>
concept close = requires(S& set) {
  { set.close() } -> std::same_as<void>;
};

}  // namespace need

template <class P, class Os>
consteval auto diagnose_poller() -> bool {
  if constexpr (poller_policy<P, Os>) {
    return true;
  } else if constexpr (!has_name<P>) {
    static_assert(meets<P>, "[sluice.poller.name] a poller misses its name; add `static constexpr std::string_view name`");
  } else if constexpr (!need::edge<P>) {
    static_assert(
        meets<P>,
        "[sluice.poller.edge] a poller misses edge; add `static constexpr bool edge`, true if it reports changes and stays armed");
  } else if constexpr (!need::opens_a_set<P, Os>) {
    static_assert(
        meets<P>,
        "[sluice.poller.open] a poller misses open; add a type `opened` and `template <class Os> static auto open() noexcept -> result<opened>`");
  } else if constexpr (!need::set<P, Os>) {
    static_assert(
        meets<P>,
        "[sluice.poller.set] a poller misses its set; add `template <class Os, std::uint32_t Events> class set` that can be made from what open gives");
  } else {
    using set_type = typename P::template set<Os, 16>;
    if constexpr (!need::arm_direction<set_type>) {
      static_assert(
          meets<set_type>,
          "[sluice.poller.arm] the set of a poller misses arm; add `auto arm(int number, std::uint32_t& place, std::uint32_t direction) noexcept -> int`");
    } else if constexpr (!need::disarm_direction<set_type>) {
      static_assert(
          meets<set_type>,
          "[sluice.poller.disarm] the set of a poller misses disarm; add `void disarm(int number, std::uint32_t& place, std::uint32_t direction) noexcept`");
    } else if constexpr (!need::prove<set_type>) {
      static_assert(
          meets<set_type>,
          "[sluice.poller.prove] the set of a poller misses prove; add `auto prove(int number, std::uint32_t& place) noexcept -> int`");
    } else if constexpr (!need::forget<set_type>) {
      static_assert(meets<set_type>,
                    "[sluice.poller.forget] the set of a poller misses forget; add `void forget(std::uint32_t& place) noexcept`");
    } else if constexpr (!need::wait<set_type>) {
      static_assert(meets<set_type>,
                    "[sluice.poller.wait] the set of a poller misses wait; add `auto wait(interval limit, auto&& seen) noexcept -> int`");
    } else if constexpr (!need::handle<set_type>) {
      static_assert(meets<set_type>,
                    "[sluice.poller.handle] the set of a poller misses handle; add `auto handle() const noexcept -> result<int>`");
    } else if constexpr (!need::close<set_type>) {
      static_assert(meets<set_type>, "[sluice.poller.close] the set of a poller misses close; add `void close() noexcept`");
    } else {
      static_assert(
          meets<set_type>,
          "[sluice.poller.noexcept] a function of a poller may throw; make open, and arm, disarm, prove, forget, wait, handle and close of its set noexcept");
    }
  }
  return false;
}

}  // namespace sluice::inline v0::detail
