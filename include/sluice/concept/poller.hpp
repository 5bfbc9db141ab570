// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The contract of a poller: how a readiness backend learns that a descriptor can be read or written. Layer: concept.

#include <sluice/interval.hpp>
#include <sluice/result.hpp>

#include <concepts>
#include <cstdint>
#include <string_view>

namespace sluice::inline v0 {

/// Directions in which a descriptor is ready, or watched; bits.
namespace readiness_bits {
inline constexpr std::uint32_t in = 1;      ///< something can be read, or accepted
inline constexpr std::uint32_t out = 2;     ///< something can be written, or a connection stands
inline constexpr std::uint32_t both = 3;    ///< either; an error or a hang-up counts as both
inline constexpr std::uint32_t beyond = 4;  ///< besides, an end, an error or urgent data behind what can be read: no later change tells it
}  // namespace readiness_bits

namespace detail {
struct ignore_readiness {
  void operator()(int, std::uint32_t) const noexcept {}
};
}  // namespace detail

/// What differs between the ways to wait for readiness. `poller::epoll` is one; `P::set<Os, Events>` is the type of an instance.
///
/// * `edge`: it reports changes and with them what is `beyond`, and stays armed; else it reports a state, for as long as somebody waits.
/// * `open()` asks the system for what it needs; the set is made from that and gives it back at its end.
/// * `arm(number, place, direction)` watches one direction more. Zero, -EPERM for a descriptor that has no readiness, or minus the error.
///   `place` is the set's own word for this number, zero at first.
/// * `disarm(number, place, direction)`: nobody waits for this direction any more.
/// * `prove(number, place)`: somebody has waited for long. Watches again what was watched if the number means another file by now, and has
///   the next wait report what is ready. Zero, 1 if it was another file, or minus the error.
/// * `rest(number, place)`, where a set has it: nobody waits, and reports come all the same. Stops them until it is armed again.
/// * `forget(place)`: the number was closed, or means a new file; nobody waits.
/// * `wait(limit, seen)` sleeps, not at all for a limit of zero and without an end for the largest one, then calls `seen(number,
///   directions)` for each descriptor that is ready. How many, or minus the error; `seen` may arm and disarm.
/// * `handle()` is a descriptor that is readable when `wait` would report something.
template <class S>
concept poller_set =
    requires(S& set, int number, std::uint32_t& place, std::uint32_t direction, interval limit, detail::ignore_readiness seen) {
      { set.arm(number, place, direction) } noexcept -> std::same_as<int>;
      { set.disarm(number, place, direction) } noexcept -> std::same_as<void>;
      { set.prove(number, place) } noexcept -> std::same_as<int>;
      { set.forget(place) } noexcept -> std::same_as<void>;
      { set.wait(limit, seen) } noexcept -> std::same_as<int>;
      { set.handle() } noexcept -> std::same_as<result<int>>;
      { set.close() } noexcept -> std::same_as<void>;
    };

/// A poller for an `Os`; see `poller_set`.
template <class P, class Os>
concept poller_policy = requires {
  { P::name } -> std::convertible_to<std::string_view>;
  { P::edge } -> std::convertible_to<bool>;
  { P::template open<Os>() } noexcept -> std::same_as<result<typename P::opened>>;
  requires poller_set<typename P::template set<Os, 16>>;
  requires std::constructible_from<typename P::template set<Os, 16>, typename P::opened>;
};

}  // namespace sluice::inline v0
