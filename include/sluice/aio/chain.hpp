// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Linked operations: one executor for every backend, which may leave a chain to the system. Layer: aio.

#include <sluice/concept/backend.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/op/link.hpp>

#include <cstddef>
#include <cstdint>
#include <new>

namespace sluice::inline v0::aio {

/// One operation of a chain.
template <class Entry>
struct chain_member {
  record* operation = nullptr;  ///< whose
  // A backend's entry may end in an array without a size, which no struct may have as a member: its bytes, then.
  alignas(Entry) std::byte bytes[sizeof(Entry)];  ///< an entry, prepared, started when its turn comes
  std::size_t whole = 0;                          ///< fewer bytes than this count as a failure
  int refused = 0;                                ///< minus the error that preparing it gave
  sluice::detail::link_kind link = {};            ///< how the next one hangs on it
  bool is_deadline = false;                       ///< a link_timeout, which runs beside the one before it
  bool running = false;                           ///< in the backend
  bool over = false;                              ///< has its result, delivered or about to be
  bool unwanted = false;                          ///< it alone was asked to end

  /// The entry.
  [[nodiscard]] auto entry() noexcept -> Entry& { return *std::launder(reinterpret_cast<Entry*>(bytes)); }
};

/// \cond
struct chain_base;

// Whether a completion is not the end of a member.
enum class taken_back : std::uint8_t {
  no,
  quietly,   // the member goes on
  and_told,  // it does, and the sink is given it all the same
};

// What the ring does to a chain that has been started: through here, so that only programs with links contain it.
struct chain_calls {
  auto (*takes_back)(void* ring, chain_base& which, const record& member) noexcept -> taken_back;
  // The same of a stream, whose outcome lies in the record, where it goes on by itself and nothing is to be done but to note what it
  // brought. `no`: nothing has happened. Null for what is no stream.
  auto (*takes_item)(chain_base& which) noexcept -> taken_back;
  void (*done)(void* ring, chain_base& which, record& member) noexcept;
  void (*cancel_member)(void* ring, chain_base& which, record& member) noexcept;
  void (*cancel)(void* ring, chain_base& which) noexcept;
  void (*press)(void* ring, chain_base& which) noexcept;
};

// The part of a chain that does not depend on the backend.
struct chain_base {
  const chain_calls* calls = nullptr;  // null: not started
  chain_base* next_pressed = nullptr;  // for the ring
  bool pressed = false;                // for the ring
};
/// \endcond

/// Runs the operations of one chain after each other, as the table of links demands.
///
/// `Host` is the ring: `host.push(record, entry)`, `host.finish(record, raw)` for one that never runs, `host.abort(record)` for one that
/// does, `host.normal(record, raw)` for what a result comes to; `host.push_linked(record, entry, linked)` for one that the system runs in
/// its turn, `host.insist(chain)` and `host.relax(chain)` for when `press` is to be called again and again.
/// * A failure behind a soft link cuts the chain: what has not started is done with `operation_canceled`, except closes, which are run.
/// * A deadline starts with the operation before it and is ended by it; what follows starts when both are done.
/// * No system can take a member out of a chain that it runs. So the whole chain is taken back: what runs is cancelled, and if that brings
///   back the members untouched, the executor goes on from there.
template <class Entry>
class chain : public chain_base {
 public:
  /// Takes the members, in order; they outlive the chain.
  void bind(chain_member<Entry>* members, std::uint32_t count) noexcept {
    members_ = members;
    count_ = count;
  }

  /// Starts the first member.
  template <class Host>
  [[gnu::cold]] void start(Host& host) noexcept {
    launch(host, 0);
  }

  /// Hands all members, which are joined softly and without deadlines, to the system; there is room for them.
  template <class Host>
  void start_by_system(Host& host) noexcept {
    by_system_ = true;
    for (std::uint32_t i = 0; i < count_; ++i) {
      members_[i].running = true;
      host.push_linked(*members_[i].operation, members_[i].entry(), i + 1 < count_);
    }
  }

  /// Whether a completion only brings back a member that was recalled from the system and runs later.
  template <class Host>
  auto takes_back(Host& host, const record& which) noexcept -> bool {
    if (!by_system_ || !recalled_ || cancelled_ || cut_ || which.res != canceled_code) return false;
    auto& member = members_[find(which)];
    if (member.unwanted) return false;
    member.running = false;
    go_on(host);
    return true;
  }

