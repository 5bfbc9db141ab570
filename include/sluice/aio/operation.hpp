// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// An operation with the memory it needs, owned by whoever starts it. Layer: aio.

#include <sluice/concept/backend.hpp>
#include <sluice/concept/operation.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/op/link.hpp>
#include <sluice/op/list.hpp>

#include <cassert>
#include <cstdint>
#include <tuple>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::aio {

template <class Ring, class Op>
class basic_stream;

/// \cond
template <class Op>
inline constexpr op_info info_of{
    .name = detail::operation_name<Op>(),
    .is_send = detail::sends<Op>,
    .is_close = detail::closes_handle<Op>,
    .is_timeout = std::is_same_v<Op, op::timeout>,
    .takes_token = std::is_same_v<Op, op::wait_event>,
};

// Whether programs do an operation again and again on one descriptor, so that code for it alone is worth its size. The others, which happen
// once in the life of a descriptor, share theirs.
template <class Op>
inline constexpr bool is_frequent =
    std::is_same_v<Op, op::recv> || std::is_same_v<Op, op::send> || std::is_same_v<Op, op::read> || std::is_same_v<Op, op::write> ||
    std::is_same_v<Op, op::readv> || std::is_same_v<Op, op::writev> || std::is_same_v<Op, op::nop> || std::is_same_v<Op, op::timeout> ||
    std::is_same_v<Op, op::wait_event> || std::is_same_v<Op, op::notify_event>;

// Whether an operation that is ended may have moved a part already: what is taken back from the system would then end for good. Besides,
// the system counts a message that is longer than its buffer as a failure of one that has to be whole, and the library does not.
template <class Op>
inline constexpr bool moves_in_parts =
    requires { requires Op::moves_bytes; } || requires(Op& op) { std::remove_cvref_t<decltype(op.flags)>::wait_all; };

// What `info_of` says, with what it takes to start an operation whose type is not known. The core reads it through `record::info`. What
// only chains need is null in calls without links.
template <class Ring>
struct op_facts : op_info {
  auto (*start)(Ring&, record&, bool alone) noexcept -> started;           // as `backend_policy`'s, and its deadline; null for a close
  auto (*prepare)(Ring&, typename Ring::entry&, record&) noexcept -> int;  // as `backend_policy`'s `prepare_entry`
  void (*arm)(Ring&, record&) noexcept;                                    // starts its deadline; null for one without
  auto (*normal)(std::int32_t raw) noexcept -> std::int32_t;               // as the backend's, for a timeout; null for others
  std::uint8_t kind;                                                       // of its record
  bool is_deadline;                                                        // bounds the one before it
  chain_place place;                                                       // as the backend's `can_link` says
  bool moves_in_parts;                                                     // as `moves_in_parts` says
  // For a backend that starts all operations of some types by the same code: what that has to know of a type, and what depends on it.
  std::uint16_t ways;
  auto (*serve)(typename Ring::entry*, record&) noexcept -> int;
};

// Whether what an operation gives can be made from the system's number; the library's own say themselves how.
template <class Op>
inline constexpr bool result_can_be_made =
    std::is_void_v<typename Op::result_type> || std::is_constructible_v<typename Op::result_type, std::int32_t> ||
    requires { Op::describe([](auto&&...) {}); };

