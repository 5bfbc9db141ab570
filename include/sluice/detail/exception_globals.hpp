// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The C++ run-time library's state of exceptions, which is a thread's and must be a fiber's. Layer: detail.

#include <cstdint>
#include <cstring>

#include <cxxabi.h>

namespace sluice::inline v0::detail {

/// What the run-time library keeps for a thread: the exceptions being handled, innermost first, and the number of those in flight. A fiber
/// that waits inside a `catch` block would find the handler of another fiber on top when it goes on; so each fiber has its own.
/// \src Itanium C++ ABI: Exception Handling, 2.2.2
struct exception_globals {
  void* caught = nullptr;  ///< the exceptions being handled, innermost first
  unsigned uncaught = 0;   ///< thrown and not yet caught

  /// Where the calling thread's are: the same address as long as the thread lives.
  [[nodiscard]] static auto of_thread() noexcept -> void* { return abi::__cxa_get_globals(); }

  /// Whether nothing is being handled and nothing is in flight.
  [[nodiscard]] auto empty() const noexcept -> bool { return caught == nullptr && uncaught == 0; }

  /// Whether the running fiber handles an exception or has one in flight: one branch for both, since that is asked at every switch.
  /// `thread` is what `of_thread` gave on this thread.
  [[nodiscard, gnu::always_inline]] static inline auto busy(const void* thread) noexcept -> bool {
    const auto live = load(thread);
    return (reinterpret_cast<std::uintptr_t>(live.caught) | live.uncaught) != 0;
  }

  /// Puts aside what the running fiber has in `from`, and makes `to`'s the thread's. `thread` is what `of_thread` gave on this thread.
  /// The values of a fiber that runs are the thread's; those put aside are empty until it is left. Two loads when neither side has any.
  [[gnu::always_inline]] static inline void swap(void* thread, exception_globals& from, exception_globals& to) noexcept {
    const auto live = load(thread);
    if (live.empty() && to.empty()) [[likely]]
      return;
    from = live;
    std::memcpy(thread, &to.caught, sizeof to.caught);
    std::memcpy(static_cast<char*>(thread) + sizeof to.caught, &to.uncaught, sizeof to.uncaught);
    to = {};
  }

 private:
  // By copy, and a field at a time: the library's own type is not ours to name, and it has just written its fields one by one.
  [[gnu::always_inline]] static inline auto load(const void* thread) noexcept -> exception_globals {
    exception_globals live;
    std::memcpy(&live.caught, thread, sizeof live.caught);
    std::memcpy(&live.uncaught, static_cast<const char*>(thread) + sizeof live.caught, sizeof live.uncaught);
    return live;
  }
};

}  // namespace sluice::inline v0::detail
