// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What a ring does for the linked operations of a call; programs without links do not contain it. Layer: aio.

#include <sluice/aio/chain.hpp>
#include <sluice/aio/ring.hpp>
#include <sluice/concept/backend.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/op/link.hpp>

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>

namespace sluice::inline v0::aio {

/// \cond
template <class Config>
struct ring<Config>::chain_host {
  ring& self;

  explicit chain_host(void* where) noexcept : self{*static_cast<ring*>(where)} {}

  [[gnu::noinline, gnu::cold]] auto push(record& one, const entry& prepared) noexcept -> started {
    begin_turn(one);
    if (one.info->is_close) return self.start_close(one, true);
    if (self.backend_.push(one, prepared, self.watch()) == started::done) return started::done;
    if (facts(one).arm != nullptr) facts(one).arm(self, one);
    return started::pending;
  }
  void push_linked(record& one, const entry& prepared, bool linked) noexcept {
    begin_turn(one);
    self.backend_.push_linked(prepared, linked, self.watch());
  }
  void finish(record& one, std::int32_t raw) noexcept {
    // Its chain may go on from within `unlist`, by a close that waited for it, and asks what came of it.
    one.res = raw;
    if (!one.info->is_close) self.unlist(one);
    self.finish_later(one, raw);
  }
  [[nodiscard]] static auto normal(const record& one, std::int32_t raw) noexcept -> std::int32_t {
    return facts(one).normal != nullptr ? facts(one).normal(raw) : raw;
  }
  void abort(record& one) noexcept {
    if (!one.info->is_close) self.cancel_running(one);
  }
  void abort_again(record& one) noexcept { self.backend_.cancel(one, self.watch()); }
  void insist(chain_base& one) noexcept {
    if (std::exchange(one.pressed, true)) return;
    one.next_pressed = std::exchange(self.pressed_, &one);
    self.agenda_ |= agenda_chains;
  }
  void relax(chain_base& one) noexcept {
    if (!std::exchange(one.pressed, false)) return;
    chain_base** place = &self.pressed_;
    while (*place != &one) place = &(*place)->next_pressed;
    *place = one.next_pressed;
  }

 private:
  void begin_turn(record& one) noexcept {
    one.kind = static_cast<std::uint8_t>(one.kind & ~record_kind::waiting);
    if (one.info->is_send && one.handle >= 0) check_send_order<backend_type>(one, self.descriptors_[one.handle]);
  }
};

template <class Config>
auto ring<Config>::start_linked(void* self, record* const* records, std::size_t count, chain_parts<entry>& parts) noexcept -> std::size_t {
  auto& here = *static_cast<ring*>(self);
  for (std::size_t i = 0; i < count; ++i) {
    auto& member = *::new (static_cast<void*>(&parts.members[i])) chain_member<entry>;
    member.operation = records[i];
    member.whole = parts.whole[i];
    member.link = parts.links[i];
    member.is_deadline = facts(*records[i]).is_deadline;
  }
  for (std::size_t i = 0; i < (count + 1) / 2; ++i) ::new (static_cast<void*>(&parts.runners[i])) chain<entry>;
  parts.started = true;
  std::size_t done = 0;
  for (std::size_t first = 0; first < count;) {
    std::size_t last = first;
    while (parts.members[last].link != sluice::detail::link_kind::none) ++last;
    if (last == first) {
      if (here.start_rarely(*records[first], false) == started::done) ++done;
    } else {
      auto& runner = parts.runners[first / 2];
      runner.bind(&parts.members[first], static_cast<std::uint32_t>(last - first + 1));
      runner.calls = &calls_of<chain_host, entry>;
      bool by_system = true;
      auto so_far = chain_place::nowhere;
      for (std::size_t i = first; i <= last; ++i) {
        const auto place = facts(*records[i]).place;
        by_system &= here.adopt(*records[i], runner, parts.members[i]);
        if (has(so_far, chain_place::bars_waiters) && has(place, chain_place::waiter)) by_system = false;
        so_far |= place;
      }
      here.run(runner, by_system ? last - first + 1 : 0);
    }
    first = last + 1;
  }
  return done;
}

template <class Config>
auto ring<Config>::adopt(record& one, chain<entry>& owner, chain_member<entry>& member) noexcept -> bool {
  begin_any(one);
  if ((one.kind & record_kind::timed) != 0) static_cast<timed_record&>(one).expired = false;
  one.kind |= record_kind::member | record_kind::waiting;
  one.owner = static_cast<chain_base*>(&owner);
  watch().hook(event::op_queued{&one, one.info->name, one.handle});
  if (!one.info->is_close) member.refused = list_any(one) ? facts(one).prepare(*this, member.entry(), one) : one.res;
  ++started_;
  // A chain of the system's goes on behind a hard link whatever is cancelled, and knows no deadlines of ours.
  if (member.refused != 0 || member.link == sluice::detail::link_kind::hard || (one.kind & record_kind::timed) != 0) return false;
  const bool is_last = member.link == sluice::detail::link_kind::none;
  if (!has(facts(one).place, is_last ? chain_place::last : chain_place::before_others)) return false;
  if (!is_last && facts(one).moves_in_parts && member.whole != 0) return false;
  if constexpr (requires { backend_.can_run(member.entry()); })
    return backend_.can_run(member.entry());
  else
    return false;
}

template <class Config>
void ring<Config>::run(chain<entry>& one, std::size_t entries) noexcept {
  chain_host host{this};
  if constexpr (requires { backend_.reserve(0U, watch()); }) {
    if (entries != 0 && backend_.reserve(static_cast<std::uint32_t>(entries), watch())) return one.start_by_system(host);
  }
  one.start(host);
}
/// \endcond

}  // namespace sluice::inline v0::aio
