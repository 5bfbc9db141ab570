// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Configs of backend::readiness over a scripted system.

#include <laws/backend.hpp>
#include <sluice/backend/epoll.hpp>
#include <sluice/backend/poll.hpp>
#include <sluice/config.hpp>
#include <sluice/native.hpp>
#include <sluice/trace/counters.hpp>
#include <support/scripted_os.hpp>

#include <tuple>

namespace scripted {

struct by_epoll : sluice::config<sluice::backend::epoll<{}, support::scripted_os>, sluice::trace::counters>,
                  laws::backend::readiness_facts<> {};
struct by_poll : sluice::config<sluice::backend::poll<{}, support::scripted_os>, sluice::trace::counters>,
                 laws::backend::readiness_facts<false> {};
using both = std::tuple<by_epoll, by_poll>;

template <class Config, class Op>
using operation = typename laws::backend::session<Config>::template operation<Op>;

/// A receive into a buffer, described for the session that makes it.
template <class Config>
auto receive(laws::backend::session<Config>&, const support::descriptor& from, support::buffer<>& into) {
  return sluice::op::recv{.socket = from.socket(), .buffer = into.span()};
}

}  // namespace scripted
