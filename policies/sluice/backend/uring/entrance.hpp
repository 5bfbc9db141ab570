// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Entering the kernel: the one system call of a loop, in the cheapest form that there is. Part of the policy backend::io_uring.

#include <sluice/backend/uring/options.hpp>
#include <sluice/backend/uring/outcome.hpp>
#include <sluice/backend/uring/setup.hpp>
#include <sluice/backend/uring/waker.hpp>
#include <sluice/interval.hpp>

#if defined(__linux__)

#include <liburing.h>

#include <cstddef>
#include <cstdint>

namespace sluice::inline v0::detail::uring {

/// How the kernel is entered with a ring: by which descriptor, with which flags, and how a wait is asked for.
template <io_uring_options O, class Os>
class entrance {
 public:
  /// Of a ring that was set up.
  explicit entrance(const ::io_uring& ring) noexcept
      : descriptor_{static_cast<unsigned>(ring.ring_fd)}, gathers_{(ring.features & feature_min_timeout) != 0} {}
  entrance(const entrance&) = delete;
  auto operator=(const entrance&) -> entrance& = delete;

  /// Enters it; minus the error, or how many entries it took.
  [[gnu::always_inline]] auto enter(unsigned submit, unsigned wait, unsigned flags, void* argument, std::size_t bytes) noexcept -> int {
    return Os::uring_enter(descriptor_, submit, wait, flags | flags_, argument, bytes);
  }

  /// The same, and sleeps there until there are completions, as long as `limit` says.
  [[gnu::always_inline]] auto enter_and_wait(std::uint32_t submit, interval limit) noexcept -> int {
    if (O.wait.completions == 1 && limit == interval::max()) [[likely]]
      return enter(submit, 1, flags_for(submit), nullptr, 0);
    return enter_and_wait_long(submit, limit);
  }
  /// The same out of line.
  [[gnu::noinline]] auto enter_and_wait_long(std::uint32_t submit, interval limit) noexcept -> int {
    timed_wait wait{limit};
    std::uint32_t count = 1;
    if constexpr (O.wait.completions > 1) {
      if (gathers_) {
        count = O.wait.completions;
        wait.argument.gather_microseconds = static_cast<std::uint32_t>((O.wait.gather.count + 999) / 1000);
      }
    }
    return enter(submit, count, flags_for(submit) | IORING_ENTER_EXT_ARG, &wait.argument, sizeof(wait.argument));
  }

  /// The flags for so many entries.
  [[nodiscard]] static auto flags_for(std::uint32_t submit) noexcept -> unsigned {
    return has(O.flags, ring::sqpoll) && submit != 0 ? IORING_ENTER_GETEVENTS | IORING_ENTER_SQ_WAKEUP : IORING_ENTER_GETEVENTS;
  }

  /// Spares the kernel the look-up of the ring's descriptor from now on, if it can be.
  [[gnu::noinline, gnu::cold]] void shorten(unsigned descriptor) noexcept {
    const int registered = register_descriptor<Os>(descriptor);
    if (registered < 0) return;
    descriptor_ = static_cast<unsigned>(registered);
    flags_ |= IORING_ENTER_REGISTERED_RING;
  }
  /// Takes that back.
  [[gnu::cold]] void leave(unsigned descriptor) noexcept {
    if ((flags_ & IORING_ENTER_REGISTERED_RING) != 0) unregister_descriptor<Os>(descriptor, descriptor_);
  }

 private:
  unsigned descriptor_;
  unsigned flags_ = 0;
  bool gathers_;  // the kernel can wait for several
};

}  // namespace sluice::inline v0::detail::uring

#endif
