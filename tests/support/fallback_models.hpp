// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Configs of `backend::with_fallback` on a kernel that lacks opcodes, for laws and tests.

#include <laws/backend.hpp>
#include <sluice/backend/epoll.hpp>
#include <sluice/backend/io_uring.hpp>
#include <sluice/backend/with_fallback.hpp>
#include <sluice/native.hpp>
#include <sluice/trace/counters.hpp>
#include <support/lacking_os.hpp>

#include <cstdint>
#include <string_view>

namespace models {

template <sluice::io_uring_options O = {}>
using completed =
    sluice::backend::with_fallback<sluice::backend::io_uring<O, support::lacking_os>, sluice::backend::epoll<{}, support::lacking_os>>;

struct app : sluice::config<completed<>, sluice::trace::counters>, laws::backend::readiness_facts<> {};
// Nothing by a plain call where there is an entry.
struct strict : sluice::config<completed<{.inline_try = sluice::inline_try::never}>, sluice::trace::counters>,
                laws::backend::readiness_facts<> {};

// But for the one that the laws use as a user's own.
inline constexpr std::uint64_t everything = ~(std::uint64_t{1} << IORING_OP_FALLOCATE);

struct nothing_there {
  support::denial all{everything};
};

/// How a ring says that it serves an operation.
auto how(auto& ring, std::string_view name) -> sluice::service {
  for (const auto& one : ring.report())
    if (one.operation == name) return one.how;
  return sluice::service::nowhere;
}

}  // namespace models
