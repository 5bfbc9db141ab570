// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Signals as something to wait for. Layer: io.

#include <sluice/coro/scheduler.hpp>
#include <sluice/io/object.hpp>
#include <sluice/op/signal.hpp>
#include <sluice/result.hpp>

#include <initializer_list>
#include <utility>

namespace sluice::inline v0::io {

/// Signals that are read instead of interrupting: from the beginning of this object to its end the thread blocks them.
///
/// At its end those that the thread did not block before are unblocked, unless another such object of the thread reads them, too. What has
/// come by then and was not taken is dropped, so that a second ^C does not end a program that is about to end by itself; what comes later
/// has its usual effect. Threads that are started meanwhile inherit the mask and keep it, processes that are spawned do not.
/// \src signalfd(2)
template <class Config>
class basic_signal_set : public basic_object<Config, file_handle> {
 public:
  using os = typename coro::scheduler<Config>::os;  ///< where system calls go

  /// None.
  constexpr basic_signal_set() noexcept = default;
  /// Takes over what `op::open_signals` gave; the thread's mask is left alone.
  explicit constexpr basic_signal_set(file_handle opened) noexcept : basic_object<Config, file_handle>{opened} {}
  /// Takes over; the other owns nothing then.
  basic_signal_set(basic_signal_set&& other) noexcept
      : basic_object<Config, file_handle>{std::move(other)}, signals_{std::exchange(other.signals_, {})} {}
  /// Closes what it has, then takes over.
  auto operator=(basic_signal_set&& other) noexcept -> basic_signal_set& {
    if (this != &other) {
      (void)close();
      basic_object<Config, file_handle>::operator=(std::move(other));
      signals_ = std::exchange(other.signals_, {});
    }
    return *this;
  }
  basic_signal_set(const basic_signal_set&) = delete;
  auto operator=(const basic_signal_set&) -> basic_signal_set& = delete;
  ~basic_signal_set() { (void)close(); }

  /// Blocks these in the calling thread, to be read here. A signal for the process as a whole goes to any thread that does not block it:
  /// open this before other threads start.
  /// \errors those of signalfd(2); `invalid_argument` for none, and for those that no program can block
  [[nodiscard]] static auto open(sluice::signal_set signals) noexcept -> result<basic_signal_set> {
    if (const auto claimed = os::claim_signals(signals); !claimed) return std::unexpected{claimed.error()};
    const auto opened = basic_signal_set::perform(op::open_signals{.signals = signals});
    if (!opened) {
      os::drop_signals(signals);
      return std::unexpected{opened.error()};
    }
    basic_signal_set made{*opened};
    made.signals_ = signals;
    return made;
  }
  /// The same for `open({SIGINT, SIGTERM})`. \errors as above
  [[nodiscard]] static auto open(std::initializer_list<int> numbers) noexcept -> result<basic_signal_set> {
    return open(sluice::signal_set{numbers});
  }

  /// Waits for one of them and takes it; a standard signal that came again before it was taken comes once. A cancelled wait leaves it.
  /// \errors those of read(2); `operation_canceled`
  [[nodiscard]] auto wait() noexcept -> result<signal_info> { return basic_signal_set::perform(op::wait_signal{.file = this->handle()}); }
  /// Which it was opened for.
  [[nodiscard]] constexpr auto signals() const noexcept -> sluice::signal_set { return signals_; }

  /// Gives the handle up; the signals stay blocked.
  [[nodiscard]] auto release() noexcept -> file_handle {
    signals_ = {};
    return basic_object<Config, file_handle>::release();
  }
  /// Ends it now, as its end would. \errors those of close(2); the handle is gone in any case
  auto close() noexcept -> result<void> {
    auto closed = basic_object<Config, file_handle>::close();
    os::drop_signals(std::exchange(signals_, {}));
    return closed;
  }

 private:
  sluice::signal_set signals_;
};

}  // namespace sluice::inline v0::io
