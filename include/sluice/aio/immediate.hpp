// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations that block the calling thread. Layer: aio.

#include <sluice/aio/call.hpp>
#include <sluice/aio/links.hpp>
#include <sluice/aio/ring.hpp>

#include <cstdint>
#include <new>
#include <span>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::aio {

/// \cond
// Whether the calling thread has a ring of its own for operations outside any task.
template <class Config>
inline constinit thread_local bool has_blocking_ring = false;

// Whether that ring has gone with the thread's objects. Some that go later may still have to close what they own: those that were made
// before it, and those of static storage.
template <class Config>
inline constinit thread_local bool blocking_ring_is_gone = false;

// That ring; made at the first operation that takes one, gone with the thread. A refusal is not kept: what was missing may be there the
// next time.
template <class Config>
struct blocking_ring {
  union {
    ring<Config> one;
  };
  bool made = false;

  constexpr blocking_ring() noexcept {}  // NOLINT(modernize-use-equals-default)
  blocking_ring(const blocking_ring&) = delete;
  auto operator=(const blocking_ring&) -> blocking_ring& = delete;
  ~blocking_ring() {
    if (made) one.~ring();
    has_blocking_ring<Config> = false;
    blocking_ring_is_gone<Config> = true;
  }
};

// The same, or null and the reason.
template <class Config>
[[gnu::noinline, gnu::cold]] auto blocking_ring_or(std::error_code& why) noexcept -> ring<Config>* {
  if (blocking_ring_is_gone<Config>) {
    why = sluice::detail::system_code(std::errc::operation_not_permitted);
    return nullptr;
  }
  static thread_local blocking_ring<Config> cached;
  // That of the parent is no ring of a forked child's.
  if (cached.made && cached.one.in_child()) {
    cached.one.~ring();
    cached.made = false;
  }
  if (!cached.made) {
    const auto opened = ring<Config>::backend_type::open({});
    if (!opened) {
      why = opened.error();
      return nullptr;
    }
    ::new (static_cast<void*>(&cached.one)) ring<Config>{*opened};
    cached.made = has_blocking_ring<Config> = true;
  }
  return &cached.one;
}

// Blocks until the count is down, which each operation's waiter points to.
template <class Ring>
[[gnu::cold]] void block_until_zero(Ring& where, std::size_t& pending) noexcept {
  while (pending != 0)
    if (where.step(wait::one, true)) return;
}

// Calls `use` with the thread's ring, with one for this once when that has gone, or `refuse` with the reason why there is none.
template <class Config, class Use, class Refuse>
void with_blocking_ring(Use&& use, Refuse&& refuse) noexcept {
  if (blocking_ring_is_gone<Config>) {
    if (auto one = ring<Config>::make())
      use(*one);
    else
      refuse(one.error());
    return;
  }
  std::error_code why;
  if (auto* const where = blocking_ring_or<Config>(why))
    use(*where);
  else
    refuse(why);
}

template <class Config>
[[gnu::noinline, gnu::cold]] void finish_blocking(any_call<ring<Config>>& batch) noexcept {
  with_blocking_ring<Config>(
      [&](auto& where) noexcept {
        std::size_t pending = 0;
        pending = batch.size() - batch.start_rarely(where, &pending);
        block_until_zero(where, pending);
        if (pending != 0) batch.give_up();  // the ring is lost
      },
      [&](const std::error_code& why) noexcept { batch.refuse(raw(why)); });
}

// Whether a call is one operation that the system may serve by one call.
template <class Backend, class... Ops>
inline constexpr bool is_one_call = false;
template <class Backend, class Op>
inline constexpr bool is_one_call<Backend, Op> =
    requires(const Op& op, typename Backend::template scratch<Op>& keep) { Backend::blocking_call(op, keep); };

template <class Config, class... Ops>
[[gnu::noinline, gnu::cold]] auto run_on_ring(Ops... ops) noexcept -> typename outcome_of<Ops...>::type {
  call<ring<Config>, Ops...> batch{std::move(ops)...};
  finish_blocking<Config>(batch);
  if constexpr (sizeof...(Ops) == 1)
    return batch.template get<0>().outcome();
  else
    return batch.outcomes();
}
/// \endcond

/// Runs the operations of one call and blocks the thread until all are done: a `result`, or a tuple of them. One that the system serves by
/// one call is just that; for all others the thread makes a ring, which it then keeps. What is destroyed after that, as objects of static
/// storage are, has a ring for each call.
/// \errors those of the operations; each gives the ring's own error where no ring can be made
template <class Config, class... Ops>
[[gnu::noinline, gnu::cold]] auto run([[maybe_unused]] Ops... ops) noexcept -> typename outcome_of<Ops...>::type {
  if constexpr (!check_call<policy_of<Config, policy_kind::backend>, Ops...>()) {
    __builtin_unreachable();  // the mistake was said; nothing else is to be said about it
  } else {
    // A backend that watches descriptors must see which numbers are opened and closed, so where there is a ring, it is used.
    if constexpr (is_one_call<policy_of<Config, policy_kind::backend>, Ops...>) {
      if (!has_blocking_ring<Config>) {
        basic_operation<policy_of<Config, policy_kind::backend>, Ops...> one{std::move(ops)...};
        const std::int32_t raw = policy_of<Config, policy_kind::backend>::blocking_call(one.op, one.scratch);
        if (raw == takes_a_ring) return run_on_ring<Config>(std::move(one.op));
        one.refuse(raw);
        return one.outcome();
      }
    }
    return run_on_ring<Config>(std::move(ops)...);
  }
}

/// Runs a batch whose size is known at run time and blocks the thread until all are done; the results stay in the operations.
template <class Config, class Op>
void run_batch(std::span<basic_operation<policy_of<Config, policy_kind::backend>, Op>> batch) noexcept {
  with_blocking_ring<Config>(
      [&](auto& where) noexcept {
        where.start(batch);
        for (auto& one : batch)
          while (one.state == record_state::in_flight)
            if (where.step()) return;
      },
      [&](const std::error_code& why) noexcept {
        for (auto& one : batch) one.refuse(raw(why));
      });
}

}  // namespace sluice::inline v0::aio
