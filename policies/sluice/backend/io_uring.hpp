// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations through Linux's io_uring. A policy.

#include <sluice/backend/uring/attempts.hpp>
#include <sluice/backend/uring/links.hpp>
#include <sluice/backend/uring/loop.hpp>
#include <sluice/backend/uring/many.hpp>
#include <sluice/backend/uring/opcodes.hpp>
#include <sluice/backend/uring/options.hpp>
#include <sluice/backend/uring/outcome.hpp>
#include <sluice/backend/uring/plain.hpp>
#include <sluice/backend/uring/positions.hpp>
#include <sluice/backend/uring/prepare.hpp>
#include <sluice/backend/uring/prepare_file.hpp>
#include <sluice/backend/uring/prepare_process.hpp>
#include <sluice/backend/uring/setup.hpp>
#include <sluice/backend/uring/waker.hpp>
#include <sluice/concept/backend.hpp>
#include <sluice/concept/trace.hpp>
#include <sluice/os/blocking_call.hpp>
#include <sluice/os/linux.hpp>
#include <sluice/os/sigpipe.hpp>

#if defined(__linux__)

#include <liburing.h>

#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::backend {

/// One ring. Submitting and waiting are one system call; completions come from shared memory.
///
/// Users never see that a queue is full. Sizes and flags are `O`; flags that exclude each other do not compile.
/// \errors `open`: `errc::ring_unsupported`, `ring_forbidden`, `ring_denied`, `ring_memory`, `ring_descriptors`, `flag_...`,
/// `ring_feature_missing`
/// \os Linux 6.1  \src io_uring(7)
template <io_uring_options O = {}, class Os = os::linux_>
class io_uring : public detail::uring::loop<O, Os>, public sluice::os::blocking_calls<Os> {
  using loop = detail::uring::loop<O, Os>;

 public:
  static constexpr auto kind = policy_kind::backend;      ///< what it decides
  static constexpr std::string_view name = "io_uring";    ///< for reports
  static constexpr io_uring_options options = O;          ///< as given
  static constexpr bool valid = detail::check_ring<O>();  ///< the rules hold; a broken one does not compile
  static constexpr bool ends_blocked_calls = true;        ///< a cancel ends what blocks in a thread of the kernel's

  using os = Os;                 ///< where system calls go
  using entry = ::io_uring_sqe;  ///< a prepared operation

  /// What is kept beside an operation in flight.
  template <class Op>
  using scratch = detail::uring::scratch<Op>;

  /// What streams ask of it.
  template <class Op>
  using many = detail::uring::many<Op, Os>;

  /// Whether an operation can be started at all: one of the library's, or one with a `prepare` of its own.
  template <class Op>
  static constexpr bool supports = requires(entry& e, const Op& op, scratch<Op>& keep) { detail::uring::prepare(e, op, keep); } ||
                                   detail::uring::always_plain<Op> || detail::uring::foreign_operation<Op>;

  /// What the system gave; nobody else may use it.
  struct opened {
    ::io_uring ring;                            ///< set up
    detail::uring::waker_parts waker;           ///< how it is woken
    detail::uring::fork_sentinel<Os> sentinel;  ///< whose it is
  };

  /// Sets a ring up on this thread, which is the only one that may use it.
  [[gnu::noinline, gnu::cold]] static auto open(const ring_options& run_time) noexcept -> result<opened> {
    opened made{};
    if (auto outcome = detail::uring::open_ring<O, Os>(made.ring, run_time); !outcome) return std::unexpected{outcome.error()};
    if (!made.sentinel.remember()) {
      Os::uring_queue_exit(&made.ring);
      return failure(errc::ring_memory);
    }
    // Without the advice a child could move this ring's tail; it fails only on kernels that do not know it.
    (void)Os::uring_dontfork(&made.ring);
    if (auto outcome = detail::uring::open_waker<Os>(made.waker, made.ring); !outcome) {
      Os::uring_queue_exit(&made.ring);
      return std::unexpected{outcome.error()};
    }
    return made;
  }

  /// Takes over what `open` gave.
  explicit io_uring(const opened& parts) noexcept : loop{parts.ring, parts.waker}, sentinel_{parts.sentinel} {}
  io_uring(const io_uring&) = delete;
  auto operator=(const io_uring&) -> io_uring& = delete;

  /// Takes the ring down. In a forked child only descriptors are closed.
  [[gnu::cold]] ~io_uring() {
    if (in_child()) {
      (void)Os::close(this->native_ring().ring_fd);
      return;
    }
    sigpipe_.drop();
    this->take_down();
  }

  /// Whether this is a forked child of the process that made the ring.
  [[nodiscard]] auto in_child() const noexcept -> bool { return sentinel_.in_child(); }

