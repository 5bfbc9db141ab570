// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Two backends in one: what the running kernel's ring lacks goes to the other. A policy.
///
/// `backend::io_uring` takes for granted what the oldest supported kernel has, and looks for newer opcodes only. This one takes nothing for
/// granted: when it opens it asks for every opcode, and each operation whose opcode is missing is served by the second backend, alone; all
/// others stay with the first. While every operation that is used has its opcode, the second backend is not even opened, and a poll is the
/// first one's own. Once it is, a poll submits to the first, then sleeps in the second, which watches a descriptor of the first.

#include <sluice/buffer.hpp>
#include <sluice/buffer_group.hpp>
#include <sluice/concept/backend.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/concept/service.hpp>
#include <sluice/event_source.hpp>
#include <sluice/handle.hpp>
#include <sluice/interval.hpp>
#include <sluice/op/cancel.hpp>
#include <sluice/op/file.hpp>
#include <sluice/op/list.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::backend {

/// Serves each operation by `First` where the running kernel can, else by `Second`; see the top of this file.
///
/// `First` is a `backend::io_uring`, `Second` a readiness backend with a descriptor of its own, so `backend::epoll`. How each operation is
/// served, `aio::ring::report` tells.
/// \errors `open`: those of `First`; an operation that needs `Second` when that cannot be opened: those of `Second`
template <backend_policy First, backend_policy Second>
class with_fallback {
 public:
  static constexpr auto kind = policy_kind::backend;     ///< what it decides
  static constexpr std::string_view name = First::name;  ///< for reports

  using os = typename First::os;  ///< where system calls go

  /// A prepared operation of either.
  struct entry {
    /// \cond
    // A backend's entry may end in an array without a size, which no struct may have as a member: its bytes, then.
    alignas(typename First::entry) std::byte bytes[sizeof(typename First::entry)];
    alignas(typename Second::entry) std::byte second_bytes[sizeof(typename Second::entry)];
    const op::cancel* asks = nullptr;  // whose operation may be with either
    bool by_second = false;
    bool ends_handle = false;  // operations of either
    bool ends_all = false;     // operations of both

    [[nodiscard]] auto first() noexcept -> typename First::entry& { return *std::launder(reinterpret_cast<typename First::entry*>(bytes)); }
    [[nodiscard]] auto first() const noexcept -> const typename First::entry& {
      return *std::launder(reinterpret_cast<const typename First::entry*>(bytes));
    }
    [[nodiscard]] auto second() noexcept -> typename Second::entry& {
      return *std::launder(reinterpret_cast<typename Second::entry*>(second_bytes));
    }
    [[nodiscard]] auto second() const noexcept -> const typename Second::entry& {
      return *std::launder(reinterpret_cast<const typename Second::entry*>(second_bytes));
    }
    /// \endcond
  };

  /// What is kept beside an operation in flight.
  template <class Op>
  struct scratch {
    /// \cond
    typename First::template scratch<Op> first;
    typename Second::template scratch<Op> second;
    bool by_second = false;
    /// \endcond
  };

  /// What streams ask of it.
  template <class Op>
  struct many {
    /// \cond
    using by_first = typename First::template many<Op>;
    using by_second = typename Second::template many<Op>;

    static auto decode(const Op& op, scratch<Op>& keep, std::int32_t res, std::uint32_t flags) noexcept -> arrival {
      return keep.by_second ? by_second::decode(op, keep.second, res, flags) : by_first::decode(op, keep.first, res, flags);
    }
    template <class>
    static void ready(const Op& op, scratch<Op>& keep) noexcept
      requires requires { by_first::template ready<First>(op, keep.first); }
    {
      by_first::template ready<First>(op, keep.first);
    }
    static auto try_once(scratch<Op>& keep) noexcept -> bool {
      return keep.by_second ? by_second::try_once(keep.second) : by_first::try_once(keep.first);
    }
    template <class Watch>
    static void go_on(with_fallback& self, aio::record& record, const Watch& watch) noexcept {
      by_first::go_on(self, record, watch);
    }
    static constexpr auto shared_bytes(std::uint32_t count) noexcept -> std::size_t { return by_first::shared_bytes(count); }
    static void share(with_fallback& self, buffer_group_state& group, std::byte* memory) noexcept {
      if (!self.template lacks<Op>()) by_first::share(self, group, memory);
    }
    /// \endcond
  };

  /// Whether an operation can be started at all.
  template <class Op>
  static constexpr bool supports = First::template supports<Op>;

  /// What the system gave; nobody else may use it.
  struct opened {
    typename First::opened first;  ///< the ring
    ring_options options;          ///< for the other
  };