// Whether a backend can do an operation. A mistake gives one sentence.
template <class Backend, class Op>
consteval auto check_operation() -> bool {
  if constexpr (!operation_struct<Op>) {
    static_assert(
        operation_struct<Op>,
        "[sluice.op.not_an_operation] this is no operation: it has no result_type; use a struct of sluice::op or give yours a result_type");
    return false;
  } else if constexpr (!Backend::template supports<Op>) {
    static_assert(
        Backend::template supports<Op>,
        "[sluice.op.unsupported] this backend cannot do this operation; use one of sluice::op that it supports, or give yours what the backend finds: prepare(io_uring_sqe&, const Op&) for a ring, perform(const Op&) where it is made by a call");
    return false;
  } else if constexpr (sluice::detail::gives_many<Op>) {
    static_assert(!sluice::detail::gives_many<Op>,
                  "[sluice.op.gives_many] this operation gives one result after the other; make a stream of it with stream(...)");
    return false;
  } else if constexpr (!result_can_be_made<Op>) {
    static_assert(
        result_can_be_made<Op>,
        "[sluice.op.result_type] a number is all that the system gives for this operation and its result_type cannot be made from one; use std::size_t, int, a handle or void");
    return false;
  } else {
    return true;
  }
}

// Whether a backend can do an operation of which a stream is made. A mistake gives one sentence.
template <class Backend, class Op>
consteval auto check_stream() -> bool {
  if constexpr (!sluice::detail::gives_many<Op>) {
    static_assert(sluice::detail::gives_many<Op>,
                  "[sluice.stream.gives_one] this gives no results one after the other; a stream is made of one of op::accept_many, "
                  "op::recv_many, op::poll_many, op::timer_many");
    return false;
  } else if constexpr (!Backend::template supports<Op>) {
    static_assert(Backend::template supports<Op>,
                  "[sluice.stream.unsupported] this backend has no such streams; repeat the operation that gives one result, or use "
                  "backend::io_uring, backend::epoll or backend::poll");
    return false;
  } else {
    return true;
  }
}

// The type that an operation gives; void for what is none.
template <class Op, bool = operation_struct<Op>>
struct value_of {
  using type = typename Op::result_type;
};
template <class Op>
struct value_of<Op, false> {
  using type = void;
};

// Whether the operations of a call can be started together. A mistake gives one sentence.
template <class Backend, class... Ops>
consteval auto check_call() -> bool {
  if constexpr (!sluice::detail::check_call<Ops...>())
    return false;
  else
    return (check_operation<Backend, typename sluice::detail::unlinked<Ops>::type>() && ...);
}

// What a call gives: one result, or a tuple of them.
template <class... Ops>
struct outcome_of {
  using type = std::tuple<sluice::result<typename value_of<typename sluice::detail::unlinked<Ops>::type>::type>...>;
};
template <class Op>
struct outcome_of<Op> {
  using type = sluice::result<typename value_of<typename sluice::detail::unlinked<Op>::type>::type>;
};
/// \endcond

/// An operation, the record by which the core knows it, and what the backend keeps beside it; nothing on the heap.
///
/// It belongs to the caller, is neither copied nor moved, and must live, with its buffers, from start until done. It may be started again
/// after it was done. `Op` may be `op::timed<X>`. `Kept` is `const Op&` for one that lives no longer than its description.
/// \lifetime its destructor asserts that it is not in flight
template <class Backend, class Op, class Kept = typename detail::unlinked<Op>::type>
class basic_operation : public std::conditional_t<detail::unlinked<Op>::is_timed, timed_record, record> {
 public:
  /// What is to be done, without link or deadline.
  using op_type = typename detail::unlinked<Op>::type;
  /// Whether the backend can do it; if not, a sentence says so.
  static constexpr bool is_supported = check_operation<Backend, op_type>();
  using description_type = Op;  ///< what it is made from
  /// What `result` holds.
  using value_type = typename value_of<op_type, is_supported>::type;
  /// Whether a deadline of the library's bounds it.
  static constexpr bool is_timed = detail::unlinked<Op>::is_timed;
  /// \cond
  static constexpr bool is_tagged_close = info_of<op_type>.is_close;
  static constexpr bool has_handle = sluice::detail::has_handle<op_type>;
  static constexpr std::uint8_t initial_kind =
      (is_timed ? record_kind::timed : record_kind::plain) | (is_tagged_close ? record_kind::close : record_kind::plain);
  /// \endcond

