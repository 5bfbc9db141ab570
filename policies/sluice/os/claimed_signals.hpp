// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Which signals a thread blocks only because somebody reads them. Layer: os.

#include <sluice/op/signal.hpp>
#include <sluice/result.hpp>

#if defined(__linux__)

#include <cerrno>
#include <csignal>
#include <cstdint>

namespace sluice::inline v0::os {

/// \cond
// Of the calling thread, a bit each from the lowest number.
struct signal_claims {
  std::uint16_t count[signal_set::most];  // how many read it
  std::uint64_t fresh;                    // it was not blocked before the first of them
};
inline constinit thread_local signal_claims claimed_signals{};
/// \endcond

/// Notes that somebody is going to block these signals in the calling thread and read them. `drop_signals` is told the same set, on the
/// same thread.
/// \errors `invalid_argument` for none, and for those that cannot be blocked  \src signalfd(2), pthread_sigmask(3)
template <class Os>
auto claim_signals(signal_set signals) noexcept -> result<void> {
  if (signals.bits() == 0 || signals.contains(SIGKILL) || signals.contains(SIGSTOP)) return system_error(EINVAL);
  ::sigset_t blocked;
  if (const int refused = Os::signal_mask(SIG_SETMASK, nullptr, &blocked); refused < 0) return system_error(-refused);
  auto& claims = claimed_signals;
  for (int number = 1; number <= signal_set::most; ++number) {
    if (!signals.contains(number)) continue;
    const auto at = static_cast<unsigned>(number - 1);
    if (claims.count[at]++ == 0 && sigismember(&blocked, number) == 0) claims.fresh |= std::uint64_t{1} << at;
  }
  return {};
}

/// The last one who reads a signal has gone: where it was not blocked before the first one came, what has come and was not taken is
/// dropped, and it is blocked no longer.
/// \src sigtimedwait(2), pthread_sigmask(3)
template <class Os>
void drop_signals(signal_set signals) noexcept {
  auto& claims = claimed_signals;
  ::sigset_t over;
  sigemptyset(&over);
  bool any = false;
  for (int number = 1; number <= signal_set::most; ++number) {
    if (!signals.contains(number)) continue;
    const auto at = static_cast<unsigned>(number - 1);
    const std::uint64_t bit = std::uint64_t{1} << at;
    if (claims.count[at] == 0 || --claims.count[at] != 0 || (claims.fresh & bit) == 0) continue;
    claims.fresh &= ~bit;
    sigaddset(&over, number);
    any = true;
  }
  if (!any) return;
  for (int taken = 0; taken >= 0 || taken == -EINTR;) taken = Os::take_pending_signal(&over);
  (void)Os::signal_mask(SIG_UNBLOCK, &over, nullptr);
}

}  // namespace sluice::inline v0::os

#endif
