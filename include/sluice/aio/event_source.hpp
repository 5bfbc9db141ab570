// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Tokens that threads and tasks add and wait for. Layer: aio.

#include <sluice/concept/backend.hpp>
#include <sluice/event_source.hpp>
#include <sluice/op/event.hpp>

#include <utility>

namespace sluice::inline v0::aio {

/// Counts tokens: n notifies let n waits (`op::wait_event`) pass, whoever waits and whenever. It needs no descriptor until somebody has to
/// wait.
/// \lifetime outlives every wait and notify
template <class Backend>
class basic_event_source : public event_source_state {
 public:
  /// Without tokens.
  constexpr basic_event_source() noexcept = default;
  ~basic_event_source() {
    if (const int descriptor = descriptor_in(word.load(std::memory_order_acquire)); descriptor >= 0) (void)Backend::os::close(descriptor);
  }
  /// Adds a token, from any thread. Never waits, never fails because nobody takes it.
  void notify() noexcept { (void)Backend::notify(*this); }
};

}  // namespace sluice::inline v0::aio