  /// From the operation's description; implicit, so that an array can be made from a list of descriptions.
  template <class Description = Op>
    requires std::is_same_v<typename detail::unlinked<std::remove_cvref_t<Description>>::type, op_type>
  basic_operation(Description&& description) noexcept  // NOLINT(google-explicit-constructor)
      : op(detail::unlinked<std::remove_cvref_t<Description>>::take(std::forward<Description>(description))) {
    // The bare operation was moved out of the description, its deadline was not.
    if constexpr (is_timed)
      this->limit = detail::unlinked<std::remove_cvref_t<Description>>::limit(description);  // NOLINT(bugprone-use-after-move)
    this->info = &info_of<op_type>;
  }
  /// \cond
  // From a description that lives longer, to be started at once.
  basic_operation(started_at_once now, Kept description) noexcept
    requires std::is_reference_v<Kept>
      : record(now), op(description) {
    this->info = &info_of<op_type>;
  }
  /// \endcond
  ~basic_operation() { assert(this->state != record_state::in_flight && "an operation was destroyed while it was in flight"); }

  /// What came of it; it must be done. An operation that is not done never reads as success: it gives `errc::in_progress`.
  [[nodiscard]] auto result() const noexcept -> sluice::result<value_type> {
    if (this->state != record_state::done) [[unlikely]]
      return failure(errc::in_progress);
    return outcome();
  }

  /// \cond
  // The same of one that is known to be done.
  [[nodiscard, gnu::always_inline]] auto outcome() const noexcept -> sluice::result<value_type> {
    std::int32_t raw = this->res;
    if (raw < 0) [[unlikely]] {
      raw = Backend::template normal<op_type>(raw);
      // Of all failures only that of a time that has passed is none.
      if (!info_of<op_type>.is_timeout || raw < 0) return std::unexpected{error_of(raw)};
    }
    if constexpr (std::is_void_v<value_type>) {
      return {};
    } else if constexpr (std::is_same_v<decltype(Backend::value(op, scratch, raw)), value_type>) {
      // Made where it is to lie: some are large.
      struct value_of_it {
        const basic_operation& self;
        std::int32_t raw;
        [[gnu::always_inline]] operator value_type() const noexcept {  // NOLINT(google-explicit-constructor)
          return Backend::value(self.op, self.scratch, raw);
        }
      };
      return sluice::result<value_type>{std::in_place, value_of_it{*this, raw}};
    } else {
      return Backend::value(op, scratch, raw);  // a result itself
    }
  }
  // Done without ever starting.
  void refuse(std::int32_t raw = -static_cast<std::int32_t>(std::errc::operation_canceled)) noexcept {
    this->res = raw;
    this->state = record_state::done;
  }
  [[nodiscard]] auto was_canceled() const noexcept -> bool {
    return Backend::template normal<op_type>(this->res) == -static_cast<std::int32_t>(std::errc::operation_canceled);
  }
  /// \endcond

  /// \cond
  // What backends read. Nothing is ever stored for an operation without fields, and compilers take a reference to it for one to
  // uninitialised memory.
  [[nodiscard]] auto description() const noexcept -> const op_type& {
    if constexpr (std::is_empty_v<op_type> && std::is_default_constructible_v<op_type>) {
      static constexpr op_type without_fields{};
      return without_fields;
    } else {
      return op;
    }
  }
  /// \endcond

  Kept op;  ///< may be changed while it is not in flight

  /// \cond
  [[no_unique_address]] typename Backend::template scratch<op_type> scratch;
  /// \endcond
};

/// \cond
// The record of an operation that a task waits for alone, with what the backend keeps beside it. The description lies with whoever waits.
template <class Backend, class Op>
struct sole_operation : record {
  using op_type = Op;

  sole_operation() noexcept : record{started_at_once{}} {}

  [[no_unique_address]] typename Backend::template scratch<Op> scratch;
};