  /// Opens the first.
  [[gnu::noinline, gnu::cold]] static auto open(const ring_options& options) noexcept -> result<opened> {
    auto first = First::open(options);
    if (!first) return std::unexpected{first.error()};
    return opened{std::move(*first), options};
  }

  /// Takes over what `open` gave, and asks for every opcode.
  explicit with_fallback(const opened& parts) noexcept : first_{parts.first}, opcodes_{first_.opcodes()}, options_{parts.options} {
    bell_.kind = aio::record_kind::internal;
    bell_.older = nullptr;
    bell_.place = &bell_.older;
  }
  with_fallback(const with_fallback&) = delete;
  auto operator=(const with_fallback&) -> with_fallback& = delete;
  /// Gives both back.
  ~with_fallback() {
    if (is_open()) second_.~Second();
  }

  /// Whether this is a forked child of the process that made it.
  [[nodiscard]] auto in_child() const noexcept -> bool { return first_.in_child(); }

  /// Starts an operation; see `backend_policy`.
  template <class Op, class Watch>
  auto start(aio::record& record, const Op& op, scratch<Op>& keep, bool alone, const Watch& watch) noexcept -> started {
    if constexpr (std::is_same_v<Op, op::cancel>) {
      if (found_in_second(record, op, watch)) return started::done;
    }
    if constexpr (std::is_same_v<Op, op::cancel_handle>) return cancel_older(record, watch);
    if constexpr (std::is_same_v<Op, op::cancel_all>) return end_all(record, watch);
    keep.by_second = lacks<Op>() || (calls<Op>() && is_open() && (!alone || record.older != nullptr));
    if constexpr (Second::template supports<Op>) {
      if (keep.by_second) {
        if (!have_second()) return done_with(record, refused_);
        record.engine = 1;
        return second_.start(record, op, keep.second, alone, watch);
      }
    }
    return first_.start(record, op, keep.first, alone, watch);
  }

  /// Makes an operation's call and waits in it; see `backend_policy`.
  template <class Op>
    requires requires(const Op& op, scratch<Op>& keep) { First::blocking_call(op, keep.first); }
  static auto blocking_call(const Op& op, scratch<Op>& keep) noexcept -> std::int32_t {
    return First::blocking_call(op, keep.first);
  }

  /// Prepares an operation without starting it.
  template <class Op>
  auto prepare_entry(entry& e, aio::record& record, const Op& op, scratch<Op>& keep) noexcept -> int {
    ::new (static_cast<void*>(&e)) entry;
    if constexpr (std::is_same_v<Op, op::cancel>) e.asks = &op;
    e.ends_handle = std::is_same_v<Op, op::cancel_handle>;
    e.ends_all = std::is_same_v<Op, op::cancel_all>;
    if (e.ends_handle || e.ends_all) return 0;
    keep.by_second = e.by_second = lacks<Op>();
    if constexpr (Second::template supports<Op>) {
      if (keep.by_second) {
        if (!have_second()) return refused_;
        auto& own = *::new (static_cast<void*>(e.second_bytes)) typename Second::entry;
        return second_.prepare_entry(own, record, op, keep.second);
      }
    }
    auto& own = *::new (static_cast<void*>(e.bytes)) typename First::entry;
    return first_.prepare_entry(own, record, op, keep.first);
  }

  /// Starts what was prepared.
  template <class Watch>
  auto push(aio::record& record, const entry& prepared, const Watch& watch) noexcept -> started {
    if (prepared.asks != nullptr && found_in_second(record, *prepared.asks, watch)) return started::done;
    if (prepared.ends_handle) return cancel_older(record, watch);
    if (prepared.ends_all) return end_all(record, watch);
    if (!prepared.by_second) return first_.push(record, prepared.first(), watch);
    record.engine = 1;
    return second_.push(record, prepared.second(), watch);
  }

  /// Where the kernel itself can run an operation in a chain.
  template <class Op>
  static constexpr chain_place can_link = First::template can_link<Op>;

  /// Whether the running kernel knows what a prepared operation asks for.
  [[nodiscard]] auto can_run(const entry& prepared) noexcept -> bool {
    return !prepared.by_second && prepared.asks == nullptr && !prepared.ends_handle && !prepared.ends_all &&
           first_.can_run(prepared.first());
  }

  /// Makes room for a whole chain; see `backend::io_uring`.
  template <class Watch>
  [[nodiscard]] auto reserve(std::uint32_t count, const Watch& watch) noexcept -> bool {
    return first_.reserve(count, watch);
  }

  /// Starts a member of a chain for which there is room.
  template <class Watch>
  void push_linked(const entry& prepared, bool linked, const Watch& watch) noexcept {
    first_.push_linked(prepared.first(), linked, watch);
  }

