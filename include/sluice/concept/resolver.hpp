// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The contract of a resolver policy: who knows the addresses of hosts. Layer: concept.

#include <sluice/address.hpp>
#include <sluice/fwd.hpp>
#include <sluice/handle.hpp>
#include <sluice/interval.hpp>
#include <sluice/result.hpp>

#include <concepts>
#include <cstdint>
#include <string_view>
#include <vector>

namespace sluice::inline v0 {

/// The addresses of a host, in the order in which they should be tried; at least one.
using host_addresses = std::vector<ip::endpoint>;

/// \cond
template <class P>
concept resolver_basics = requires {
  { P::kind } -> std::convertible_to<policy_kind>;
  requires P::kind == policy_kind::resolver;
  { P::name } -> std::convertible_to<std::string_view>;
};
/// \endcond

/// A resolver policy that blocks: `look_up(host, port)` is called on threads of the blocking policy, on several at once.
template <class P>
concept blocking_resolver = resolver_basics<P> && requires(const char* host, std::uint16_t port) {
  { P::look_up(host, port) } noexcept -> std::same_as<result<host_addresses>>;
};

/// A resolver policy whose `question` is driven by the task that asks, so that nothing blocks and a cancel ends it:
///
/// * `begin(host, port)` asks; the answer may be there already. It is called once.
/// * While it is not `done()`, `go_on()` is called when `handle()` polls readable, and when `patience()` is over.
/// * `answer()` gives the answer, once.
/// * Its destructor ends whatever is on the way.
template <class P>
concept driven_resolver =
    resolver_basics<P> && requires(typename P::question question, const typename P::question& seen, const char* host, std::uint16_t port) {
      requires std::default_initializable<typename P::question>;
      { question.begin(host, port) } noexcept -> std::same_as<result<void>>;
      { seen.done() } noexcept -> std::same_as<bool>;
      { seen.handle() } noexcept -> std::same_as<any_handle>;
      { question.patience() } noexcept -> std::same_as<interval>;
      { question.go_on() } noexcept -> std::same_as<void>;
      { question.answer() } noexcept -> std::same_as<result<host_addresses>>;
    };

/// A policy that finds the addresses of hosts, in one way or the other.
template <class P>
concept resolver_policy = blocking_resolver<P> || driven_resolver<P>;

}  // namespace sluice::inline v0
