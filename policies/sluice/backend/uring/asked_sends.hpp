// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Sends that were asked to end and have not ended yet. Part of the policy backend::io_uring.

#include <sluice/concept/record.hpp>

#include <cstdint>

namespace sluice::inline v0::detail::uring {

/// Of `record::engine`, as the bits of outcome.hpp: a send that was asked to end, in the list of those.
inline constexpr std::uint8_t was_asked = 16;

/// Sends that were asked to end, first in, first out, as they end by and large.
///
/// The kernel cannot wait for room in a connection whose other side has ended its own half: what it polls for is there already. It tries
/// again, over and over, and finds nothing to be cancelled while that goes on; then one of its threads waits.
class asked_sends {
 public:
  [[nodiscard]] auto empty() const noexcept -> bool { return first_ == nullptr; }
  [[gnu::noinline, gnu::cold]] void add(aio::record& one) noexcept {
    rounds_left_ = most_rounds;
    if ((one.engine & was_asked) != 0) return;
    one.engine |= was_asked;
    one.next = nullptr;
    *end_ = &one;
    end_ = &one.next;
  }
  [[gnu::noinline, gnu::cold]] void drop(aio::record& one) noexcept {
    rounds_left_ = most_rounds;
    aio::record** place = &first_;
    while (*place != &one) place = &(*place)->next;
    *place = one.next;
    if (one.next == nullptr) end_ = place;
    one.engine = one.engine & ~was_asked & 63U;
  }
  /// Whether all of them shall be asked again: one was not found. Not for ever: nobody can say what else the kernel does not find.
  [[nodiscard]] auto was_missed() noexcept -> bool { return first_ != nullptr && rounds_left_ != 0 && --rounds_left_ != 0; }
  template <class Ask>
  void each(Ask ask) const noexcept {
    for (aio::record* one = first_; one != nullptr; one = one->next) ask(*one);
  }

 private:
  static constexpr unsigned most_rounds = 1000;  // the kernel tries 128 times

  aio::record* first_ = nullptr;
  aio::record** end_ = &first_;
  unsigned rounds_left_ = most_rounds;
};

}  // namespace sluice::inline v0::detail::uring
