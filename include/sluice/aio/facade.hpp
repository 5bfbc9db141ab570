// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The core for one config, under short names. Layer: aio.

#include <sluice/aio/buffer_group.hpp>
#include <sluice/aio/call.hpp>
#include <sluice/aio/event_source.hpp>
#include <sluice/aio/immediate.hpp>
#include <sluice/aio/links.hpp>
#include <sluice/aio/operation.hpp>
#include <sluice/aio/ring.hpp>
#include <sluice/aio/stream.hpp>
#include <sluice/concept/diagnose.hpp>
#include <sluice/config.hpp>

#include <type_traits>
#include <utility>

namespace sluice::inline v0 {

/// The core for a config: `using aio = sluice::aio_of<app>;`.
template <class Config>
struct aio_of {
  using config = detail::sound<Config>;  ///< as given; the defaults in place of one with a mistake, which is then said once
  using backend = policy_of<config, policy_kind::backend>;  ///< how operations reach the system
  using ring = aio::ring<config>;                           ///< the core
  using record = aio::record;                               ///< an operation whatever its type
  using timer = aio::timer;                                 ///< a deadline of the caller's
  using event_source = aio::basic_event_source<backend>;    ///< tokens between threads and tasks

  /// An operation that the caller owns.
  template <class Op>
  using operation = aio::basic_operation<backend, Op>;

  /// A stream that the caller owns.
  template <class Op>
  using stream = aio::basic_stream<ring, Op>;
  using buffer_group = aio::basic_buffer_group<ring>;  ///< buffers for the streams of one ring

  /// Whether the backend of this config can do an operation.
  template <class Op>
  static constexpr bool supports = backend::template supports<Op>;

  /// Runs operations and blocks the thread: `result<T>`, or a tuple of them for several.
  template <class... Ops>
  [[nodiscard]] static auto run(Ops&&... ops) noexcept -> typename aio::outcome_of<std::remove_cvref_t<Ops>...>::type {
    if constexpr (aio::check_call<backend, std::remove_cvref_t<Ops>...>())
      return aio::run<config, std::remove_cvref_t<Ops>...>(std::forward<Ops>(ops)...);
    else
      __builtin_unreachable();  // the mistake was said; nothing else is to be said about it
  }
};

}  // namespace sluice::inline v0