// Whether a backend starts all operations of this type and some others by the same code.
template <class Backend, class Op>
inline constexpr bool starts_alike = false;
template <class Backend, class Op>
  requires requires { Backend::template alike<Op>; }
inline constexpr bool starts_alike<Backend, Op> = !is_frequent<Op> && Backend::template alike<Op> != 0;

// What depends on the type then.
template <class Ring, class Operation>
[[gnu::cold]] auto serve_known(typename Ring::entry* prepared, record& one) noexcept -> int {
  auto& known = static_cast<Operation&>(one);
  return Ring::backend_type::serve(prepared, known.description(), known.scratch);
}

// Starts an operation that happens once in the life of a descriptor, with as little code as goes.
template <class Ring, class Operation>
[[gnu::cold]] auto start_small(Ring& ring, record& one, bool alone) noexcept -> started {
  return Ring::template start_known<Operation>(ring, one, alone);
}

template <class Ring, class Operation, bool Linked>
consteval auto make_facts() -> op_facts<Ring> {
  using op_type = typename Operation::op_type;
  op_facts<Ring> facts{info_of<op_type>,     nullptr, nullptr, nullptr, nullptr, Operation::initial_kind, false,
                       chain_place::nowhere, false,   0,       nullptr};
  if constexpr (!Operation::is_tagged_close && !Operation::is_timed && starts_alike<typename Ring::backend_type, op_type>) {
    facts.start = &Ring::start_alike;
    facts.ways = Ring::backend_type::template alike<op_type>;
    facts.serve = &serve_known<Ring, Operation>;
  } else if constexpr (!Operation::is_tagged_close) {
    facts.start = is_frequent<op_type> ? &Ring::template start_known<Operation> : &start_small<Ring, Operation>;
  }
  if constexpr (Linked) {
    facts.prepare = &Ring::template prepare_known<Operation>;
    if constexpr (Operation::is_timed) facts.arm = &Ring::arm_known;
    if constexpr (std::is_same_v<op_type, op::timeout>) facts.normal = &Ring::backend_type::template normal<op_type>;
    if constexpr (requires { Ring::backend_type::template can_link<op_type>; })
      facts.place = Ring::backend_type::template can_link<op_type>;
    facts.moves_in_parts = moves_in_parts<op_type>;
    facts.is_deadline = std::is_same_v<op_type, op::link_timeout>;
  }
  return facts;
}
template <class Ring, class Operation, bool Linked>
inline constexpr op_facts<Ring> facts_of = make_facts<Ring, Operation, Linked>();

// Leaves in its record what is needed to start an operation without knowing its type.
template <class Ring, bool Linked = false, class Operation>
[[gnu::always_inline]] inline void settle_type(Operation& one) noexcept {
  one.info = &facts_of<Ring, Operation, Linked>;
  one.handle = sluice::detail::handle_of(one.description());
}

// Whether a span is a batch of operations that a backend can start. A mistake gives one sentence.
template <class Backend, class Operation>
inline constexpr bool is_batch_of = false;
template <class Backend, class Op>
inline constexpr bool is_batch_of<Backend, basic_operation<Backend, Op>> = true;
template <class Backend, class Operation>
consteval auto check_batch() -> bool {
  static_assert(
      is_batch_of<Backend, Operation>,
      "[sluice.op.batch] a batch is a span of this config's operations, which are written to; make it a std::span<aio::operation<op::read>>, say");
  return is_batch_of<Backend, Operation>;
}

// Whether something can be told what is done. A mistake gives one sentence.
template <class Sink>
consteval auto check_sink() -> bool {
  static_assert(
      std::is_invocable_v<Sink&, record&>,
      "[sluice.aio.sink] completions are told to a sink, and this cannot be called with one; give poll a callable that takes an aio::record&");
  return std::is_invocable_v<Sink&, record&>;
}
/// \endcond

}  // namespace sluice::inline v0::aio
