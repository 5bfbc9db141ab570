// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Which policy is the default on this platform: the one place that decides it.

#include <sluice/fwd.hpp>
#include <sluice/stack/guarded.hpp>
#include <sluice/stuck/abandon.hpp>
#include <sluice/timers/heap.hpp>
#include <sluice/trace/none.hpp>

#if defined(__linux__)
#include <sluice/backend/io_uring.hpp>
#include <sluice/blocking/threads.hpp>
#include <sluice/resolver/system.hpp>
#else
#error "[sluice.native.platform] sluice has no default policies for this platform yet; use Linux"
#endif

#if defined(__x86_64__)
#include <sluice/context/native.hpp>
#else
#include <sluice/context/ucontext.hpp>
#endif

#if defined(__linux__)

namespace sluice::inline v0 {

/// The best backend of the platform.
template <>
struct default_policy<policy_kind::backend> {
  using type = backend::io_uring<>;  ///< Linux
};

/// Stacks with guard pages.
template <>
struct default_policy<policy_kind::stack> {
  using type = stack::guarded<>;  ///< wherever there is memory protection
};

/// The cheapest switch that the machine has.
template <>
struct default_policy<policy_kind::context> {
#if defined(__x86_64__)
  using type = context::native;  ///< inlined assembly
#else
  using type = context::ucontext;  ///< any POSIX machine
#endif
};

/// Deadlines in a heap.
template <>
struct default_policy<policy_kind::timers> {
  using type = timers::heap<>;  ///< everywhere
};

/// Nothing is observed.
template <>
struct default_policy<policy_kind::trace> {
  using type = trace::none;  ///< everywhere
};

/// Blocking code on a few threads, which start when there is some.
template <>
struct default_policy<policy_kind::blocking> {
  using type = blocking::threads<>;  ///< wherever there are threads
};

/// As the C library knows them.
template <>
struct default_policy<policy_kind::resolver> {
  using type = resolver::system<>;  ///< wherever there is one
};

/// Tasks that do not end are abandoned.
template <>
struct default_policy<policy_kind::stuck> {
  using type = stuck::abandon<>;  ///< everywhere
};

}  // namespace sluice::inline v0

#endif
