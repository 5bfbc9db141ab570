// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The operations of one call, with their links and deadlines, and what came of them. Layer: aio.

#include <sluice/aio/chain.hpp>
#include <sluice/aio/operation.hpp>
#include <sluice/op/link.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <tuple>
#include <utility>

namespace sluice::inline v0::aio {

/// \cond
namespace detail_call {

// The type under which an operation is kept: its link is the call's business, its deadline its own.
template <class Op>
struct kept {
  using bare = typename sluice::detail::unlinked<Op>::type;
  using type = std::conditional_t<sluice::detail::unlinked<Op>::is_timed, op::timed<bare>, bare>;
};

// Memory for the chains of a call; nothing is made in it before they start.
template <class Entry, std::size_t Count>
struct chains : chain_parts<Entry> {
  union {
    chain_member<Entry> member_room[Count];
  };
  union {
    chain<Entry> runner_room[(Count + 1) / 2];
  };
  std::size_t whole_room[Count];

  chains() noexcept {}   // NOLINT(modernize-use-equals-default)
  ~chains() noexcept {}  // NOLINT(modernize-use-equals-default)
};
struct no_chains {};

// The operations of a call, each found by its place. Lighter than a tuple, which would have to be able to do much else.
template <std::size_t I, class Operation>
struct slot {
  Operation one;

  template <class Description>
  [[gnu::always_inline]] explicit slot(Description&& description) noexcept : one{std::forward<Description>(description)} {}
};
template <class Indices, class... Operations>
struct slots;
template <std::size_t... I, class... Operations>
struct slots<std::index_sequence<I...>, Operations...> : slot<I, Operations>... {
  template <class... Descriptions>
  [[gnu::always_inline]] explicit slots(Descriptions&&... descriptions) noexcept
      : slot<I, Operations>{std::forward<Descriptions>(descriptions)}... {}
};
template <std::size_t I, class Operation>
[[gnu::always_inline]] constexpr auto at(slot<I, Operation>& place) noexcept -> Operation& {
  return place.one;
}
template <std::size_t I, class Operation>
[[gnu::always_inline]] constexpr auto at(const slot<I, Operation>& place) noexcept -> const Operation& {
  return place.one;
}

// Becomes the result of an operation where that is to lie; a tuple made of the results themselves would move each.
template <bool KnownDone, class Operation>
struct reader {
  const Operation& one;
  [[gnu::always_inline]] operator result<typename Operation::value_type>() const noexcept {  // NOLINT(google-explicit-constructor)
    if constexpr (KnownDone)
      return one.outcome();
    else
      return one.result();
  }
};

// Fewer bytes than this break a soft link: what files and pipes transfer, and what has to be transferred whole.
template <class Op>
constexpr auto whole_of(const Op& op) noexcept -> std::size_t {
  [[maybe_unused]] const auto room = [&]() noexcept -> std::size_t {
    if constexpr (requires { op.buffers; }) {
      std::size_t sum = 0;
      for (const auto& part : op.buffers) sum += part.size;
      return sum;
    } else if constexpr (requires { op.buffer.size(); }) {
      return op.buffer.size();
    } else {
      return 0;
    }
  };
  if constexpr (requires { std::remove_cvref_t<decltype(op.flags)>::wait_all; })
    return has(op.flags, std::remove_cvref_t<decltype(op.flags)>::wait_all) ? room() : 0;
  else if constexpr (requires { requires Op::moves_bytes; })
    return op.length;
  else if constexpr (requires { op.file; })
    return room();
  else
    return 0;
}

}  // namespace detail_call
/// \endcond

/// The operations of one call, whatever their types: what starts, cancels and waits for them, one code for all calls of a ring.
template <class Ring>
class any_call {
 public:
  /// \cond
  using entry = typename Ring::entry;

  explicit any_call(record** records, std::uint32_t count, chain_parts<entry>* links = nullptr) noexcept
      : records_{records}, links_{links}, count_{count} {}
  /// \endcond
  any_call(const any_call&) = delete;
  auto operator=(const any_call&) -> any_call& = delete;

  /// Starts them; `waiter` is left in each record for the sink. How many are done already.
  [[gnu::always_inline]] auto start(Ring& ring, void* waiter) noexcept -> std::size_t {
    if (links_ == nullptr) [[likely]]
      return ring.start_unlinked(records_, count_, waiter);
    for (auto& one : *this) one.waiter = waiter;
    return links_->start(&ring, records_, count_, *links_);
  }

  /// The same where it is rare.
  [[gnu::cold]] auto start_rarely(Ring& ring, void* waiter) noexcept -> std::size_t {
    for (auto& one : *this) one.waiter = waiter;
    if (links_ != nullptr) return links_->start(&ring, records_, count_, *links_);
    std::size_t done = 0;
    for (auto& one : *this) done += ring.start_rarely(one, count_ == 1) == started::done ? 1 : 0;
    return done;
  }

  /// Asks all that are not done to end. May be asked again.
  void cancel(Ring& ring) noexcept {
    if (links_ != nullptr && links_->started) {
      for (std::size_t i = 0; i < (count_ + 1) / 2; ++i)
        if (auto& runner = links_->runners[i]; runner.calls != nullptr) runner.calls->cancel(&ring, runner);
    }
    for (auto& one : *this) {
      if ((one.kind & record_kind::member) != 0 || one.state != record_state::in_flight) continue;
      one.cancelling = false;
      ring.cancel(one);
    }
  }