  /// Starts an operation; see `backend_policy`.
  template <class Op, class Watch>
  [[gnu::always_inline]] auto start(aio::record& record, const Op& op, scratch<Op>& keep, [[maybe_unused]] bool alone,
                                    const Watch& watch) noexcept -> started {
    if constexpr (std::is_same_v<Op, op::wait_event>) {
      if (detail::uring::take_token(op.source)) return done_with(record, sizeof(std::uint64_t));
      if (const int outcome = detail::uring::ensure_descriptor<Os>(op.source); outcome < 0) return done_with(record, outcome);
      this->note_descriptor(record, op.source);
    }
    if constexpr (std::is_same_v<Op, op::cancel_handle>) return done_with(record, detail::uring::cancel_older<io_uring>(&record, this));
    if constexpr (detail::uring::may_be_plain<Op>) {
      if ((detail::uring::never_waits<Op> && alone && O.inline_try != inline_try::never) || is_plain(op))
        return call_plainly(record, op, keep, watch);
    }
    if constexpr (O.inline_try >= inline_try::send && std::is_same_v<Op, op::send>) {
      if (alone && record.older == nullptr && (O.inline_try > inline_try::send || !this->has_queued()) && attempts_.send(record, op, watch))
        return started::done;
    }
    if constexpr (O.inline_try >= inline_try::both && std::is_same_v<Op, op::recv>) {
      if (alone && record.older == nullptr && attempts_.recv(record, op, watch)) return started::done;
    }
    if constexpr (std::is_same_v<Op, op::write> || std::is_same_v<Op, op::writev>) sigpipe_.take();
    entry* const e = this->acquire(watch);
    if (e == nullptr) [[unlikely]]
      return done_with(record, -ENOMEM);
    if (detail::uring::fills_tail(op)) this->expect_tails();
    fill(*e, op, keep);
    e->user_data = this->identity(record);
    if constexpr (detail::uring::may_use_position<Op>) {
      if (op.offset == current_position) this->note_position(record);
    }
    return started::pending;
  }

  /// What `start_alike` has to know of a type of operation; 0 for one that `start` has something of its own for.
  template <class Op>
  static constexpr std::uint16_t alike = detail::uring::writes_tail<Op> ? 0 : detail::uring::ways_of<Op>(O.inline_try != inline_try::never);

  /// What of starting such an operation depends on its type: fills an entry, or makes the plain call where there is none. The raw result.
  template <class Op>
  static auto serve(entry* e, const Op& op, scratch<Op>& keep) noexcept -> int {
    if constexpr (detail::uring::may_be_plain<Op>)
      if (e == nullptr) return detail::uring::make_plain<Os, Op>(&op, &keep);
    if constexpr (!detail::uring::always_plain<Op>) detail::uring::prepare(*e, op, keep);
    return 0;
  }

  /// The rest of it: does what `start` does.
  template <class Watch>
  [[gnu::cold]] auto start_alike(aio::record& record, std::uint16_t ways, int (*use)(entry*, aio::record&) noexcept, bool alone,
                                 const Watch& watch) noexcept -> started {
    namespace way = detail::uring::way;
    const auto code = static_cast<std::uint8_t>(ways & way::opcode);
    if ((ways & way::may_be_plain) != 0 &&
        ((ways & way::always_plain) != 0 || (alone && (ways & way::plain_if_alone) != 0) || !knows(code))) {
      this->let_start_before(record, watch);
      record.res = use(nullptr, record);
      watch.hook(event::op_inline{record.info->name, record.res});
      return started::done;
    }
    entry* const e = this->acquire(watch);
    if (e == nullptr) return done_with(record, -ENOMEM);
    detail::uring::clear_entry(*e);
    (void)use(e, record);
    e->user_data = this->identity(record);
    return started::pending;
  }

  /// Prepares an operation without starting it.
  template <class Op>
  auto prepare_entry(entry& e, aio::record& record, const Op& op, scratch<Op>& keep) noexcept -> int {
    e = entry{};
    if constexpr (detail::uring::writes_tail<Op>) this->expect_tails();
    if constexpr (std::is_same_v<Op, op::wait_event>) {
      if (const int outcome = detail::uring::ensure_descriptor<Os>(op.source); outcome < 0) return outcome;
      this->note_descriptor(record, op.source);
    }
    if constexpr (std::is_same_v<Op, op::write> || std::is_same_v<Op, op::writev>) sigpipe_.take();
    if constexpr (std::is_same_v<Op, op::cancel_handle>)
      return detail::uring::set_plain(e, &detail::uring::cancel_older<io_uring>, &record, this);
    if constexpr (sluice::os::has_native_op<Op>)
      if (is_plain(op)) return detail::uring::set_plain(e, &detail::uring::make_plain<Os, Op>, &op, &keep);
    fill(e, op, keep);
    e.user_data = this->identity(record);
    return 0;
  }

  /// Starts what was prepared.
  template <class Watch>
  auto push(aio::record& record, const entry& prepared, const Watch& watch) noexcept -> started {
    if (prepared.opcode == detail::uring::opcode::plain_op) return done_with(record, detail::uring::call(prepared));
    entry* const e = this->acquire(watch);
    if (e == nullptr) return done_with(record, -ENOMEM);
    *e = prepared;
    if (detail::uring::uses_position(prepared)) this->note_position(record);
    return started::pending;
  }

