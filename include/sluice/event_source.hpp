// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The state of an event source, as operations refer to it. Base vocabulary.

#include <atomic>
#include <cstdint>

namespace sluice::inline v0 {

/// A count of tokens that threads and tasks may add to and wait for. `aio_of<Config>::event_source` is the type to make one of.
///
/// Until somebody has to wait, the count lies here and no descriptor exists; from then on it lies in the kernel's semaphore behind the
/// descriptor. One word holds both: the descriptor (plus one) in the upper half, tokens in the lower.
class event_source_state {
 public:
  event_source_state(const event_source_state&) = delete;
  auto operator=(const event_source_state&) -> event_source_state& = delete;

 protected:
  constexpr event_source_state() noexcept = default;
  ~event_source_state() = default;

 public:
  /// \cond
  // For backends: the word as described above.
  std::atomic<std::uint64_t> word{0};
  static constexpr std::uint64_t token_mask = 0xffff'ffffU;
  static constexpr unsigned descriptor_shift = 32;
  [[nodiscard]] static constexpr auto descriptor_in(std::uint64_t value) noexcept -> int {
    return static_cast<int>(value >> descriptor_shift) - 1;
  }
  [[nodiscard]] static constexpr auto word_for(int descriptor) noexcept -> std::uint64_t {
    return (static_cast<std::uint64_t>(static_cast<std::uint32_t>(descriptor)) + 1U) << descriptor_shift;
  }
  /// \endcond
};

/// Names an event source in an operation; converts from one by address.
class event_source_ref {
 public:
  /// None.
  constexpr event_source_ref() noexcept = default;
  /// This one; it must live until the operation is done.
  constexpr event_source_ref(event_source_state& source) noexcept : state_{&source} {}  // NOLINT(google-explicit-constructor)
  /// The state behind it.
  [[nodiscard]] constexpr auto state() const noexcept -> event_source_state* { return state_; }

 private:
  event_source_state* state_ = nullptr;
};

}  // namespace sluice::inline v0
