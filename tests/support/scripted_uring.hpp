// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Configs of backend::io_uring over a scripted system, and what its kernel refuses.

#include <laws/backend.hpp>
#include <sluice/backend/io_uring.hpp>
#include <sluice/config.hpp>
#include <sluice/native.hpp>
#include <sluice/trace/counters.hpp>
#include <support/scripted_os.hpp>

#include <cerrno>
#include <cstdint>

namespace scripted {

template <sluice::io_uring_options O = {}>
using uring = sluice::backend::io_uring<O, support::scripted_os>;

struct app : sluice::config<uring<>, sluice::trace::counters> {};

template <class Op>
using operation = laws::backend::session<app>::operation<Op>;

constexpr auto register_ring_fds = 20;
constexpr auto register_eventfd = 4;
constexpr auto register_probe = 8;
constexpr auto register_send_msg_ring = 31;

inline void refuse_register(std::uint64_t opcode, int error) {
  support::script::always("uring_register", [opcode, error](const support::system_call& call) -> support::script::answer {
    return call.first == opcode ? support::script::answer{-error} : support::script::answer{};
  });
}

}  // namespace scripted