  /// Closes a handle by its number, on which nothing is in flight.
  template <class Watch>
  auto start_close(aio::record& record, const Watch& watch) noexcept -> started {
    // The second one must know that the number means another file from now on.
    if (is_open() || (lacks<op::close_file>() && have_second())) return second_.start_close(record, watch);
    return first_.start_close(record, watch);
  }

  /// Asks an operation to end; what comes of it is its own completion.
  template <class Watch>
  void cancel(aio::record& record, const Watch& watch) noexcept {
    if ((record.engine & 1U) != 0)
      second_.cancel(record, watch);
    else
      first_.cancel(record, watch);
  }

  /// Asks every operation to end.
  template <class Watch>
  void cancel_all(const Watch& watch) noexcept {
    if (First::template service_with<op::cancel>(opcodes_) == service::ring) first_.cancel_all(watch);
    if (is_open()) second_.cancel_all(watch);
  }

  /// Submits, may wait, and hands out completions; see `backend_policy`.
  template <class Sink, class Watch>
  auto poll(const poll_request& request, Sink sink, const Watch& watch) noexcept -> result<poll_report> {
    if (!is_open()) return first_.poll(request, sink, watch);
    poll_request submit = request;
    submit.wait = false;
    auto report = first_.poll(submit, sink, watch);
    if (!report) return report;
    bool rung = false;
    poll_request rest{.wait = request.wait && report->completions == 0 && !report->woken, .limit = request.limit};
    if (!is_hung_ && rest.limit > look_again) rest.limit = look_again;
    const auto other = second_.poll(
        rest,
        [&](aio::record& one) noexcept {
          if (one.is(bell_))
            rung = true;
          else
            sink(one);
        },
        watch);
    if (!other) return other;
    report->completions += other->completions - (rung ? 1U : 0U);
    report->woken |= other->woken;
    if (!rung && is_hung_) return report;
    hang_bell();
    const auto last = first_.poll(poll_request{}, sink, watch);
    if (!last) return last;
    report->completions += last->completions;
    report->woken |= last->woken;
    return report;
  }

  /// The same in the simple way; see `backend_policy`.
  template <class Take, class Watch>
  [[gnu::always_inline]] auto poll_simply(bool sleeps, const unsigned& agenda, Take take, std::uint32_t& taken, const Watch& watch) noexcept
      -> simple_poll {
    taken = 0;
    if (is_open()) [[unlikely]]
      return simple_poll::refused;
    return first_.poll_simply(sleeps, agenda, take, taken, watch);
  }

  /// Whether an operation can be queued at the first one with nothing to be seen to first.
  [[nodiscard, gnu::always_inline]] auto has_room() const noexcept -> bool { return first_.has_room(); }

  /// Whether entering the system would do anything.
  [[nodiscard]] auto pending() const noexcept -> bool { return first_.pending() || (is_open() && second_.pending()); }

  /// How long it may go without a poll while its handle is not readable.
  [[nodiscard, gnu::cold]] auto patience() const noexcept -> interval {
    interval least = first_.patience();
    if (!is_open()) return least;
    if (!is_hung_) least = sluice::detail::lesser_of(least, look_again);
    return sluice::detail::lesser_of(least, second_.patience());
  }

  /// Adds a token to an event source, from any thread. Zero, or minus the error.
  static auto notify(event_source_state& source) noexcept -> int { return First::notify(source); }

  /// Ends a poll that sleeps, from any thread.
  void wake() noexcept {
    first_.wake();
    // Whoever opens the second one looks at the first one's call before it sleeps.
    if (open_.load(std::memory_order_seq_cst)) second_.wake();
  }

  /// Whether anybody may do that from now on; the second one always counts on it.
  void expect_calls(bool any) noexcept { first_.expect_calls(any); }

  /// A descriptor that polls readable when there is something to do.
  [[nodiscard]] auto native_handle() noexcept -> result<int> {
    if (!have_second()) return std::unexpected{aio::error_of(refused_)};
    return second_.native_handle();
  }

  /// The first one, for what only it has.
  [[nodiscard]] auto first() noexcept -> First& { return first_; }
  /// The first one's ring, for registrations.
  [[nodiscard]] auto native_ring() noexcept -> auto& { return first_.native_ring(); }
  /// Whether the second one had to be opened.
  [[nodiscard]] auto is_open() const noexcept -> bool { return open_.load(std::memory_order_relaxed); }

  /// Whether a handle is a stream socket, on which two sends in flight may change places.
  [[nodiscard]] static auto is_stream(int handle) noexcept -> bool { return First::is_stream(handle); }

