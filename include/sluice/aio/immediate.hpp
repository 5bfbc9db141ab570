// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations that block the calling thread. Layer: aio.

#include <sluice/aio/call.hpp>
#include <sluice/aio/links.hpp>
#include <sluice/aio/ring.hpp>

#include <new>
#include <span>
#include <system_error>
#include <tuple>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::aio {

/// \cond
// The thread's own ring for operations outside any task; made at the first of them, gone with the thread. A refusal is not kept: what was
// missing may be there the next time.
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
  }
};

// The same, or null and the reason.
template <class Config>
[[gnu::noinline, gnu::cold]] auto blocking_ring_or(std::error_code& why) noexcept -> ring<Config>* {
  static thread_local blocking_ring<Config> cached;
  if (!cached.made) {
    const auto opened = ring<Config>::backend_type::open({});
    if (!opened) {
      why = opened.error();
      return nullptr;
    }
    ::new (static_cast<void*>(&cached.one)) ring<Config>{*opened};
    cached.made = true;
  }
  return &cached.one;
}

// Blocks until the count is down, which each operation's waiter points to.
template <class Ring>
[[gnu::noinline, gnu::cold]] void block_until_zero(Ring& where, std::size_t& pending) noexcept {
  while (pending != 0)
    if (where.step(wait::one, true)) return;
}

template <class Config>
[[gnu::noinline, gnu::cold]] void finish_blocking(any_call<ring<Config>>& batch) noexcept {
  std::error_code why;
  auto* const where = blocking_ring_or<Config>(why);
  if (where == nullptr) return batch.refuse(raw(why));
  std::size_t pending = 0;
  pending = batch.size() - batch.start_rarely(*where, &pending);
  block_until_zero(*where, pending);
}
/// \endcond

/// Runs the operations of one call and blocks the thread until all are done: a `result`, or a tuple of them.
/// \errors those of the operations; each gives the ring's own error where no ring can be made
template <class Config, class... Ops>
[[gnu::noinline, gnu::cold]] auto run([[maybe_unused]] Ops... ops) noexcept -> typename outcome_of<Ops...>::type {
  using call_type = call<ring<Config>, Ops...>;
  if constexpr (!check_call<policy_of<Config, policy_kind::backend>, Ops...>()) {
    __builtin_unreachable();  // the mistake was said; nothing else is to be said about it
  } else {
    call_type batch{std::move(ops)...};
    finish_blocking<Config>(batch);
    if constexpr (sizeof...(Ops) == 1)
      return batch.template get<0>().result();
    else
      return batch.results();
  }
}

/// Runs a batch whose size is known at run time and blocks the thread until all are done; the results stay in the operations.
template <class Config, class Op>
void run_batch(std::span<basic_operation<policy_of<Config, policy_kind::backend>, Op>> batch) noexcept {
  std::error_code why;
  auto* const where = blocking_ring_or<Config>(why);
  if (where == nullptr) {
    for (auto& one : batch) one.refuse(raw(why));
    return;
  }
  where->start(batch);
  const auto unfinished = [](const auto& one) noexcept { return one.state == record_state::in_flight; };
  for (auto& one : batch)
    while (unfinished(one))
      if (where->step()) return;
}

}  // namespace sluice::inline v0::aio
