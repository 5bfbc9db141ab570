// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The positions of files, where the kernel reads or writes there and leaves them as they were. Part of the policy backend::io_uring.
///
/// The kernel moves a file's position only where a transfer ends in the call that begins or repeats it, and well. One that a device ends
/// later, as with `open_flags::direct`, moves nothing; nor does a write that has no room for its rest, whose result all the same is what
/// it wrote. Whoever went on from there would read the same bytes again, and write the next ones over the last.

#include <sluice/buffer.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/op/file.hpp>

#if defined(__linux__)

#include <liburing.h>

#include <cstdint>
#include <type_traits>

#include <unistd.h>

namespace sluice::inline v0::detail::uring {

/// Of `record::engine`, beside the bits in outcome.hpp: the position of its file is looked at when it is done.
inline constexpr std::uint8_t at_position = 8;

/// Whether an operation may be asked to read or write at a file's position.
template <class Op>
inline constexpr bool may_use_position =
    std::is_same_v<Op, op::read> || std::is_same_v<Op, op::write> || std::is_same_v<Op, op::readv> || std::is_same_v<Op, op::writev>;

/// Whether a prepared one is.
[[nodiscard]] inline auto uses_position(const ::io_uring_sqe& e) noexcept -> bool {
  return e.off == current_position &&
         (e.opcode == IORING_OP_READ || e.opcode == IORING_OP_WRITE || e.opcode == IORING_OP_READV || e.opcode == IORING_OP_WRITEV);
}

/// The operations in flight that are at the position of a file.
template <class Os>
class positions {
 public:
  /// One of them is queued. Whether there are any: what has no position, as a pipe, a socket or a terminal, is none.
  [[gnu::noinline, gnu::cold]] auto note(aio::record& one) noexcept -> bool {
    const ::off_t before = Os::lseek(one.handle, 0, SEEK_CUR);
    if (before < 0) return count_ != 0;
    // No transfer is so long that this would not tell a position that was moved, and nobody reads the field before the end.
    one.flags = static_cast<std::uint32_t>(before);
    one.engine |= at_position;
    ++count_;
    return true;
  }
  /// It is done, its record as it was. Whether there are any others.
  [[gnu::noinline, gnu::cold]] auto settle(aio::record& one, std::int32_t moved) noexcept -> bool {
    one.engine = one.engine & ~at_position & 63U;
    if (moved > 0) {
      const ::off_t now = Os::lseek(one.handle, 0, SEEK_CUR);
      if (now >= 0 && static_cast<std::uint32_t>(now) == one.flags) (void)Os::lseek(one.handle, moved, SEEK_CUR);
    }
    return --count_ != 0;
  }

 private:
  std::uint32_t count_ = 0;
};

}  // namespace sluice::inline v0::detail::uring

#endif
