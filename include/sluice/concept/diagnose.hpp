// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Which requirement of its concept a policy misses, as one sentence. Layer: concept.

#include <sluice/concept/backend.hpp>
#include <sluice/concept/blocking.hpp>
#include <sluice/concept/context.hpp>
#include <sluice/concept/requirement.hpp>
#include <sluice/concept/stack.hpp>
#include <sluice/concept/stuck.hpp>
#include <sluice/concept/timers.hpp>
#include <sluice/concept/trace.hpp>
#include <sluice/config.hpp>
#include <sluice/interval.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace sluice::inline v0::detail {

/// The requirements of each contract one by one, so that the one that is missed can be named; whether a function may throw comes last.
namespace need {

template <class P>
concept allocate = requires(P policy) {
  { policy.allocate() } -> std::same_as<result<stack_span>>;
};
template <class P>
concept deallocate = requires(P policy, stack_span span) {
  { policy.deallocate(span) } -> std::same_as<void>;
};
template <class P>
concept submit = requires(P policy, blocking_job& job) {
  { policy.submit(job) } -> std::same_as<result<void>>;
};
template <class P>
concept withdraw = requires(P policy, blocking_job& job) {
  { policy.withdraw(job) } -> std::same_as<bool>;
};
template <class P>
concept refusals = requires {
  { P::refusals } -> std::convertible_to<std::uint32_t>;
};
template <class P>
concept grace = requires {
  { P::grace } -> std::convertible_to<interval>;
};
template <class P>
concept give_up = requires {
  { P::give_up() } -> std::same_as<void>;
};
template <class P>
concept state =
    requires { typename P::state; } && std::is_trivially_copyable_v<typename P::state> && sizeof(typename P::state) <= 3 * sizeof(void*);
template <class P>
concept storage_bytes = requires {
  { P::storage_bytes } -> std::convertible_to<std::size_t>;
};
template <class P>
concept attach = requires(typename P::state state, void* storage) {
  { P::attach(state, storage) } -> std::same_as<void>;
};
template <class P>
concept prepare = requires(typename P::state state, stack_span stack, context_entry entry, void* argument) {
  { P::prepare(state, stack, entry, argument) } -> std::same_as<void>;
};
template <class P>
concept switch_to = requires(typename P::state state) {
  { P::switch_to(state, state) } -> std::same_as<void>;
};
template <class P>
concept supported = requires {
  { P::supported() } -> std::same_as<bool>;
};
template <class P>
concept arm = requires(P policy, timer_node& node) {
  { policy.arm(node) } -> std::same_as<result<void>>;
};
template <class P>
concept disarm = requires(P policy, timer_node& node) {
  { policy.disarm(node) } -> std::same_as<void>;
};
template <class P>
concept next = requires(const P& policy) {
  { policy.next() } -> std::same_as<time_point>;
};
template <class P>
concept expire = requires(P policy, time_point now, void (*fire)(timer_node&)) {
  { policy.expire(now, fire) } -> std::same_as<void>;
};
template <class P>
concept size = requires(const P& policy) {
  { policy.size() } -> std::convertible_to<std::size_t>;
};
template <class P>
concept os = requires { typename P::os; };
template <class P>
concept entry = requires { typename P::entry; };
template <class P>
concept scratch = requires { typename P::template scratch<op::nop>; };
template <class P>
concept open = requires(ring_options options) {
  { P::open(options) } -> std::same_as<result<typename P::opened>>;
};
template <class P>
concept construction = std::constructible_from<P, typename P::opened>;
template <class P>
concept supports = requires { requires P::template supports<op::nop>; };
template <class P>
concept in_child = requires(P& backend) {
  { backend.in_child() } -> std::same_as<bool>;
};
template <class P>
concept start = requires(P& backend, aio::record& record, const op::nop& nop, typename P::template scratch<op::nop>& scratch,
                         observer<no_trace> watch) {
  { backend.start(record, nop, scratch, true, watch) } -> std::same_as<started>;
};
template <class P>
concept prepare_entry = requires(P& backend, typename P::entry& entry, aio::record& record, const op::nop& nop,
                                 typename P::template scratch<op::nop>& scratch) {
  { backend.prepare_entry(entry, record, nop, scratch) } -> std::same_as<int>;
};
template <class P>
concept push = requires(P& backend, aio::record& record, typename P::entry& entry, observer<no_trace> watch) {
  { backend.push(record, entry, watch) } -> std::same_as<started>;
};
template <class P>
concept start_close = requires(P& backend, aio::record& record, observer<no_trace> watch) {
  { backend.start_close(record, watch) } -> std::same_as<started>;
};
template <class P>
concept cancel = requires(P& backend, aio::record& record, observer<no_trace> watch) {
  { backend.cancel(record, watch) } -> std::same_as<void>;
};
template <class P>
concept cancel_all = requires(P& backend, observer<no_trace> watch) {
  { backend.cancel_all(watch) } -> std::same_as<void>;
};
template <class P>
concept poll = requires(P& backend, poll_request request, ignore_records sink, observer<no_trace> watch) {
  { backend.poll(request, sink, watch) } -> std::same_as<result<poll_report>>;
};
template <class P>
concept pending = requires(P& backend) {
  { backend.pending() } -> std::same_as<bool>;
};
template <class P>
concept wake = requires(P& backend) {
  { backend.wake() } -> std::same_as<void>;
};
template <class P>
concept native_handle = requires(P& backend) {
  { backend.native_handle() } -> std::same_as<result<int>>;
};

}  // namespace need

