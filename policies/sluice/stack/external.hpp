// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A fixed number of stacks in storage that the program gives. Layer: policy.

#include <sluice/concept/stack.hpp>
#include <sluice/detail/sanitizer.hpp>
#include <sluice/fwd.hpp>
#include <sluice/os/linux_memory.hpp>
#include <sluice/result.hpp>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <system_error>
#include <type_traits>

#if defined(__linux__)

namespace sluice::inline v0::stack {

/// At most `N` stacks, cut from storage that the program gives: nothing is ever allocated. The storage is either named in the type, as the
/// address of a static array, or handed over by `bind` through `scheduler.policy<policy_kind::stack>()` before the first task is spawned.
/// Running over the end of a stack is silent: there is no guard.
///
/// An array named in the type serves one instance of the policy at a time; a second one gets no stacks until the first is destroyed.
/// \units bytes
/// \complexity O(1)
/// \errors `not_enough_memory` when all `N` stacks are out, or no storage was given
template <std::size_t N, auto Storage = nullptr, class Os = os::linux_memory>
class external {
 public:
  static constexpr auto kind = policy_kind::stack;      ///< found as the stack policy of a config
  static constexpr std::string_view name = "external";  ///< the file's name
  static constexpr std::size_t least_bytes = 4096;      ///< a stack has at least so many; a signal handler's frame needs them

  /// Owns nothing until a stack is asked for, or `bind` is called.
  external() noexcept {
    static_assert(N > 0 && N < UINT32_MAX, "[sluice.stack.count] external serves 1 to 4,294,967,294 stacks; give another N");
  }
  external(const external&) = delete;
  auto operator=(const external&) -> external& = delete;
  /// Leaves the storage to the program.
  ~external() { unbind(); }

  /// Cuts `storage` into `N` equal stacks. The caller keeps it alive as long as the policy. Binding again replaces the storage.
  /// \errors `invalid_argument` when a stack would have fewer than `least_bytes`; `device_or_resource_busy` while a stack is out
  auto bind(std::span<std::byte> storage) noexcept -> result<void> {
    if (out_ != 0) return failure(std::errc::device_or_resource_busy);
    const std::size_t skip = (alignment - reinterpret_cast<std::uintptr_t>(storage.data()) % alignment) % alignment;
    const std::size_t bytes = storage.size() < skip ? 0 : (storage.size() - skip) / N / alignment * alignment;
    if (bytes < least_bytes) return failure(std::errc::invalid_argument);
    unbind();
    first_ = storage.data() + skip;
    bytes_ = bytes;
    // The lowest stack is given first.
    for (std::uint32_t at = 0; at != N; ++at) free_[at] = static_cast<std::uint32_t>(N) - 1 - at;
    if constexpr (Os::tracks_stacks) {
      for (std::size_t at = 0; at != N; ++at) numbers_[at] = Os::stack_mapped(first_ + at * bytes_, bytes_);
    }
    return {};
  }

  /// The next free stack, the most recently used first. \errors `not_enough_memory`
  [[nodiscard]] auto allocate() noexcept -> result<stack_span> {
    if constexpr (names_storage) {
      if (bytes_ == 0 && !claimed_.exchange(true, std::memory_order_acquire)) {
        owner_ = true;
        (void)bind(std::as_writable_bytes(std::span{*Storage}));
      }
    }
    if (bytes_ == 0 || out_ == N) return failure(std::errc::not_enough_memory);
    const std::uint32_t index = free_[N - ++out_];
    return stack_span{.base = first_ + index * bytes_, .bytes = bytes_, .index = index};
  }

  /// Takes a stack back.
  void deallocate(stack_span stack) noexcept {
    sluice::detail::unpoison(stack.base, stack.bytes);
    free_[N - out_--] = stack.index;
  }

  /// Whether `deallocate` only notes it: every stack.
  [[nodiscard]] auto keeps(const stack_span&) const noexcept -> bool { return true; }

 private:
  static constexpr std::size_t alignment = 64;
  static constexpr bool names_storage = !std::is_same_v<decltype(Storage), std::nullptr_t>;
  struct nothing {};

  void unbind() noexcept {
    if (bytes_ == 0) return;
    sluice::detail::unpoison(first_, N * bytes_);
    if constexpr (Os::tracks_stacks) {
      for (const unsigned number : numbers_) Os::stack_unmapped(number);
    }
    bytes_ = 0;
    if (owner_) claimed_.store(false, std::memory_order_release);
    owner_ = false;
  }

  static inline constinit std::atomic<bool> claimed_{false};  // whether an instance uses the array that the type names

  std::byte* first_ = nullptr;
  std::size_t bytes_ = 0;                // of each stack; 0 while there is no storage
  std::size_t out_ = 0;                  // stacks that are in use
  std::array<std::uint32_t, N> free_{};  // those at N - out_ and above are out, the one below is the next
  bool owner_ = false;                   // whether this instance holds claimed_
  [[no_unique_address]] std::conditional_t<Os::tracks_stacks, std::array<unsigned, N>, nothing> numbers_{};
};

static_assert(stack_policy<external<8>>);

}  // namespace sluice::inline v0::stack

#endif
