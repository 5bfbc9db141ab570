// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The configs of backend::io_uring on which the laws are run.

#include <sluice/backend/io_uring.hpp>
#include <sluice/config.hpp>
#include <sluice/native.hpp>
#include <sluice/trace/counters.hpp>

namespace models {

using sluice::inline_try;
using sluice::trace::counters;
namespace ring = sluice::ring;

template <sluice::io_uring_options O = {}>
using uring = sluice::backend::io_uring<O>;

struct deferred : sluice::config<uring<>, counters> {};
struct cooperative : sluice::config<uring<{.flags = ring::single_issuer | ring::coop_taskrun | ring::taskrun_flag}>, counters> {};
struct plain : sluice::config<uring<{.flags = ring::none}>, counters> {};
struct polled_submission : sluice::config<uring<{.flags = ring::sqpoll, .sqpoll = {.idle = std::chrono::milliseconds{2}}}>, counters> {};
struct two_entries : sluice::config<uring<{.entries = 2, .completions = 4}>, counters> {};
struct never_tries : sluice::config<uring<{.inline_try = inline_try::never}>, counters> {};
struct tries_send : sluice::config<uring<{.inline_try = inline_try::send}>, counters> {};
struct tries_both : sluice::config<uring<{.inline_try = inline_try::both}>, counters> {};
struct tries_adaptively : sluice::config<uring<{.inline_try = inline_try::adaptive}>, counters> {};

}  // namespace models