template <class P>
consteval auto diagnose_stack() -> bool {
  if constexpr (stack_policy<P>) {
    return true;
  } else if constexpr (!has_name<P>) {
    static_assert(meets<P>, "[sluice.stack.name] a stack policy misses its name; add `static constexpr std::string_view name`");
  } else if constexpr (!std::default_initializable<P>) {
    static_assert(meets<P>,
                  "[sluice.stack.default] a stack policy cannot be made without arguments; move its options to template parameters");
  } else if constexpr (!need::allocate<P>) {
    static_assert(meets<P>, "[sluice.stack.allocate] a stack policy misses allocate; add `auto allocate() noexcept -> result<stack_span>`");
  } else if constexpr (!need::deallocate<P>) {
    static_assert(meets<P>, "[sluice.stack.deallocate] a stack policy misses deallocate; add `void deallocate(stack_span) noexcept`");
  } else {
    static_assert(meets<P>, "[sluice.stack.noexcept] allocate or deallocate of a stack policy may throw; make both noexcept");
  }
  return false;
}

template <class P>
consteval auto diagnose_context() -> bool {
  if constexpr (context_policy<P>) {
    return true;
  } else if constexpr (!has_name<P>) {
    static_assert(meets<P>, "[sluice.context.name] a context policy misses its name; add `static constexpr std::string_view name`");
  } else if constexpr (!std::default_initializable<P>) {
    static_assert(meets<P>,
                  "[sluice.context.default] a context policy cannot be made without arguments; move its options to template parameters");
  } else if constexpr (!need::state<P>) {
    static_assert(
        meets<P>,
        "[sluice.context.state] a context policy misses a trivially copyable `state` of at most three pointers; add one, and use storage_bytes for what does not fit");
  } else if constexpr (!need::storage_bytes<P>) {
    static_assert(meets<P>,
                  "[sluice.context.storage_bytes] a context policy misses storage_bytes; add `static constexpr std::size_t storage_bytes`");
  } else if constexpr (!need::attach<P>) {
    static_assert(meets<P>,
                  "[sluice.context.attach] a context policy misses attach; add `static void attach(state&, void* storage) noexcept`");
  } else if constexpr (!need::prepare<P>) {
    static_assert(
        meets<P>,
        "[sluice.context.prepare] a context policy misses prepare; add `static void prepare(state&, stack_span, context_entry, void* argument) noexcept`");
  } else if constexpr (!need::switch_to<P>) {
    static_assert(
        meets<P>,
        "[sluice.context.switch_to] a context policy misses switch_to; add `static void switch_to(state& from, state& to) noexcept`");
  } else if constexpr (!need::supported<P>) {
    static_assert(meets<P>, "[sluice.context.supported] a context policy misses supported; add `static auto supported() noexcept -> bool`");
  } else {
    static_assert(
        meets<P>,
        "[sluice.context.noexcept] a function of a context policy may throw; make attach, prepare, switch_to and supported noexcept");
  }
  return false;
}

template <class P>
consteval auto diagnose_timers() -> bool {
  if constexpr (timers_policy<P>) {
    return true;
  } else if constexpr (!has_name<P>) {
    static_assert(meets<P>, "[sluice.timers.name] a timers policy misses its name; add `static constexpr std::string_view name`");
  } else if constexpr (!std::default_initializable<P>) {
    static_assert(meets<P>,
                  "[sluice.timers.default] a timers policy cannot be made without arguments; move its options to template parameters");
  } else if constexpr (!need::arm<P>) {
    static_assert(meets<P>, "[sluice.timers.arm] a timers policy misses arm; add `auto arm(timer_node&) noexcept -> result<void>`");
  } else if constexpr (!need::disarm<P>) {
    static_assert(meets<P>, "[sluice.timers.disarm] a timers policy misses disarm; add `void disarm(timer_node&) noexcept`");
  } else if constexpr (!need::next<P>) {
    static_assert(meets<P>, "[sluice.timers.next] a timers policy misses next; add `auto next() const noexcept -> time_point`");
  } else if constexpr (!need::expire<P>) {
    static_assert(meets<P>, "[sluice.timers.expire] a timers policy misses expire; add `void expire(time_point now, auto&& fire)`");
  } else if constexpr (!need::size<P>) {
    static_assert(meets<P>, "[sluice.timers.size] a timers policy misses size; add `auto size() const noexcept -> std::size_t`");
  } else {
    static_assert(meets<P>, "[sluice.timers.noexcept] a function of a timers policy may throw; make arm, disarm, next and size noexcept");
  }
  return false;
}

