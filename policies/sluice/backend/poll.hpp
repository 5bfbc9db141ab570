// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations through poll(2). A policy.

#include <sluice/backend/readiness.hpp>
#include <sluice/backend/readiness/alone.hpp>
#include <sluice/poller/poll.hpp>

#if defined(__linux__)

namespace sluice::inline v0::backend {

/// Operations with nothing but poll(2), for few descriptors: `backend::readiness` over `poller::poll`. It has no handle for foreign loops.
/// \errors `open`: `errc::ring_descriptors`, or those of eventfd(2)  \os Linux  \src poll(2)
template <readiness_options O = {}, class Os = os::linux_>
using poll = readiness<poller::poll, O, Os>;

static_assert(backend_policy<poll<>>);

}  // namespace sluice::inline v0::backend

#endif
