// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Whose rules a chain follows, and in what those of the library are others than the kernel's.

namespace oracle {

/// Whose rules.
enum class rules : unsigned char { library, kernel };

/// The points in which the library deliberately does otherwise than the kernel.
enum class clause : unsigned {
  close_is_never_skipped = 1,         ///< 4.2: the kernel skips a close behind a failure, the library runs it
  failed_sync_breaks = 2,             ///< 4.a: the kernel goes on behind a failed fsync or shutdown
  unstarted_member_ends = 4,          ///< 4.5: the kernel finds only what runs; the library ends a member before its turn
  cancelled_call_starts_no_more = 8,  ///< 4.5: behind a hard link the kernel starts the next member, whatever was cancelled
  close_ends_those_that_wait =
      16,  ///< 5.1: members that have not started end with their handle; the kernel finds a bad number in their turn
  deadline_can_be_cancelled = 32,  ///< 4.5: the kernel does not find a linked timeout by its identity
  cut_message_is_whole = 64,       ///< 4.c: a message that fills the buffer of a `wait_all` is not short; the kernel fails if it was cut
};

}  // namespace oracle
