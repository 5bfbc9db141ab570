// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Which scheduler of a config the calling thread runs. Layer: coro.

namespace sluice::inline v0 {

namespace coro {
template <class Config>
class scheduler;
}  // namespace coro

namespace detail {

/// How many schedulers, of whatever config, the calling thread is inside of.
inline constinit thread_local int schedulers_entered [[gnu::visibility("default")]] = 0;

/// Set on entry to `run` and `poll`, restored on exit. One a config and thread; shared objects agree on it.
template <class Config>
inline constinit thread_local coro::scheduler<Config>* current [[gnu::visibility("default")]] = nullptr;

}  // namespace detail
}  // namespace sluice::inline v0
