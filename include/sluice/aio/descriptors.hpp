// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// One record a descriptor: which operations of a ring are in flight on it. Layer: aio.

#include <sluice/concept/record.hpp>
#include <sluice/detail/number_table.hpp>

#include <cassert>
#include <cstdint>
#include <system_error>

namespace sluice::inline v0::aio {

/// What a ring knows of one descriptor.
struct descriptor {
  record* newest = nullptr;   ///< operations in flight, newest first
  record* closing = nullptr;  ///< a close that waits until there are none

  /// It lies elsewhere now.
  void moved() noexcept {
    if (newest != nullptr) newest->place = &newest;
  }
};

/// What a ring knows of each descriptor.
template <class Os>
using descriptor_table = sluice::detail::number_table<Os, descriptor, 64>;

/// \cond
// It is on no list.
[[gnu::always_inline]] inline void leave_alone(record& one) noexcept {
  one.older = nullptr;
  one.place = &one.older;
}

// Takes an operation off the list that it is on, if it is on one.
[[gnu::always_inline]] inline void unlink(record& one) noexcept {
  record* const older = one.older;
  record** const place = one.place;
  *place = older;
  if (older != nullptr) older->place = place;
}

// It cannot start; its result says why. Always false.
inline auto refuse(record& one, std::errc why) noexcept -> bool {
  leave_alone(one);
  one.res = -static_cast<std::int32_t>(why);
  one.handle = -1;
  return false;
}

template <class Backend>
void check_send_order([[maybe_unused]] const record& one, [[maybe_unused]] const descriptor& slot) noexcept {
#ifndef NDEBUG
  if (!one.info->is_send) return;
  for (const record* other = slot.newest; other != nullptr; other = other->older) {
    const bool linked = (one.kind & other->kind & record_kind::member) != 0 && one.owner == other->owner;
    assert((!other->info->is_send || linked || (other->kind & record_kind::waiting) != 0 || !Backend::is_stream(one.handle)) &&
           "two sends in flight on one stream socket may change places; await the first one or link them");
  }
#endif
}

// Puts an operation on the list of its descriptor. False: it was refused.
template <class Backend>
[[gnu::always_inline]] inline auto link(record& one, descriptor& slot) noexcept -> bool {
  record* const newest = slot.newest;
  if (newest != nullptr) {
    // A close waits only while the list is not empty. The number is about to be given back: what starts now would hit its next owner.
    if (slot.closing != nullptr) [[unlikely]]
      return refuse(one, std::errc::bad_file_descriptor);
    if ((one.kind & record_kind::waiting) == 0) check_send_order<Backend>(one, slot);
    newest->place = &one.older;
  }
  one.older = newest;
  one.place = &slot.newest;
  slot.newest = &one;
  return true;
}
/// \endcond

}  // namespace sluice::inline v0::aio
