// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations through Linux's epoll. A policy.

#include <sluice/backend/readiness.hpp>
#include <sluice/backend/readiness/alone.hpp>
#include <sluice/poller/epoll.hpp>

#if defined(__linux__)

namespace sluice::inline v0::backend {

/// Operations on any Linux, where io_uring is missing or forbidden: `backend::readiness` over `poller::epoll`.
/// \errors `open`: `errc::ring_descriptors`, or those of epoll_create1(2) and eventfd(2)  \os Linux  \src epoll(7)
template <readiness_options O = {}, class Os = os::linux_>
using epoll = readiness<poller::epoll, O, Os>;

static_assert(backend_policy<epoll<>>);

}  // namespace sluice::inline v0::backend

#endif
