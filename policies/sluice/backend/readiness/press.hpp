// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Ending a call that a thread is in. Part of the policy backend::readiness.

#include <sluice/backend/readiness/request.hpp>
#include <sluice/op/file.hpp>
#include <sluice/op/net.hpp>

#if defined(__linux__)

#include <cerrno>
#include <cstdint>

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/socket.h>
#include <sys/stat.h>

namespace sluice::inline v0::detail::readiness {

/// A connection that is given up lets go of its caller. Whether it stands already or is yet to come about, it is shut down from now on,
/// whatever the call says.
template <class Os>
void press_connect(request& one) noexcept {
  (void)Os::shutdown(one.descriptor, SHUT_RDWR);
  one.pressed = true;
}

/// An open that a thread is in may wait for the other end of a FIFO. That is opened for a moment, which lets it go; what is no FIFO is let
/// alone. The path is not looked up again: the thread's own call has left it in the system's memory, and anything else could block here.
/// \src fifo(7), openat2(2)
template <class Os>
void press_open(request& one) noexcept {
  const auto& op = *static_cast<const op::open_at*>(one.description);
  if (has(op.flags, open_flags::non_blocking)) return;
  const auto open = [&](int bits) noexcept {
    const ::open_how how{.flags = static_cast<std::uint64_t>(bits | O_CLOEXEC), .mode = 0, .resolve = RESOLVE_CACHED};
    return Os::openat2(op.directory.native(), op.path.c_str(), &how);
  };
  const int place = open(O_PATH);
  if (place < 0) return;
  const bool is_fifo = Os::file_type(place) == S_IFIFO;
  (void)Os::close(place);
  if (!is_fifo) return;
  const bool writes = has(op.flags, open_flags::write) || has(op.flags, open_flags::append);
  const int other = open((writes ? O_RDONLY : O_WRONLY) | O_NONBLOCK);
  if (other < 0) return;
  (void)Os::close(other);
  one.pressed = true;
}

/// What ends the call of an operation that a thread is in; null where nothing does.
template <class Os, class Op>
inline constexpr void (*press_of)(request&) noexcept = nullptr;
template <class Os>
inline constexpr void (*press_of<Os, op::connect>)(request&) noexcept = &press_connect<Os>;
template <class Os>
inline constexpr void (*press_of<Os, op::open_at>)(request&) noexcept = &press_open<Os>;

/// The result of a call that was to end: it stands, unless it came only because of that, or is of no use because of it.
template <class Os>
[[gnu::noinline, gnu::cold]] auto after_press(const request& one, std::int32_t raw) noexcept -> std::int32_t {
  if (one.made->connects) return raw < 0 || one.pressed ? -ECANCELED : raw;
  if (!one.pressed || raw < 0) return raw;
  (void)Os::close(raw);
  return -ECANCELED;
}

}  // namespace sluice::inline v0::detail::readiness

#endif
