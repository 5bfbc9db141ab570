// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The operations of one call, with their links and deadlines, and what came of them. Layer: aio.

#include <sluice/aio/chain.hpp>
#include <sluice/aio/operation.hpp>
#include <sluice/op/link.hpp>

#include <array>
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

template <class Entry, std::size_t Count>
struct chains {
  std::array<chain_member<Entry>, Count> members;
  std::array<chain<Entry>, (Count + 1) / 2> runners;
  std::array<bool, (Count + 1) / 2> used{};
};
struct no_chains {};

// Fewer bytes than this break a soft link.
template <class Op>
constexpr auto whole_of(const Op& op) noexcept -> std::size_t {
  if constexpr (requires { op.buffers; }) {
    std::size_t sum = 0;
    for (const auto& part : op.buffers) sum += part.size;
    return sum;
  } else if constexpr (requires {
                         std::remove_cvref_t<decltype(op.flags)>::wait_all;
                         op.buffer.size();
                       }) {
    return has(op.flags, std::remove_cvref_t<decltype(op.flags)>::wait_all) ? op.buffer.size() : 0;
  } else if constexpr (requires {
                         op.buffer.size();
                         op.file;
                       }) {
    return op.buffer.size();
  } else {
    return 0;
  }
}

}  // namespace detail_call
/// \endcond

/// The operations of one call. They start together, in order; those joined by `op::soft` or `op::hard` start one after the other.
/// It is neither copied nor moved, and must live until all are done.
template <class Ring, class... Ops>
class call {
 public:
  static_assert(sluice::detail::check_call<Ops...>());

  using ring_type = Ring;                                                                                ///< where it runs
  static constexpr std::size_t count = sizeof...(Ops);                                                   ///< operations
  static constexpr bool has_links = sluice::detail::any_linked<Ops...>;                                  ///< at least one link
  using result_type = std::tuple<result<typename sluice::detail::unlinked<Ops>::type::result_type>...>;  ///< one result an operation

  /// The name of the first one, for reports.
  static constexpr std::string_view first_name =
      sluice::detail::operation_name<typename sluice::detail::unlinked<std::tuple_element_t<0, std::tuple<Ops...>>>::type>();

  /// From the descriptions of the operations.
  explicit call(Ops&&... ops) noexcept : operations_(std::forward<Ops>(ops)...) {}
  call(const call&) = delete;
  auto operator=(const call&) -> call& = delete;

  /// Starts them; `waiter` is left in each record for the sink. How many are done already.
  [[gnu::always_inline]] auto start(Ring& ring, void* waiter) noexcept -> std::size_t {
    each([&](auto& one) noexcept { one.waiter = waiter; });
    if constexpr (!has_links) {
      return start_unlinked(ring, std::index_sequence_for<Ops...>{});
    } else {
      return start_segments<0>(ring);
    }
  }

  /// Asks all that are not done to end. May be asked again.
  void cancel(Ring& ring) noexcept {
    if constexpr (has_links) {
      for (std::size_t i = 0; i < chains_.runners.size(); ++i)
        if (chains_.used[i]) ring.cancel(chains_.runners[i]);
    }
    each([&](auto& one) noexcept {
      if ((one.kind & record_kind::member) != 0 || one.state != record_state::in_flight) return;
      one.cancelling = false;
      ring.cancel(one);
    });
  }

  /// Instead of `start` where nothing new may begin: closes start all the same, the others are done with `operation_canceled`. How many
  /// will complete.
  auto start_closes_only(Ring& ring, void* waiter) noexcept -> std::size_t {
    std::size_t pending = 0;
    each([&]<class Operation>(Operation& one) noexcept {
      one.waiter = waiter;
      if constexpr (Operation::is_tagged_close) {
        if (ring.start_one(one, false) == started::pending) ++pending;
      } else {
        one.refuse();
      }
    });
    return pending;
  }

  /// All are done without ever starting, with this raw result.
  void refuse(std::int32_t raw) noexcept {
    each([&](auto& one) noexcept { one.refuse(raw); });
  }

