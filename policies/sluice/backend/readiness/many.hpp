// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations that give many results: each is made again when its result was seen, and a buffer is picked when there is something to
/// receive. Part of the policy backend::readiness.

#include <sluice/backend/readiness/calls.hpp>
#include <sluice/backend/readiness/calls_file.hpp>
#include <sluice/backend/readiness/calls_net.hpp>
#include <sluice/backend/readiness/calls_process.hpp>
#include <sluice/buffer_group.hpp>
#include <sluice/concept/backend.hpp>
#include <sluice/op/stream.hpp>
#include <sluice/op/time.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace sluice::inline v0::detail::readiness {

template <>
struct scratch<op::accept_many> : scratch<op::accept> {};
template <>
struct calls<op::accept_many> {
  static constexpr auto how = served::reading;
  static constexpr bool makes_descriptor = true;

  template <class Os>
  static auto attempt(const op::accept_many& op, scratch<op::accept_many>& keep, row& of) noexcept -> step {
    return calls<op::accept>::attempt<Os>({.socket = op.socket}, keep, of);
  }
  template <class Os>
  static auto block(const op::accept_many& op, scratch<op::accept_many>& keep) noexcept -> std::int64_t {
    return calls<op::accept>::block<Os>({.socket = op.socket}, keep);
  }
};

template <>
struct scratch<op::recv_many> : request {
  std::uint32_t buffer;  // which was picked
};
template <>
struct calls<op::recv_many> {
  static constexpr auto how = served::reading;
  static auto must_try(const op::recv_many&) noexcept -> bool { return false; }

  template <class Os>
  [[gnu::always_inline]] static auto attempt(const op::recv_many& op, scratch<op::recv_many>& keep, row& of) noexcept -> step {
    auto& group = *op.buffers.state();
    keep.buffer = group.pick();
    if (keep.buffer == buffer_group_state::none) [[unlikely]]
      return over(-ENOBUFS);
    const auto outcome = receive<Os>(op.socket.native(), group.at(keep.buffer), group.bytes(), 0, of);
    if (outcome <= 0) {
      group.keep(keep.buffer);
      keep.buffer = buffer_group_state::none;
      return outcome == -EAGAIN ? must_wait : over(outcome);
    }
    return over(outcome);
  }
};

template <>
struct scratch<op::poll_many> : watch_request {};
template <>
struct calls<op::poll_many> {
  static constexpr auto how = served::itself;
};

template <>
struct scratch<op::timer_many> : scratch<op::timeout> {};
template <>
struct calls<op::timer_many> : calls<op::timeout> {};

/// What streams ask of the backend.
template <class Op, class Os>
struct many {
  static auto decode(const Op&, [[maybe_unused]] const scratch<Op>& keep, std::int32_t res, std::uint32_t) noexcept -> arrival {
    if constexpr (std::is_same_v<Op, op::recv_many>)
      return {.raw = res, .buffer = res > 0 ? static_cast<std::int32_t>(keep.buffer) : -1};
    else
      return {.raw = res};
  }
  static auto try_once(scratch<Op>&) noexcept -> bool { return false; }
  template <class Backend, class Watch>
  static void go_on(Backend&, aio::record&, const Watch&) noexcept {}

  static constexpr auto shared_bytes(std::uint32_t) noexcept -> std::size_t { return 0; }
  template <class Backend>
  static void share(Backend&, buffer_group_state&, std::byte*) noexcept {}
};

}  // namespace sluice::inline v0::detail::readiness

#endif
