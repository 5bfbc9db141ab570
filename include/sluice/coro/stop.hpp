// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The request that a task end, as a standard stop token. Layer: coro.

#include <sluice/coro/frame.hpp>

#include <stop_token>

namespace sluice::inline v0::coro {

/// A stop source that a task owns from its first token on.
struct stop_source_relay : stop_relay {
  std::stop_source source;  ///< of all its tokens

  /// Nobody was asked to end yet.
  stop_source_relay() : stop_relay{&told, &freed} {}

 private:
  static void told(stop_relay& base) noexcept { static_cast<stop_source_relay&>(base).source.request_stop(); }
  static void freed(stop_relay& base) noexcept { delete &static_cast<stop_source_relay&>(base); }
};

/// A token of a task. \allocates at the first call
template <class Config>
auto stop_token_of(frame<Config>& task) -> std::stop_token {
  if (task.stop == nullptr) {
    task.stop = new stop_source_relay;
    if (task.base.cancelled) task.stop->tell(*task.stop);
  }
  return static_cast<stop_source_relay*>(task.stop)->source.get_token();
}

}  // namespace sluice::inline v0::coro
