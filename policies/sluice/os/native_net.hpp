// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations on sockets and event sources that never wait, as calls of Linux. A policy's part.

#include <sluice/op/event.hpp>
#include <sluice/op/net.hpp>
#include <sluice/os/event_tokens.hpp>
#include <sluice/os/native_flags.hpp>
#include <sluice/os/native_op.hpp>
#include <sluice/os/sockaddr.hpp>
#include <sluice/os/socket_options.hpp>

#if defined(__linux__)

#include <cstdint>

#include <sys/socket.h>

namespace sluice::inline v0::os {

/// \cond
// What each is, native_op.hpp says.

/// An address, and its length where the system says it.
struct kept_address {
  ::sockaddr_storage address;  ///< as the system takes it
  ::socklen_t length;          ///< of that
};

template <>
struct native_op<op::socket> : plain_native_op {
  static constexpr bool may_block = false;

  template <class Os>
  static auto call(const op::socket& op, kept&) noexcept -> int {
    return Os::socket(domain_bits(op.domain), type_bits(op.type), op.protocol);
  }
};

template <>
struct native_op<op::bind> : plain_native_op {
  static constexpr bool may_block = false;
  using kept = kept_address;

  template <class Os>
  static auto call(const op::bind& op, kept& keep) noexcept -> int {
    keep.length = encode(op.address, keep.address);
    return Os::bind(op.socket.native(), reinterpret_cast<const ::sockaddr*>(&keep.address), keep.length);
  }
};

template <>
struct native_op<op::listen> : plain_native_op {
  static constexpr bool may_block = false;

  template <class Os>
  static auto call(const op::listen& op, kept&) noexcept -> int {
    return Os::listen(op.socket.native(), op.backlog);
  }
};

template <>
struct native_op<op::shutdown> : plain_native_op {
  static constexpr bool may_block = false;

  template <class Os>
  static auto call(const op::shutdown& op, kept&) noexcept -> int {
    return Os::shutdown(op.socket.native(), shutdown_bits(op.how));
  }
};

template <>
struct native_op<op::getsockname> : plain_native_op {
  static constexpr bool may_block = false;
  using kept = kept_address;

  template <class Os>
  static auto call(const op::getsockname& op, kept& keep) noexcept -> int {
    keep.length = sizeof(keep.address);
    return Os::getsockname(op.socket.native(), reinterpret_cast<::sockaddr*>(&keep.address), &keep.length);
  }
  static auto value(const op::getsockname&, const kept& keep, std::int32_t) noexcept -> socket_address {
    return decode(keep.address, keep.length);
  }
};

template <>
struct native_op<op::setsockopt> : plain_native_op {
  static constexpr bool may_block = false;

  template <class Os>
  static auto call(const op::setsockopt& op, kept&) noexcept -> int {
    const auto native = option_of(op.option);
    return Os::setsockopt(op.socket.native(), native.level, native.name, &op.value, sizeof(op.value));
  }
};

template <>
struct native_op<op::getsockopt> : plain_native_op {
  static constexpr bool may_block = false;
  struct kept {
    int value;
  };

  template <class Os>
  static auto call(const op::getsockopt& op, kept& keep) noexcept -> int {
    const auto native = option_of(op.option);
    ::socklen_t length = sizeof(keep.value);
    return Os::getsockopt(op.socket.native(), native.level, native.name, &keep.value, &length);
  }
  static auto value(const op::getsockopt&, const kept& keep, std::int32_t) noexcept -> int { return keep.value; }
};

template <>
struct native_op<op::notify_event> : plain_native_op {
  static constexpr bool may_block = false;

  template <class Os>
  static auto call(const op::notify_event& op, kept&) noexcept -> int {
    return notify<Os>(op.source);
  }
};

/// \endcond

}  // namespace sluice::inline v0::os

#endif
