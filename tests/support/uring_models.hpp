// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The configs of backend::io_uring on which the laws are run.

#include <laws/backend.hpp>
#include <sluice/backend/io_uring.hpp>
#include <sluice/config.hpp>
#include <sluice/native.hpp>
#include <sluice/trace/counters.hpp>

namespace models {

using sluice::inline_try;
using sluice::trace::counters;
namespace ring = sluice::ring;
using laws::backend::facts;

template <sluice::io_uring_options O = {}>
using uring = sluice::backend::io_uring<O>;

struct deferred : sluice::config<uring<>, counters>, facts<> {};
struct cooperative : sluice::config<uring<{.flags = ring::single_issuer | ring::coop_taskrun | ring::taskrun_flag}>, counters>, facts<> {};
struct plain : sluice::config<uring<{.flags = ring::none}>, counters>, facts<> {};
struct polled_submission : sluice::config<uring<{.flags = ring::sqpoll, .sqpoll = {.idle = std::chrono::milliseconds{2}}}>, counters>,
                           facts<256, true> {};
struct two_entries : sluice::config<uring<{.entries = 2, .completions = 4}>, counters>, facts<2> {};
struct never_tries : sluice::config<uring<{.inline_try = inline_try::never}>, counters>, facts<> {};
struct tries_send : sluice::config<uring<{.inline_try = inline_try::send}>, counters>, facts<> {};
struct tries_both : sluice::config<uring<{.inline_try = inline_try::both}>, counters>, facts<> {};
struct tries_adaptively : sluice::config<uring<{.inline_try = inline_try::adaptive}>, counters>, facts<> {};

/// The kernel is given no chain: the library runs all of them, member by member.
struct chainless_uring : uring<> {
  using uring<>::io_uring;
  template <class Op>
  static constexpr auto can_link = sluice::chain_place::nowhere;
};
struct user_space_chains : sluice::config<chainless_uring, counters>, facts<> {};

}  // namespace models
