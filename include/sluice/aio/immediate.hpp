// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations that block the calling thread. Layer: aio.

#include <sluice/aio/call.hpp>
#include <sluice/aio/links.hpp>
#include <sluice/aio/ring.hpp>

#include <cstddef>
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

// That ring; made at the first operation that takes one. A refusal is not kept: what was missing may be there the next time. It goes with
// the thread's objects; some that go later may still have to close what they own, those that were made before it and those of static
// storage. So this has no destructor, and a ring that is made after that goes with the call that it was made for.
template <class Config>
struct blocking_ring {
  alignas(ring<Config>) std::byte place[sizeof(ring<Config>)];
  ring<Config>* made;
  bool is_late;  // the thread's objects have gone

  [[gnu::noinline, gnu::cold]] void end() noexcept {
    if (made != nullptr) std::exchange(made, nullptr)->~ring();
    has_blocking_ring<Config> = false;
  }
};
template <class Config>
inline constinit thread_local blocking_ring<Config> blocking_ring_of_thread{};

// Ends it with the thread's objects.
template <class Config>
struct blocking_ring_end {
  blocking_ring_end() noexcept = default;
  blocking_ring_end(const blocking_ring_end&) = delete;
  auto operator=(const blocking_ring_end&) -> blocking_ring_end& = delete;
  ~blocking_ring_end() {
    auto& cached = blocking_ring_of_thread<Config>;
    cached.end();
    cached.is_late = true;
  }
};

// The same, or null and the reason.
template <class Config>
[[gnu::noinline, gnu::cold]] auto blocking_ring_or(std::error_code& why) noexcept -> ring<Config>* {
  auto& cached = blocking_ring_of_thread<Config>;
  if (!cached.is_late) static thread_local const blocking_ring_end<Config> end;
  // That of the parent is no ring of a forked child's.
  if (cached.made != nullptr && cached.made->in_child()) cached.end();
  if (cached.made == nullptr) {
    const auto opened = ring<Config>::backend_type::open({});
    if (!opened) {
      why = opened.error();
      return nullptr;
    }
    cached.made = ::new (static_cast<void*>(cached.place)) ring<Config>{*opened};
    has_blocking_ring<Config> = true;
  }
  return cached.made;
}

// The same for what outlives the call.
template <class Config>
[[gnu::cold]] auto lasting_ring_or(std::error_code& why) noexcept -> ring<Config>* {
  if (!blocking_ring_of_thread<Config>.is_late) return blocking_ring_or<Config>(why);
  why = sluice::detail::system_code(std::errc::operation_not_permitted);
  return nullptr;
}

// After a call.
template <class Config>
void done_blocking() noexcept {
  if (auto& cached = blocking_ring_of_thread<Config>; cached.is_late) [[unlikely]]
    cached.end();
}

// Blocks until the count is down, which each operation's waiter points to.
template <class Ring>
[[gnu::cold]] void block_until_zero(Ring& where, std::size_t& pending) noexcept {
  while (pending != 0)
    if (where.step(wait::one, true)) return;
}

// Ends an operation for which no ring can be made, for that reason. A close is never skipped: it is a plain call then.
template <class Config>
[[gnu::noinline, gnu::cold]] void end_without_ring(record& one, std::error_code why) noexcept {
  constexpr auto interrupted = -static_cast<std::int32_t>(std::errc::interrupted);
  one.res = raw(why);
  if (one.info->is_close) {
    const std::int32_t outcome = ring<Config>::os::close(std::exchange(one.handle, -1));
    one.res = outcome == interrupted ? 0 : outcome;  // the number is gone all the same
  }
  one.state = record_state::done;
}

template <class Config>
[[gnu::noinline, gnu::cold]] void finish_blocking(any_call<ring<Config>>& batch) noexcept {
  std::error_code why;
  auto* const where = blocking_ring_or<Config>(why);
  if (where == nullptr) {
    for (auto& one : batch) end_without_ring<Config>(one, why);
    return;
  }
  std::size_t pending = 0;
  pending = batch.size() - batch.start_rarely(*where, &pending);
  block_until_zero(*where, pending);
  if (pending != 0) batch.give_up();  // the ring is lost
  done_blocking<Config>();
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
/// \errors those of the operations; each but a close, which is done all the same, gives the ring's own error where no ring can be made
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
  std::error_code why;
  auto* const where = blocking_ring_or<Config>(why);
  if (where == nullptr) {
    for (auto& one : batch) {
      one.handle = sluice::detail::handle_of(one.op);
      end_without_ring<Config>(one, why);
    }
    return;
  }
  where->start(batch);
  const auto is_unfinished = [](const auto& one) noexcept { return one.state == record_state::in_flight; };
  for (auto& one : batch)
    while (is_unfinished(one) && !where->step()) {}
  done_blocking<Config>();
}

}  // namespace sluice::inline v0::aio