  /// How an operation is served here.
  template <class Op>
  [[nodiscard]] auto service_of() const noexcept -> service {
    const auto own = First::template service_with<Op>(opcodes_);
    if (own != service::nowhere) return own;
    if constexpr (Second::template supports<Op>)
      return Second::template service_of<Op>();
    else
      return service::nowhere;
  }

  /// The value of a raw result.
  template <class Op>
  static auto value(const Op& op, const scratch<Op>& keep, std::int32_t raw) noexcept {
    return keep.by_second ? Second::value(op, keep.second, raw) : First::value(op, keep.first, raw);
  }

  /// A raw result as the library counts it; those of the second one are so already and stay as they are.
  template <class Op>
  static auto normal(std::int32_t raw) noexcept -> std::int32_t {
    return First::template normal<Op>(raw);
  }
  /// The part of that which does not depend on the operation.
  static auto put_right(std::int32_t raw) noexcept -> std::int32_t { return First::put_right(raw); }

 private:
  // How long a poll sleeps while the first one's descriptor cannot be watched.
  static constexpr interval look_again = interval::nanoseconds(1'000'000);

  static auto done_with(aio::record& record, std::int32_t raw) noexcept -> started {
    record.res = raw;
    return started::done;
  }

  template <class Op>
  [[nodiscard]] auto lacks() const noexcept -> bool {
    return Second::template supports<Op> && First::template service_with<Op>(opcodes_) == service::nowhere;
  }

  /// Whether the first one would make a plain call, which must not overtake what is queued with the second.
  template <class Op>
  [[nodiscard]] auto calls() const noexcept -> bool {
    // A handle of signals that never blocks is none for the ring.
    return Second::template supports<Op> && !std::is_same_v<Op, op::open_signals> &&
           First::template service_with<Op>(opcodes_) == service::call;
  }

  /// Asks the operations before one on its handle to end, each where it is.
  template <class Watch>
  auto cancel_older(aio::record& record, const Watch& watch) noexcept -> started {
    for (aio::record* one = record.older; one != nullptr; one = one->older)
      if ((one->kind & aio::record_kind::waiting) == 0 && !one->info->is_close) cancel(*one, watch);
    return done_with(record, 0);
  }

  template <class Watch>
  auto end_all(aio::record& record, const Watch& watch) noexcept -> started {
    cancel_all(watch);
    return done_with(record, 0);
  }

  /// Opens the second one if it is not open. False: it cannot be, and `refused_` says why.
  [[nodiscard]] auto have_second() noexcept -> bool { return is_open() || open_second(); }

  [[gnu::noinline, gnu::cold]] auto open_second() noexcept -> bool {
    const auto handle = first_.native_handle();
    if (!handle) {
      refused_ = aio::raw(handle.error());
      return false;
    }
    const auto parts = Second::open(options_);
    if (!parts) {
      refused_ = aio::raw(parts.error());
      return false;
    }
    ::new (static_cast<void*>(&second_)) Second(*parts);
    bell_op_ = op::read{.file = file_handle{*handle}, .buffer = std::span{count_}};
    hang_bell();
    open_.store(true, std::memory_order_seq_cst);
    return true;
  }

  /// Has the second one wait for the first one's completions.
  void hang_bell() noexcept {
    bell_.state = aio::record_state::in_flight;
    is_hung_ = true;
    while (second_.start(bell_, bell_op_, bell_scratch_, true, silent()) == started::done) {
      if (bell_.res > 0) continue;
      is_hung_ = false;
      return;
    }
  }
  [[nodiscard]] auto silent() noexcept -> observer<detail::no_trace> { return {&silence_}; }

  /// Whether the operation that is to be cancelled is one of the second's, or was not found anywhere; its cancel is done then.
  template <class Watch>
  [[nodiscard]] auto found_in_second(aio::record& record, const op::cancel& op, const Watch& watch) noexcept -> bool {
    if (!is_open()) return false;
    typename Second::template scratch<op::cancel> keep;
    (void)second_.start(record, op, keep, true, watch);
    return record.res != aio::raw(errc::not_found);
  }

  First first_;
  std::uint64_t opcodes_;
  ring_options options_;
  std::atomic<bool> open_{false};
  std::int32_t refused_ = 0;
  aio::record bell_;
  std::byte count_[sizeof(std::uint64_t)];
  op::read bell_op_{};
  typename Second::template scratch<op::read> bell_scratch_;
  bool is_hung_ = false;
  [[no_unique_address]] detail::no_trace silence_;
  union {
    Second second_;  // while it is open
  };
};

}  // namespace sluice::inline v0::backend
