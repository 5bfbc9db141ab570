// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The arms of a select as programs name them, and what they share. Layer: coro.

#include <sluice/coro/frame.hpp>
#include <sluice/interval.hpp>

#include <cstddef>
#include <type_traits>

namespace sluice::inline v0::coro {

/// An arm of a `select` that wins when nothing else does for so long.
struct after_arm {
  time_point deadline;  ///< on the steady clock
};

/// \cond
// What the arms of a select share. Only one of them may exchange an item.
template <class Config>
struct choice {
  static constexpr auto none = static_cast<std::size_t>(-1);

  fiber<Config>* task;
  std::size_t winner = none;

  [[nodiscard]] auto is_open() const noexcept -> bool { return winner == none && task->state == fiber_state::parked; }
};

template <class Channel>
struct receive_from {
  Channel* channel;
};
template <class Channel>
struct send_to {
  Channel* channel;
  typename Channel::value_type* item;
};
template <class Channel>
struct send_copy_to {
  Channel* channel;
  mutable typename Channel::value_type copy;
};
/// \endcond

}  // namespace sluice::inline v0::coro
