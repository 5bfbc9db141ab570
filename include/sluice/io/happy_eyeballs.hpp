// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// One connection out of several addresses of a host. Layer: io.

#include <sluice/address.hpp>
#include <sluice/coro/scope.hpp>
#include <sluice/coro/semaphore.hpp>
#include <sluice/coro/structure.hpp>
#include <sluice/coro/wait_queue.hpp>
#include <sluice/interval.hpp>
#include <sluice/result.hpp>

#include <cstddef>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

namespace sluice::inline v0::io {

/// Orders addresses so that both protocols come in turn, beginning with that of the first; the order within each stays.
/// \src RFC 8305 section 4
inline void interleave_families(std::vector<ip::endpoint>& all) {
  for (std::size_t i = 1; i < all.size(); ++i) {
    const bool wanted = !all[i - 1].address.is_v6();
    std::size_t next = i;
    while (next != all.size() && all[next].address.is_v6() != wanted) ++next;
    if (next == all.size()) return;
    const auto one = all[next];
    for (; next != i; --next) all[next] = all[next - 1];
    all[i] = one;
  }
}

/// \cond
// One after the other: for who cannot wait for several at once.
template <class Connect>
auto first_in_turn(const std::vector<ip::endpoint>& addresses, Connect& connect) -> std::invoke_result_t<Connect&, ip::endpoint> {
  for (std::size_t i = 0;; ++i) {
    auto one = connect(addresses[i]);
    if (one || i + 1 == addresses.size() || one.error() == std::errc::operation_canceled) return one;
  }
}

// Calls `connect` for each address in a task of its own: the next one begins when the one before has failed, or has tried for `delay`. The
// first success ends the others. There is at least one address.
template <class Config, class Connect>
auto first_to_answer(const std::vector<ip::endpoint>& addresses, interval delay, Connect connect)
    -> std::invoke_result_t<Connect&, ip::endpoint> {
  using outcome_type = std::invoke_result_t<Connect&, ip::endpoint>;
  if (addresses.size() == 1 || !coro::caller<Config>{}.is_task()) return first_in_turn(addresses, connect);
  std::optional<outcome_type> winner;
  std::error_code why = make_error_code(errc::no_such_host);
  coro::basic_semaphore<Config> ended{0};
  const auto outcome = [&]() -> result<void> {
    coro::basic_scope<Config> attempts{{.on_failure = on_failure::keep}};
    std::size_t pending = 0;
    const auto awaits_one = [&](interval limit) -> result<void> {
      const auto until = limit == interval::max() ? time_point::never() : coro::scheduler<Config>::ring_type::now() + limit;
      const auto done = coro::with_deadline<Config>(until, [&] { return ended.acquire(); });
      if (done) --pending;
      return done;
    };
    for (std::size_t i = 0; i != addresses.size() && !winner; ++i) {
      const std::size_t before = attempts.size();
      attempts.spawn([&, peer = addresses[i]]() noexcept {
        auto one = connect(peer);
        if (one && !winner) {
          winner.emplace(std::move(one));
          attempts.cancel();
        } else if (!one && !winner) {
          why = one.error();
        }
        ended.release();
      });
      if (attempts.size() == before) return attempts.join();  // no memory for one more
      ++pending;
      const bool last = i + 1 == addresses.size();
      if (const auto done = awaits_one(last ? interval::max() : delay); !done && done.error() != std::errc::timed_out) {
        attempts.cancel();
        return done;
      }
    }
    while (!winner && pending != 0) {
      if (const auto done = awaits_one(interval::max()); !done) {
        attempts.cancel();
        return done;
      }
    }
    attempts.cancel();
    return {};
  }();
  if (winner) return std::move(*winner);
  if (!outcome) return std::unexpected{outcome.error()};
  return std::unexpected{why};
}
/// \endcond

}  // namespace sluice::inline v0::io