  /// A member is done; its raw result is final.
  template <class Host>
  void done(Host& host, record& which) noexcept {
    const std::uint32_t index = find(which);
    members_[index].running = false;
    members_[index].over = true;
    if (by_system_) {
      if (!members_[index].unwanted && failed(host, index, which.res)) cut_ = true;
      go_on(host);
    } else {
      settle(host, index, which.res);
    }
  }

  /// Ends one member: cancels it if it runs, else it is done and never runs.
  template <class Host>
  [[gnu::cold]] void cancel_member(Host& host, record& which) noexcept {
    const std::uint32_t index = find(which);
    if (by_system_) {
      members_[index].unwanted = true;
      if (index != first_running()) recalled_ = true;
      host.insist(*this);
    } else if (members_[index].running) {
      host.abort(which);
    } else if (waits(index)) {
      skip(host, index);
    }
  }

  /// Ends all: what runs is cancelled, what has not started never will.
  template <class Host>
  [[gnu::cold]] void cancel(Host& host) noexcept {
    cancelled_ = true;
    if (by_system_) {
      if (first_running() < count_) host.insist(*this);
      return;
    }
    for (std::uint32_t i = 0; i < count_; ++i)
      if (members_[i].running) host.abort(*members_[i].operation);
  }

  /// Asks the member whose turn it is to end. The system may not have started it when it was asked before.
  template <class Host>
  [[gnu::cold]] void press(Host& host) noexcept {
    if (const auto index = first_running(); index < count_) host.abort_again(*members_[index].operation);
  }

 private:
  static constexpr auto canceled_code = -static_cast<std::int32_t>(std::errc::operation_canceled);

  [[nodiscard]] auto find(const record& which) const noexcept -> std::uint32_t {
    std::uint32_t index = 0;
    while (members_[index].operation != &which) ++index;
    return index;
  }

  [[nodiscard]] auto first_running() const noexcept -> std::uint32_t {
    std::uint32_t index = 0;
    while (index < count_ && !members_[index].running) ++index;
    return index;
  }

  /// One that the system ran, or had, is done or was taken back.
  template <class Host>
  [[gnu::noinline]] void go_on(Host& host) noexcept {
    const auto next = first_running();
    if (next < count_) {
      if (!recalled_ && !cancelled_ && !members_[next].unwanted) host.relax(*this);
      return;
    }
    by_system_ = false;
    host.relax(*this);
    if (!recalled_ || cut_) return;
    std::uint32_t index = 0;
    while (index < count_ && members_[index].over && !members_[index].unwanted) ++index;
    launch(host, index);
  }

  template <class Host>
  [[nodiscard]] auto failed(Host& host, std::uint32_t index, std::int32_t raw) const noexcept -> bool {
    raw = host.normal(*members_[index].operation, raw);
    return raw < 0 || static_cast<std::size_t>(raw) < members_[index].whole;
  }

  [[nodiscard]] auto waits(std::uint32_t index) const noexcept -> bool { return !members_[index].running && !members_[index].over; }

  template <class Host>
  [[gnu::cold]] void skip(Host& host, std::uint32_t index) noexcept {
    finish(host, index, canceled_code);
  }

  template <class Host>
  [[gnu::noinline, gnu::cold]] void finish(Host& host, std::uint32_t index, std::int32_t raw) noexcept {
    members_[index].running = false;
    members_[index].over = true;
    host.finish(*members_[index].operation, raw);
  }

  /// Starts the member at `index` and the deadline beside it; goes on for as long as members are done at once.
  template <class Host>
  [[gnu::noinline, gnu::cold]] void launch(Host& host, std::uint32_t index) noexcept {
    while (index < count_) {
      head_ = index;
      auto& head = members_[index];
      const bool bounded = index + 1 < count_ && members_[index + 1].is_deadline;
      std::int32_t raw = head.over ? head.operation->res : canceled_code;
      bool over = true;
      if (waits(index)) {
        if (head.refused != 0) {
          raw = head.refused;
          finish(host, index, raw);
        } else {
          head.running = true;
          if (host.push(*head.operation, head.entry()) == started::pending) {
            over = false;
          } else {
            raw = head.operation->res;
            finish(host, index, raw);
          }
        }
      }
      if (!over) {
        if (bounded && waits(index + 1)) start_deadline(host, index + 1);
        return;
      }
      if (bounded && waits(index + 1)) skip(host, index + 1);
      index = after(host, index, raw);
    }
  }

