// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What a scheduler keeps for those who need it only now and then. Layer: coro.

namespace sluice::inline v0::coro {

/// Something that lives as long as its scheduler, made when it is first needed, so that programs which never need it do not contain it.
struct attachment {
  const void* key;                         ///< what it is: the address of something that only its kind has
  void (*end)(attachment& self) noexcept;  ///< frees it, after the last task
  attachment* next = nullptr;              ///< the scheduler's own
};

}  // namespace sluice::inline v0::coro
