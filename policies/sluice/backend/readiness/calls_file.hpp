// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations on files and event sources as plain calls. Part of the policy backend::readiness.

#include <sluice/backend/readiness/calls.hpp>
#include <sluice/backend/readiness/clocks.hpp>
#include <sluice/backend/readiness/transfer.hpp>
#include <sluice/op/cancel.hpp>
#include <sluice/op/event.hpp>
#include <sluice/op/file.hpp>
#include <sluice/op/time.hpp>
#include <sluice/os/event_tokens.hpp>
#include <sluice/os/native_flags.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <sys/uio.h>

namespace sluice::inline v0::detail::readiness {

/// A buffer, or several, in the system's form.
template <class Op>
struct gathered {
  explicit gathered(const Op& op) noexcept {
    if constexpr (requires { op.buffers; }) {
      parts = reinterpret_cast<const ::iovec*>(op.buffers.data());
      count = op.buffers.size();
    } else {
      one = {.iov_base = const_cast<std::byte*>(op.buffer.data()), .iov_len = os::length_bits(op.buffer.size())};
      parts = &one;
      count = 1;
    }
  }
  gathered(const gathered&) = delete;
  auto operator=(const gathered&) -> gathered& = delete;

  ::iovec one;
  const ::iovec* parts;
  std::size_t count;
};

template <class Op, bool Reads>
struct transfer_calls {
  static constexpr auto how = Reads ? served::reading : served::writing;

  template <class Os>
  static auto attempt(const Op& op, request& keep, row& of) noexcept -> step {
    const gathered<Op> all{op};
    return transfer<Os, Reads>{op.file.native(), all.parts, all.count, offset_of(op)}.attempt(keep, of);
  }
  template <class Os>
  static auto block(const Op& op, request& keep) noexcept -> std::int64_t {
    const gathered<Op> all{op};
    return transfer<Os, Reads>{op.file.native(), all.parts, all.count, offset_of(op)}.block(keep);
  }

 private:
  static auto offset_of(const Op& op) noexcept -> std::uint64_t {
    if constexpr (requires { op.offset; })
      return op.offset;
    else
      return current_position;
  }
};
template <class Op>
struct write_calls : transfer_calls<Op, false> {
  static constexpr bool raises_sigpipe = true;
};

template <>
struct calls<op::read> : transfer_calls<op::read, true> {};
template <>
struct calls<op::readv> : transfer_calls<op::readv, true> {};
template <>
struct calls<op::read_tty> : transfer_calls<op::read_tty, true> {};
template <>
struct calls<op::write> : write_calls<op::write> {};
template <>
struct calls<op::writev> : write_calls<op::writev> {};

template <>
struct calls<op::fsync> {
  static constexpr auto how = served::threaded;

  template <class Os>
  static auto block(const op::fsync& op, request&) noexcept -> std::int64_t {
    return uninterrupted([&]() noexcept { return op.data_only ? Os::fdatasync(op.file.native()) : Os::fsync(op.file.native()); });
  }
};

/// Its descriptor never blocks. Tokens that lie in the word were looked for before.
template <>
struct calls<op::wait_event> {
  static constexpr auto how = served::reading;

  static auto descriptor(const op::wait_event& op) noexcept -> int {
    return event_source_state::descriptor_in(op.source.state()->word.load(std::memory_order_acquire));
  }
  template <class Os>
  static auto attempt(const op::wait_event& op, request&, row&) noexcept -> step {
    std::uint64_t token = 0;
    const auto outcome = uninterrupted([&]() noexcept { return Os::read(descriptor(op), &token, sizeof(token)); });
    return outcome == -EAGAIN ? must_wait : over(outcome);
  }
};

template <>
struct calls<op::nop> {
  static constexpr auto how = served::itself;
};

template <>
struct scratch<op::timeout> : timed_request {};
template <>
struct scratch<op::link_timeout> : timed_request {};
template <>
struct calls<op::timeout> {
  static constexpr auto how = served::itself;
};
template <>
struct calls<op::link_timeout> {
  static constexpr auto how = served::itself;
};
template <>
struct calls<op::cancel> {
  static constexpr auto how = served::itself;
};
template <>
struct calls<op::cancel_handle> {
  static constexpr auto how = served::itself;
};
template <>
struct calls<op::cancel_all> {
  static constexpr auto how = served::itself;
};

// A close is the backend's own business.
template <>
struct calls<op::close_file> {
  static constexpr auto how = served::itself;
};
template <>
struct calls<op::close_socket> {
  static constexpr auto how = served::itself;
};
template <>
struct calls<op::close_directory> {
  static constexpr auto how = served::itself;
};
template <>
struct calls<op::close_process> {
  static constexpr auto how = served::itself;
};

}  // namespace sluice::inline v0::detail::readiness

#endif