  template <class Host>
  [[gnu::cold]] void start_deadline(Host& host, std::uint32_t index) noexcept {
    auto& deadline = members_[index];
    deadline.running = true;
    if (host.push(*deadline.operation, deadline.entry()) == started::done) {
      finish(host, index, deadline.operation->res);
      if (members_[head_].running) host.abort(*members_[head_].operation);
    }
  }

  /// A member that ran is done: ends its partner, or goes on once both are done.
  template <class Host>
  [[gnu::noinline, gnu::cold]] void settle(Host& host, std::uint32_t index, std::int32_t raw) noexcept {
    if (index < head_ || (index != head_ && !members_[index].is_deadline)) return;  // a close that ran after the cut
    if (cut_) return;
    const std::uint32_t head = members_[index].is_deadline ? index - 1 : index;
    if (members_[index].is_deadline) {
      if (members_[head].running) {
        if (raw != canceled_code) host.abort(*members_[head].operation);
        return;
      }
    } else if (index + 1 < count_ && members_[index + 1].is_deadline) {
      if (members_[index + 1].running) {
        host.abort(*members_[index + 1].operation);
        return;
      }
      // A close may end while it is being started, before its deadline is.
      if (waits(index + 1)) skip(host, index + 1);
    }
    launch(host, after(host, head, members_[head].operation->res));
  }

  /// What comes after the head at `index`, whose result is `raw`: the index of the next one, or the end.
  template <class Host>
  [[gnu::noinline, gnu::cold]] auto after(Host& host, std::uint32_t index, std::int32_t raw) noexcept -> std::uint32_t {
    const bool bounded = index + 1 < count_ && members_[index + 1].is_deadline;
    const std::uint32_t next = index + (bounded ? 2U : 1U);
    if (!(failed(host, index, raw) && members_[index].link == sluice::detail::link_kind::soft) && !cancelled_) return next;
    cut_ = true;
    for (std::uint32_t i = next; i < count_; ++i) {
      if (!waits(i)) continue;
      if (members_[i].operation->info->is_close && members_[i].refused == 0) {
        members_[i].running = true;
        if (host.push(*members_[i].operation, members_[i].entry()) == started::done) { finish(host, i, members_[i].operation->res); }
      } else {
        skip(host, i);
      }
    }
    return count_;
  }

  chain_member<Entry>* members_ = nullptr;
  std::uint32_t count_ = 0;
  std::uint32_t head_ = 0;
  bool cut_ = false;
  bool cancelled_ = false;
  bool by_system_ = false;  // the system has the members
  bool recalled_ = false;   // and was asked to give them back
};

/// \cond
// The chains of one call: a member for each operation; a chain of n operations that begins at the i-th is the (i / 2)-th runner.
template <class Entry>
struct chain_parts {
  chain_member<Entry>* members;  // memory until they have started
  chain<Entry>* runners;         // memory until they have started
  const std::size_t* whole;      // of each member
  const sluice::detail::link_kind* links;
  bool started = false;
  auto (*start)(void* ring, record* const* records, std::size_t count, chain_parts& parts) noexcept -> std::size_t;
};

// The calls of a chain whose host is made from a ring.
template <class Host, class Entry>
inline constexpr chain_calls calls_of{
    .takes_back =
        [](void* ring, chain_base& which, const record& member) noexcept {
          Host host{ring};
          return static_cast<chain<Entry>&>(which).takes_back(host, member) ? taken_back::quietly : taken_back::no;
        },
    .takes_item = nullptr,
    .done =
        [](void* ring, chain_base& which, record& member) noexcept {
          Host host{ring};
          static_cast<chain<Entry>&>(which).done(host, member);
        },
    .cancel_member =
        [](void* ring, chain_base& which, record& member) noexcept {
          Host host{ring};
          static_cast<chain<Entry>&>(which).cancel_member(host, member);
        },
    .cancel =
        [](void* ring, chain_base& which) noexcept {
          Host host{ring};
          static_cast<chain<Entry>&>(which).cancel(host);
        },
    .press =
        [](void* ring, chain_base& which) noexcept {
          Host host{ring};
          static_cast<chain<Entry>&>(which).press(host);
        },
};
/// \endcond

}  // namespace sluice::inline v0::aio
