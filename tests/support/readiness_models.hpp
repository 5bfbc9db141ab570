// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The configs of backend::readiness on which the laws are run.

#include <laws/backend.hpp>
#include <sluice/backend/epoll.hpp>
#include <sluice/backend/poll.hpp>
#include <sluice/config.hpp>
#include <sluice/native.hpp>
#include <sluice/trace/counters.hpp>

namespace models {

using laws::backend::readiness_facts;
using sluice::trace::counters;

struct epoll : sluice::config<sluice::backend::epoll<>, counters>, readiness_facts<> {};
struct poll : sluice::config<sluice::backend::poll<>, counters>, readiness_facts<false> {};

}  // namespace models