  /// Instead of `start` where nothing new may begin: closes start all the same, the others are done with `operation_canceled`. How many
  /// will complete.
  [[gnu::noinline, gnu::cold]] auto start_closes_only(Ring& ring, void* waiter) noexcept -> std::size_t {
    std::size_t pending = 0;
    for (auto& one : *this) {
      one.waiter = waiter;
      if (!one.info->is_close)
        refuse(one, canceled_raw);
      else if (ring.start_rarely(one, false) == started::pending)
        ++pending;
    }
    return pending;
  }

  /// Those that are not done never will be: that is their result.
  [[gnu::noinline, gnu::cold]] void give_up() noexcept {
    for (auto& one : *this)
      if (one.state != record_state::done) refuse(one, raw(errc::in_progress));
  }

  /// Whether one of them was cut short by a cancel.
  [[nodiscard]] auto any_canceled() const noexcept -> bool {
    for (const auto& one : *this)
      if (Ring::put_right(one.res) == canceled_raw) return true;
    return false;
  }

  /// How many are not done.
  [[nodiscard]] auto unfinished() const noexcept -> std::size_t {
    std::size_t left = 0;
    for (const auto& one : *this) left += one.state == record_state::in_flight ? 1 : 0;
    return left;
  }

  /// How many they are.
  [[nodiscard]] auto size() const noexcept -> std::size_t { return count_; }
  /// The first one.
  [[nodiscard]] auto front() const noexcept -> const record& { return **records_; }

  /// \cond
  struct iterator {
    record* const* at;
    auto operator*() const noexcept -> record& { return **at; }
    auto operator++() noexcept -> iterator& { return ++at, *this; }
    auto operator==(const iterator&) const noexcept -> bool = default;
  };
  [[nodiscard]] auto begin() const noexcept -> iterator { return {records_}; }
  [[nodiscard]] auto end() const noexcept -> iterator { return {records_ + count_}; }

  /// \endcond

 private:
  static constexpr auto canceled_raw = -static_cast<std::int32_t>(std::errc::operation_canceled);

  static void refuse(record& one, std::int32_t raw) noexcept {
    one.res = raw;
    one.state = record_state::done;
  }

  record** records_;
  chain_parts<entry>* links_;
  std::uint32_t count_;
};

/// The operations of one call. They start together, in order; those joined by `op::soft` or `op::hard` start one after the other.
/// It is neither copied nor moved, must live until all are done, and is started once.
template <class Ring, class... Ops>
class call : public any_call<Ring> {
 public:
  static_assert(sluice::detail::check_call<Ops...>());

  using ring_type = Ring;                                                                                ///< where it runs
  static constexpr std::size_t count = sizeof...(Ops);                                                   ///< operations
  static constexpr bool has_links = sluice::detail::any_linked<Ops...>;                                  ///< at least one link
  using result_type = std::tuple<result<typename sluice::detail::unlinked<Ops>::type::result_type>...>;  ///< one result an operation

  /// From the descriptions of the operations.
  template <class... Descriptions>
    requires(sizeof...(Descriptions) == count)
  [[gnu::always_inline]] explicit call(Descriptions&&... ops) noexcept
      : any_call<Ring>{records_, count, links()}, operations_{std::forward<Descriptions>(ops)...} {
    bind(std::index_sequence_for<Ops...>{});
  }
  call(const call&) = delete;
  auto operator=(const call&) -> call& = delete;

  /// What came of them; all are done.
  [[nodiscard]] auto results() const noexcept -> result_type { return results_of<false>(std::index_sequence_for<Ops...>{}); }
  /// \cond
  // The same where that is known.
  [[nodiscard]] auto outcomes() const noexcept -> result_type { return results_of<true>(std::index_sequence_for<Ops...>{}); }
  /// \endcond

  /// One of them; its description stays as it was given.
  template <std::size_t I>
  [[nodiscard]] auto get() noexcept -> auto& {
    return detail_call::at<I>(operations_);
  }

 private:
  using entry = typename Ring::entry;

  template <bool KnownDone, std::size_t... I>
  [[gnu::always_inline]] auto results_of(std::index_sequence<I...>) const noexcept -> result_type {
    return result_type{reader_of<KnownDone>(detail_call::at<I>(operations_))...};
  }
  template <bool KnownDone, class Operation>
  [[gnu::always_inline]] static auto reader_of(const Operation& one) noexcept -> detail_call::reader<KnownDone, Operation> {
    return {one};
  }

  [[gnu::always_inline]] auto links() noexcept -> chain_parts<entry>* {
    if constexpr (has_links)
      return &chains_;
    else
      return nullptr;
  }

  template <std::size_t... I>
  [[gnu::always_inline]] void bind(std::index_sequence<I...>) noexcept {
    (bind_one<I, Ops>(), ...);
    if constexpr (has_links) {
      chains_.members = chains_.member_room;
      chains_.runners = chains_.runner_room;
      chains_.whole = chains_.whole_room;
      chains_.links = links_of;
      chains_.start = &Ring::start_linked;
    }
  }

  template <std::size_t I, class Op>
  [[gnu::always_inline]] void bind_one() noexcept {
    auto& one = get<I>();
    settle_type<Ring, has_links>(one);
    records_[I] = &one;
    if constexpr (has_links) chains_.whole_room[I] = detail_call::whole_of(one.op);
  }

  static constexpr sluice::detail::link_kind links_of[] = {sluice::detail::unlinked<Ops>::link...};

  record* records_[count];
  detail_call::slots<std::index_sequence_for<Ops...>, typename Ring::template operation<typename detail_call::kept<Ops>::type>...>
      operations_;
  [[no_unique_address]] std::conditional_t<has_links, detail_call::chains<entry, count>, detail_call::no_chains> chains_;
};

}  // namespace sluice::inline v0::aio
