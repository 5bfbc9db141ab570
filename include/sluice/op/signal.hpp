// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations on signals. Layer: op.

#include <sluice/handle.hpp>

#include <cstdint>
#include <initializer_list>
#include <string_view>

namespace sluice::inline v0 {

/// A set of signals, by the system's own numbers from 1 to 64.
class signal_set {
 public:
  /// None.
  constexpr signal_set() noexcept = default;
  /// These.
  constexpr signal_set(std::initializer_list<int> numbers) noexcept {
    for (const int number : numbers) add(number);
  }
  /// One more; a number that is none changes nothing.
  constexpr void add(int number) noexcept {
    if (number >= 1 && number <= most) bits_ |= std::uint64_t{1} << static_cast<unsigned>(number - 1);
  }
  /// Whether it is one of them.
  [[nodiscard]] constexpr auto contains(int number) const noexcept -> bool {
    return number >= 1 && number <= most && (bits_ >> static_cast<unsigned>(number - 1) & 1U) != 0;
  }
  /// A bit each, from the lowest.
  [[nodiscard]] constexpr auto bits() const noexcept -> std::uint64_t { return bits_; }
  /// Whether both hold the same.
  friend constexpr auto operator==(signal_set, signal_set) noexcept -> bool = default;

  static constexpr int most = 64;  ///< the largest number

 private:
  std::uint64_t bits_ = 0;
};

/// A signal that was taken.
struct signal_info {
  int number = 0;          ///< which
  int code = 0;            ///< where it comes from, the system's own `si_code`
  int process = 0;         ///< who sent it, if somebody did
  std::uint32_t user = 0;  ///< who that belongs to
  std::int64_t value = 0;  ///< what was sent with it
};

namespace op {

/// Makes signals of a set readable instead of having them interrupt: blocks them in the calling thread and gives a handle for
/// `op::wait_signal`. Result: the handle, which the caller closes; the signals stay blocked.
///
/// A signal for the process as a whole goes to any thread that does not block it: call this before other threads start, which inherit the
/// mask. Processes that are spawned do not. A standard signal that comes again before it was taken comes once.
/// \errors those of signalfd(2), `too_many_files_open`  \os a plain call  \src signalfd(2), pthread_sigmask(3)
struct open_signals {
  signal_set signals = {};                                  ///< which; SIGKILL and SIGSTOP cannot be
  using result_type = file_handle;                          ///< the new handle
  static constexpr std::string_view name = "open_signals";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) { visit("signals", &open_signals::signals); }
};

/// Waits for a signal of a handle's set and takes it: each signal ends one wait. Result: which, and who sent it.
/// \errors those of read(2); `operation_canceled`, which leaves the signal pending  \src signalfd(2)
struct wait_signal {
  file_handle file = {};                                   ///< from `op::open_signals`
  using result_type = signal_info;                         ///< the signal
  static constexpr std::string_view name = "wait_signal";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) { visit("file", &wait_signal::file); }
};

}  // namespace op
}  // namespace sluice::inline v0
