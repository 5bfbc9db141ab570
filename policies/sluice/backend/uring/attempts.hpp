// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Trying by a plain call what could go through the ring. Part of the policy backend::io_uring.

#include <sluice/backend/uring/options.hpp>
#include <sluice/backend/uring/prepare.hpp>
#include <sluice/concept/backend.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/concept/trace.hpp>
#include <sluice/op/net.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstdint>
#include <string_view>

#include <sys/socket.h>

namespace sluice::inline v0::detail::uring {

/// Attempts that do not wait. What they bring lies in the record; false where the ring must do it after all.
template <inline_try Try, class Os>
class attempts {
 public:
  /// Sends.
  template <class Watch>
  auto send(aio::record& record, const op::send& op, const Watch& watch) noexcept -> bool {
    // What a first attempt had sent of a whole could not be taken back, so the kernel does all of it.
    if (has(op.flags, send_flags::wait_all) || !worth_trying(send_failures_)) return false;
    const auto outcome = Os::send(op.socket.native(), op.buffer.data(), length_bits(op.buffer.size()), send_bits(op.flags) | MSG_DONTWAIT);
    return tried(record, outcome, has(op.flags, send_flags::dont_wait), send_failures_, op::send::name, watch);
  }

  /// Receives.
  template <class Watch>
  auto recv(aio::record& record, const op::recv& op, const Watch& watch) noexcept -> bool {
    if (has(op.flags, recv_flags::wait_all) || !worth_trying(recv_failures_)) return false;
    const auto outcome = Os::recv(op.socket.native(), op.buffer.data(), length_bits(op.buffer.size()), recv_bits(op.flags) | MSG_DONTWAIT);
    return tried(record, outcome, has(op.flags, recv_flags::dont_wait), recv_failures_, op::recv::name, watch);
  }

 private:
  static auto worth_trying([[maybe_unused]] std::uint32_t& failures) noexcept -> bool {
    if constexpr (Try == inline_try::adaptive)
      if (failures > 8 && (failures++ & 0x3fU) != 0) return false;
    return true;
  }

  template <class Watch>
  static auto tried(aio::record& record, std::int64_t outcome, bool may_fail, std::uint32_t& failures, std::string_view what,
                    const Watch& watch) noexcept -> bool {
    if (outcome == -EINTR) return false;
    if (outcome == -EAGAIN && !may_fail) {
      ++failures;
      return false;
    }
    failures = 0;
    record.res = static_cast<std::int32_t>(outcome);
    watch.hook(event::op_inline{what, record.res});
    return true;
  }

  std::uint32_t send_failures_ = 0;
  std::uint32_t recv_failures_ = 0;
};

}  // namespace sluice::inline v0::detail::uring

#endif