template <class P>
consteval auto diagnose_trace() -> bool {
  if constexpr (trace_policy<P>) {
    return true;
  } else if constexpr (!has_name<P>) {
    static_assert(meets<P>, "[sluice.trace.name] a trace policy misses its name; add `static constexpr std::string_view name`");
  } else {
    static_assert(meets<P>,
                  "[sluice.trace.default] a trace policy cannot be made without arguments; move its options to template parameters");
  }
  return false;
}

template <class P>
consteval auto diagnose_backend() -> bool {
  if constexpr (backend_policy<P>) {
    return true;
  } else if constexpr (!has_name<P>) {
    static_assert(meets<P>, "[sluice.backend.name] a backend misses its name; add `static constexpr std::string_view name`");
  } else if constexpr (!need::os<P>) {
    static_assert(meets<P>,
                  "[sluice.backend.os] a backend misses `os`; add an alias of that name for the type that makes its system calls");
  } else if constexpr (!need::entry<P>) {
    static_assert(meets<P>, "[sluice.backend.entry] a backend misses `entry`; add a type of that name for a prepared operation");
  } else if constexpr (!need::scratch<P>) {
    static_assert(
        meets<P>,
        "[sluice.backend.scratch] a backend misses `scratch`; add `template <class Op> struct scratch` for what it keeps beside an operation in flight");
  } else if constexpr (!need::open<P>) {
    static_assert(
        meets<P>,
        "[sluice.backend.open] a backend misses `open`, or the type `opened` that it gives; add `static auto open(const ring_options&) noexcept -> result<opened>`");
  } else if constexpr (!need::construction<P>) {
    static_assert(
        meets<P>,
        "[sluice.backend.construction] a backend cannot be made from what its `open` gives; add an explicit constructor from `const opened&`");
  } else if constexpr (!need::supports<P>) {
    static_assert(
        meets<P>,
        "[sluice.backend.supports] a backend misses `supports`, or cannot do op::nop; add `template <class Op> static constexpr bool supports`, true for op::nop");
  } else if constexpr (!need::in_child<P>) {
    static_assert(meets<P>, "[sluice.backend.in_child] a backend misses in_child; add `auto in_child() const noexcept -> bool`");
  } else if constexpr (!need::start<P>) {
    static_assert(
        meets<P>,
        "[sluice.backend.start] a backend misses start; add `auto start(aio::record&, const Op&, scratch<Op>&, bool alone, const Watch&) noexcept -> started`");
  } else if constexpr (!need::prepare_entry<P>) {
    static_assert(
        meets<P>,
        "[sluice.backend.prepare_entry] a backend misses prepare_entry; add `auto prepare_entry(entry&, aio::record&, const Op&, scratch<Op>&) noexcept -> int`");
  } else if constexpr (!need::push<P>) {
    static_assert(
        meets<P>,
        "[sluice.backend.push] a backend misses push; add `auto push(aio::record&, const entry&, const Watch&) noexcept -> started`");
  } else if constexpr (!need::start_close<P>) {
    static_assert(
        meets<P>,
        "[sluice.backend.start_close] a backend misses start_close; add `auto start_close(aio::record&, const Watch&) noexcept -> started`");
  } else if constexpr (!need::cancel<P>) {
    static_assert(meets<P>, "[sluice.backend.cancel] a backend misses cancel; add `void cancel(aio::record&, const Watch&) noexcept`");
  } else if constexpr (!need::cancel_all<P>) {
    static_assert(meets<P>, "[sluice.backend.cancel_all] a backend misses cancel_all; add `void cancel_all(const Watch&) noexcept`");
  } else if constexpr (!need::poll<P>) {
    static_assert(
        meets<P>,
        "[sluice.backend.poll] a backend misses poll; add `auto poll(const poll_request&, Sink&&, const Watch&) noexcept -> result<poll_report>`");
  } else if constexpr (!need::pending<P>) {
    static_assert(meets<P>, "[sluice.backend.pending] a backend misses pending; add `auto pending() const noexcept -> bool`");
  } else if constexpr (!need::wake<P>) {
    static_assert(meets<P>, "[sluice.backend.wake] a backend misses wake; add `void wake() noexcept`");
  } else if constexpr (!need::native_handle<P>) {
    static_assert(meets<P>,
                  "[sluice.backend.native_handle] a backend misses native_handle; add `auto native_handle() noexcept -> result<int>`");
  } else {
    static_assert(meets<P>, "[sluice.backend.noexcept] a function of a backend may throw; make all that backend_policy asks for noexcept");
  }
  return false;
}