  /// Whether one of them was cut short by a cancel.
  [[nodiscard]] auto any_canceled() const noexcept -> bool {
    return std::apply([](const auto&... one) noexcept { return (one.was_canceled() || ...); }, operations_);
  }

  /// How many are not done.
  [[nodiscard]] auto unfinished() const noexcept -> std::size_t {
    return std::apply([](const auto&... one) noexcept { return (std::size_t{one.state == record_state::in_flight} + ...); }, operations_);
  }

  /// What came of them; all are done.
  [[nodiscard]] auto results() const noexcept -> result_type {
    return std::apply([](const auto&... one) noexcept { return result_type{one.result()...}; }, operations_);
  }

  /// One of them.
  template <std::size_t I>
  [[nodiscard]] auto get() noexcept -> auto& {
    return std::get<I>(operations_);
  }

 private:
  using entry = typename Ring::entry;
  using operations_type = std::tuple<typename Ring::template operation<typename detail_call::kept<Ops>::type>...>;
  static constexpr sluice::detail::link_kind links[count] = {sluice::detail::unlinked<Ops>::link...};
  static constexpr bool bounded[count] = {sluice::detail::unlinked<Ops>::is_timed...};

  template <class F>
  void each(F&& f) noexcept {
    std::apply([&](auto&... one) noexcept { (f(one), ...); }, operations_);
  }

  template <std::size_t... I>
  [[gnu::always_inline]] auto start_unlinked(Ring& ring, std::index_sequence<I...>) noexcept -> std::size_t {
    return (std::size_t{ring.start_one(std::get<I>(operations_), count == 1) == started::done} + ...);
  }

  /// One past the last operation of the chain that begins at `First`.
  template <std::size_t First>
  static consteval auto segment_end() -> std::size_t {
    std::size_t end = First;
    while (links[end] != sluice::detail::link_kind::none) ++end;
    return end + 1;
  }

  template <std::size_t First>
  auto start_segments(Ring& ring) noexcept -> std::size_t {
    if constexpr (First == count) {
      return 0;
    } else {
      constexpr std::size_t last = segment_end<First>();
      std::size_t done = 0;
      if constexpr (last == First + 1)
        done = ring.start_one(std::get<First>(operations_), false) == started::done ? 1 : 0;
      else
        start_chain<First>(ring, std::make_index_sequence<last - First>{});
      return done + start_segments<last>(ring);
    }
  }

  template <std::size_t First, std::size_t... I>
  void start_chain(Ring& ring, std::index_sequence<I...>) noexcept {
    auto& runner = chains_.runners[First / 2];
    chains_.used[First / 2] = true;
    runner.bind(&chains_.members[First], sizeof...(I));
    (adopt<First + I>(ring, runner), ...);
    // A kernel chain goes on behind a hard link whatever is cancelled, so only soft ones are left to the kernel; deadlines of ours need our
    // executor, too.
    constexpr bool simple = ((links[First + I] != sluice::detail::link_kind::hard && !bounded[First + I]) && ...);
    if constexpr (simple && requires { ring.backend().template can_link<op::nop>(); })
      ring.run(runner, (can_link<First + I>(ring) && ...) ? sizeof...(I) : 0);
    else
      ring.run(runner, 0);
  }

  template <std::size_t I>
  static auto can_link(Ring& ring) noexcept -> bool {
    return ring.backend().template can_link<typename std::tuple_element_t<I, operations_type>::op_type>();
  }

  template <std::size_t I>
  void adopt(Ring& ring, chain<entry>& runner) noexcept {
    auto& one = std::get<I>(operations_);
    auto& member = chains_.members[I];
    member.operation = &one;
    member.link = links[I];
    member.whole = detail_call::whole_of(one.op);
    member.is_deadline = std::is_same_v<typename std::remove_reference_t<decltype(one)>::op_type, op::link_timeout>;
    ring.adopt(one, runner, member);
  }

  operations_type operations_;
  [[no_unique_address]] std::conditional_t<has_links, detail_call::chains<entry, count>, detail_call::no_chains> chains_;
};

}  // namespace sluice::inline v0::aio
