// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The tokens of an event source: in its word, or behind an event descriptor. A policy's part.

#include <sluice/event_source.hpp>

#if defined(__linux__)

#include <atomic>
#include <cerrno>
#include <cstdint>

#include <sys/eventfd.h>

namespace sluice::inline v0::os {

/// Adds a token. Zero, or minus the error; -EBADF where no source is named.
template <class Os>
auto notify(event_source_ref named) noexcept -> int {
  if (named.state() == nullptr) return -EBADF;
  auto& source = *named.state();
  // Acquire: the descriptor was made by whoever put it there.
  auto seen = source.word.load(std::memory_order_acquire);
  while (event_source_state::descriptor_in(seen) < 0) {
    if (source.word.compare_exchange_weak(seen, seen + 1, std::memory_order_release, std::memory_order_acquire)) return 0;
  }
  const std::uint64_t one = 1;
  for (;;) {
    const auto outcome = Os::write(event_source_state::descriptor_in(seen), &one, sizeof(one));
    if (outcome >= 0) return 0;
    if (outcome != -EINTR) return static_cast<int>(outcome);
  }
}

/// Takes a token that lies in the word; false where there is none.
inline auto take_token(event_source_ref named) noexcept -> bool {
  if (named.state() == nullptr) return false;
  auto& source = *named.state();
  auto seen = source.word.load(std::memory_order_relaxed);
  while (event_source_state::descriptor_in(seen) < 0 && (seen & event_source_state::token_mask) != 0)
    if (source.word.compare_exchange_weak(seen, seen - 1, std::memory_order_acquire, std::memory_order_relaxed)) return true;
  return false;
}

/// Makes the descriptor of a source if it has none; the tokens in the word move into it. Zero, or minus the error; -EBADF where no source
/// is named.
template <class Os>
[[gnu::cold]] auto ensure_descriptor(event_source_ref named) noexcept -> int {
  if (named.state() == nullptr) return -EBADF;
  auto& source = *named.state();
  auto seen = source.word.load(std::memory_order_acquire);
  while (event_source_state::descriptor_in(seen) < 0) {
    const auto tokens = static_cast<unsigned>(seen & event_source_state::token_mask);
    const int made = Os::eventfd(tokens, EFD_SEMAPHORE | EFD_NONBLOCK | EFD_CLOEXEC);
    if (made < 0) return made;
    if (source.word.compare_exchange_strong(seen, event_source_state::word_for(made), std::memory_order_acq_rel)) return 0;
    (void)Os::close(made);
  }
  return 0;
}

}  // namespace sluice::inline v0::os

#endif