template <class P>
consteval auto diagnose_blocking() -> bool {
  if constexpr (blocking_policy<P>) {
    return true;
  } else if constexpr (!has_name<P>) {
    static_assert(meets<P>, "[sluice.blocking.name] a blocking policy misses its name; add `static constexpr std::string_view name`");
  } else if constexpr (!std::default_initializable<P>) {
    static_assert(meets<P>,
                  "[sluice.blocking.default] a blocking policy cannot be made without arguments; move its options to template parameters");
  } else if constexpr (!need::submit<P>) {
    static_assert(meets<P>,
                  "[sluice.blocking.submit] a blocking policy misses submit; add `auto submit(blocking_job&) noexcept -> result<void>`");
  } else if constexpr (!need::withdraw<P>) {
    static_assert(meets<P>,
                  "[sluice.blocking.withdraw] a blocking policy misses withdraw; add `auto withdraw(blocking_job&) noexcept -> bool`");
  } else {
    static_assert(meets<P>, "[sluice.blocking.noexcept] a function of a blocking policy may throw; make submit and withdraw noexcept");
  }
  return false;
}

template <class P>
consteval auto diagnose_stuck() -> bool {
  if constexpr (stuck_policy<P>) {
    return true;
  } else if constexpr (!has_name<P>) {
    static_assert(meets<P>, "[sluice.stuck.name] a stuck policy misses its name; add `static constexpr std::string_view name`");
  } else if constexpr (!need::refusals<P>) {
    static_assert(meets<P>, "[sluice.stuck.refusals] a stuck policy misses refusals; add `static constexpr std::uint32_t refusals`");
  } else if constexpr (!need::grace<P>) {
    static_assert(meets<P>, "[sluice.stuck.grace] a stuck policy misses grace; add `static constexpr interval grace`");
  } else if constexpr (!need::give_up<P>) {
    static_assert(meets<P>, "[sluice.stuck.give_up] a stuck policy misses give_up; add `static void give_up() noexcept`");
  } else if constexpr (!(P::refusals >= 1)) {
    static_assert(meets<P>,
                  "[sluice.stuck.no_refusals] .refusals of a stuck policy must be at least 1; choose 1 where a second refusal is too much");
  } else if constexpr (!(interval{P::grace}.count > 0)) {
    static_assert(meets<P>, "[sluice.stuck.no_grace] .grace of a stuck policy must be positive; leave it out for no limit");
  } else {
    static_assert(meets<P>, "[sluice.stuck.noexcept] give_up of a stuck policy may throw; make it noexcept");
  }
  return false;
}

/// Whether the options of a policy hold, where it checks any; a mistake gives a sentence of its own.
template <class P>
consteval auto check_options() -> bool {
  if constexpr (requires { P::valid; })
    return P::valid;
  else
    return true;
}

/// Whether every policy of a config meets its contract. A mistake gives one sentence and no more.
template <class Config>
consteval auto check_policies() -> bool {
  if constexpr (!check_config<Config>())
    return false;
  else if constexpr (!check_options<policy_of<Config, policy_kind::backend>>() || !check_options<policy_of<Config, policy_kind::stack>>() ||
                     !check_options<policy_of<Config, policy_kind::timers>>() || !check_options<policy_of<Config, policy_kind::blocking>>())
    return false;
  else
    return diagnose_backend<policy_of<Config, policy_kind::backend>>() && diagnose_stack<policy_of<Config, policy_kind::stack>>() &&
           diagnose_context<policy_of<Config, policy_kind::context>>() && diagnose_timers<policy_of<Config, policy_kind::timers>>() &&
           diagnose_trace<policy_of<Config, policy_kind::trace>>() && diagnose_blocking<policy_of<Config, policy_kind::blocking>>() &&
           diagnose_stuck<policy_of<Config, policy_kind::stuck>>();
}

/// A config that resolves: itself, or the defaults where it has a mistake, so that one mistake is one message.
template <class Config>
using sound = std::conditional_t<check_policies<Config>(), Config, config<>>;

}  // namespace sluice::inline v0::detail