  /// Where the kernel itself can run an operation in a chain.
  template <class Op>
  static constexpr chain_place can_link = detail::uring::place_in_chain<Op>();

  /// Whether the running kernel knows what a prepared operation asks for.
  [[nodiscard]] auto can_run(const entry& prepared) noexcept -> bool { return knows(prepared.opcode); }

  /// Closes a handle by its number.
  template <class Watch>
  auto start_close(aio::record& record, const Watch& watch) noexcept -> started {
    if (this->queue(watch, record, IORING_OP_CLOSE, record.handle) != nullptr) return started::pending;
    // A close must not be lost: without an entry the number is given back by a plain call, which nothing queued can name any more.
    return done_with(record, Os::close(record.handle));
  }

  /// Adds a token to an event source, from any thread. Zero, or minus the error.
  static auto notify(event_source_state& source) noexcept -> int { return detail::uring::notify<Os>(source); }

  /// Whether a handle is a stream socket, on which two sends in flight may change places.
  [[nodiscard]] static auto is_stream(int handle) noexcept -> bool { return sluice::os::is_stream_socket<Os>(handle); }

  /// How an operation is served with a kernel that has these opcodes.
  template <class Op>
  [[nodiscard]] static constexpr auto service_with(std::uint64_t opcodes) noexcept -> service {
    return detail::uring::service_with<Op>(opcodes);
  }
  /// What the kernel says of its opcodes, a bit each; it is asked once.
  [[nodiscard]] auto opcodes() noexcept -> std::uint64_t { return opcodes_.all(this->descriptor()); }

  /// How an operation is served here: a kernel that gave the ring has what the oldest one has, whatever it says.
  template <class Op>
  [[nodiscard]] auto service_of() noexcept -> service {
    return service_with<Op>(opcodes() | detail::uring::oldest_opcodes);
  }

  /// The value of a raw result.
  template <class Op>
  static auto value(const Op& op, const scratch<Op>& keep, std::int32_t raw) noexcept {
    return detail::uring::value_of<Os>(op, keep, raw);
  }

  /// An operation's raw result as the library counts it: what the kernel's own conventions say differently is put right.
  template <class Op>
  static auto normal(std::int32_t raw) noexcept -> std::int32_t {
    return detail::uring::normal<Op>(raw);
  }

 private:
  static auto done_with(aio::record& record, std::int64_t raw) noexcept -> started {
    record.res = static_cast<std::int32_t>(raw);
    return started::done;
  }

  template <class Op>
  void fill(entry& e, const Op& op, scratch<Op>& keep) noexcept {
    if constexpr (!detail::uring::sets_whole_entry<Op>) detail::uring::clear_entry(e);
    if constexpr (detail::uring::has_older_entry<Op>) {
      if (!knows(detail::uring::opcode_of<Op>)) return detail::uring::prepare_older<Os>(e, op, keep);
    }
    if constexpr (requires { detail::uring::prepare(e, op, keep); })
      detail::uring::prepare(e, op, keep);
    else if constexpr (detail::uring::foreign_operation<Op>)  // any other one was refused with a sentence already
      detail::uring::prepare_foreign(e, op);
  }

  template <class Op, class Watch>
  auto call_plainly(aio::record& record, const Op& op, scratch<Op>& keep, const Watch& watch) noexcept -> started {
    return call_now(record, &detail::uring::make_plain<Os, Op>, &op, &keep, watch);
  }

  template <class Watch>
  [[gnu::noinline]] auto call_now(aio::record& record, int (*call)(const void*, void*) noexcept, const void* what, void* kept,
                                  const Watch& watch) noexcept -> started {
    this->let_start_before(record, watch);
    record.res = call(what, kept);
    watch.hook(event::op_inline{record.info->name, record.res});
    return started::done;
  }

  /// Whether the running kernel has an opcode.
  [[nodiscard]] auto knows(std::uint8_t code) noexcept -> bool { return opcodes_.has(this->descriptor(), code); }

  /// Whether an operation is a plain call here.
  template <class Op>
  [[nodiscard]] auto is_plain([[maybe_unused]] const Op& op) noexcept -> bool {
    return detail::uring::always_plain<Op> || (!detail::uring::has_older_entry<Op> && !knows(detail::uring::opcode_of<Op>)) ||
           !detail::uring::fits_entry(op);
  }

  detail::uring::newer_opcodes<Os> opcodes_;
  [[no_unique_address]] detail::uring::attempts<O.inline_try, Os> attempts_;
  sluice::os::sigpipe_block<Os> sigpipe_;
  detail::uring::fork_sentinel<Os> sentinel_;
};

static_assert(backend_policy<io_uring<>>);

}  // namespace sluice::inline v0::backend

#endif
