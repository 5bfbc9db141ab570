// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// An operation that gives one result after the other: items, then one end. Layer: aio.
///
/// A stream starts its operation on the backend, looks at each completion and, where the system does not go on by itself, starts it again.
/// While it must not, for want of room, of buffers or of descriptors, a time without end, or a short one, is in flight in place of the
/// operation: so there always is something in flight that a cancel, a close or the end of the ring reaches in the usual way, and the ring
/// needs to know nothing of streams. To the ring a stream is a member of a chain of its own, which keeps taking its record back until the
/// end has come; programs without streams do not contain any of that.

#include <sluice/aio/chain.hpp>
#include <sluice/aio/operation.hpp>
#include <sluice/aio/ring.hpp>
#include <sluice/aio/stream_items.hpp>
#include <sluice/buffer_group.hpp>
#include <sluice/concept/backend.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/op/time.hpp>
#include <sluice/result.hpp>

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::aio {

/// \cond
// What a stream asks of its ring.
template <class Config>
struct ring<Config>::stream_host {
  ring& self;

  // In flight from now on. False: it cannot be, and the result says why.
  auto begin(record& one, chain_base& owner, const op_info& info, int handle) noexcept -> bool {
    self.check_thread();
    assert(one.state != record_state::in_flight && "a stream was started while it was in flight");
    one.kind = record_kind::member | record_kind::internal;
    one.state = record_state::in_flight;
    one.cancelling = false;
    one.engine = 0;
    one.sole = soleness::listed;
    one.owner = &owner;
    one.info = &info;
    one.handle = handle;
    self.watch().hook(event::op_queued{&one, info.name, handle});
    return self.list_any(one);
  }
  void begun() noexcept { ++self.started_; }
  // To whoever polls, that somebody is told is as good as a completion.
  void told() noexcept {
    ++self.started_;
    ++self.completed_;
  }
  // It ended before anything was in flight.
  void refused(record& one) noexcept {
    unlink(one);
    leave_alone(one);
    (void)self.finish_at_once(one);
  }
  template <class Op, class Keep>
  auto start(record& one, const Op& op, Keep& keep, bool alone) noexcept -> started {
    one.engine = 0;
    return self.backend_.start(one, op, keep, alone, self.watch());
  }
  template <class Many>
  void go_on(record& one) noexcept {
    Many::go_on(self.backend_, one, self.watch());
  }
  void recall(record& one) noexcept { self.backend_.cancel(one, self.watch()); }
  void abort(record& one) noexcept { self.cancel_running(one); }
  [[nodiscard]] auto draining() const noexcept -> bool { return self.draining_; }
};
/// \endcond

/// A stream for a ring, owned by whoever starts it (`ring.start(stream)`); neither copied nor moved, nothing on the heap but what
/// `op::accept_many` says.
///
/// The sink of a poll is given its record for each poll's worth of items and for the end: then `take` gives items until there are none.
/// Items may be there as soon as it was started. It is done when the end was delivered; items that nobody took can be taken even then. It
/// is cancelled as any operation is. \lifetime its destructor asserts that it is not in flight, and closes or gives back what nobody took
template <class Ring, class Op>
class basic_stream : public internal_record, private chain_base {
 public:
  using op_type = Op;                                ///< what it does
  using item_type = typename Op::result_type;        ///< what it gives
  using backend_type = typename Ring::backend_type;  ///< how it reaches the system

  /// Of this operation, not started.
  explicit basic_stream(const Op& description) noexcept : op{description} {}
  ~basic_stream() {
    assert(this->state != record_state::in_flight && "a stream was destroyed while it was in flight");
    items_.close(op);
    leave_group();
  }

  /// The next item, if one is there.
  auto take() noexcept -> std::optional<item_type> {
    auto item = items_.take(op);
    if (running_ == running::rest && rests_for_room_) [[unlikely]]
      make_room();
    return item;
  }
  /// How many items are there, or of how much.
  [[nodiscard]] auto size() const noexcept { return items_.size(); }
  /// How it ended: without an error at the end of what there was to be had; `errc::in_progress` as long as it has not.
  [[nodiscard]] auto end() const noexcept -> result<void> {
    if (!this->is_done()) return failure(errc::in_progress);
    if (this->res < 0) return std::unexpected{error_of(this->res)};
    return {};
  }

  const Op op;  ///< what it was made from

  /// \cond
  // Starts it; see `Ring::start`.
  auto begin(Ring& where) noexcept -> started {
    ring_ = &where;
    this->chain_base::calls = &calls_of_stream;
    this->arrived = &note_arrival;
    running_ = running::nothing;
    recalled_ = rests_for_room_ = hungry_ = pressed_ = noted_ = ended_ = false;
    host at{where};
    if (!at.begin(*this, *this, info_of<Op>, sluice::detail::handle_of(op))) return refuse_start(at, this->res);
    if (const auto refused = open(); refused != 0) return refuse_start(at, refused);
    if (proceed(at)) {
      at.begun();
      return started::pending;
    }
    leave_group();
    at.refused(*this);
    return started::done;
  }
  // For tasks, which are told once each time they wait; else the sink is told of everything.
  void tell_only_when_awaited() noexcept { each_ = false; }
  void await(void* who) noexcept {
    this->waiter = who;
    awaited_ = true;
  }
  [[nodiscard]] auto is_awaited() const noexcept -> bool { return awaited_; }
  void forsake() noexcept {
    awaited_ = false;
    this->waiter = nullptr;
  }
  // In a forked child, where nothing can be waited for.
  void abandon() noexcept { this->state = record_state::done; }
  /// \endcond

 private:
  using host = typename Ring::stream_host;
  using items_type = stream_items<Op, typename Ring::os>;
  using step = typename items_type::step;
  using many = typename backend_type::template many<Op>;
  static constexpr bool is_timed = std::is_same_v<step, op::timeout>;
  static constexpr bool has_group = std::is_same_v<Op, op::recv_many>;
  static constexpr auto canceled_code = -static_cast<std::int32_t>(std::errc::operation_canceled);
  // So often in a row what is there already is taken at once; then others have their turn.
  static constexpr int most_at_once = 16;
  static constexpr interval while_pressed = interval::nanoseconds(10'000'000);

  enum class running : std::uint8_t {
    nothing,
    step,  // the operation
    rest,  // a time in its place
  };

  auto refuse_start(host& at, std::int32_t raw) noexcept -> started {
    this->res = raw;
    at.refused(*this);
    return started::done;
  }

  [[nodiscard]] auto open() noexcept -> std::int32_t {
    if constexpr (has_group) {
      auto* const group = op.buffers.state();
      if (group == nullptr || group->home() != ring_) return -static_cast<std::int32_t>(std::errc::invalid_argument);
      group->join();
      in_group_ = true;
      starved_.resume = &fed;
      starved_.self = this;
    }
    if constexpr (requires { many::template ready<backend_type>(op, keep_); }) many::template ready<backend_type>(op, keep_);
    return items_.open(op);
  }
  void leave_group() noexcept {
    if constexpr (has_group) {
      if (!std::exchange(in_group_, false)) return;
      op.buffers.state()->unstarve(starved_);
      op.buffers.state()->leave();
    }
  }

  // Starts what there is to be started. False: the stream has ended, and the result says how.
  [[nodiscard]] auto proceed(host& at) noexcept -> bool {
    for (int done = 0; running_ == running::nothing; ++done) {
      if (!ended_ && (this->cancelling || at.draining())) end_with(canceled_code);
      if (ended_) return false;
      const bool starts = may_start();
      running_ = starts ? running::step : running::rest;
      const auto outcome = starts ? start_step(at, done < most_at_once) : start_rest(at);
      if (outcome == started::done) note(this->res, 0);
    }
    return true;
  }

  // Whether the operation may be started again now.
  [[nodiscard]] auto may_start() noexcept -> bool {
    rests_for_room_ = is_full() || (items_type::asks_for_each && items_.size() != 0);
    bool waits = rests_for_room_ || pressed_;
    if constexpr (has_group) {
      // Whatever came back since then may have been for it.
      hungry_ = hungry_ && op.buffers.state()->returns() == returns_;
      waits = waits || hungry_;
    }
    return !waits;
  }
  // Whether there is no room for more items, or would not be after so many.
  [[nodiscard]] auto is_full(std::uint32_t more = 0) const noexcept -> bool {
    return items_type::limit(op) != 0 && items_.size() + more >= items_type::limit(op);
  }

  auto start_step(host& at, bool alone) noexcept -> started {
    if constexpr (has_group) returns_ = op.buffers.state()->returns();
    if constexpr (is_timed) time_ = items_.next(op);
    const auto outcome = at.start(*this, next_step(), keep_, alone);
    if constexpr (has_group) {
      // It waits for data now; what buffers there are is for the others.
      if (outcome == started::pending && std::exchange(was_fed_, false)) op.buffers.state()->feed();
    }
    return outcome;
  }
  auto next_step() noexcept -> const step& {
    if constexpr (is_timed)
      return time_;
    else
      return items_type::next(op);
  }

  auto start_rest(host& at) noexcept -> started {
    if constexpr (has_group) {
      if (hungry_ && !rests_for_room_) op.buffers.state()->starve(starved_);
    }
    time_ = {.after = pressed_ && !rests_for_room_ ? while_pressed : interval::max()};
    return at.start(*this, time_, rest_keep(), true);
  }
  auto rest_keep() noexcept -> auto& {
    if constexpr (is_timed)
      return keep_;
    else
      return rest_keep_;
  }

  // A completion.
  void note(std::int32_t result, std::uint32_t bits) noexcept {
    arrival one{.raw = 0};
    if (running_ == running::rest || is_timed)
      one.raw = backend_type::template normal<op::timeout>(result);
    else if constexpr (!is_timed)
      one = many::decode(op, keep_, result, bits);
    const auto which = running_;
    if (!one.more) running_ = running::nothing;
    if (which == running::rest) return rested(one.raw);
    const bool recalled = !one.more && std::exchange(recalled_, false);
    if (one.raw == canceled_code) {
      if (!recalled) end_with(canceled_code);
      return;
    }
    if (!one.more && is_error(one.raw, std::errc::invalid_argument) && tries_once()) return;
    note_step(one);
  }
  void note_step(arrival& one) noexcept {
    switch (items_.see(op, one)) {
      case seen::item: has_news_ = true; break;
      case seen::nothing: break;
      case seen::hungry: hungry_ = true; break;
      case seen::pressed: pressed_ = true; break;
      case seen::over: end_with(one.raw);
    }
  }
  void rested(std::int32_t raw) noexcept {
    if constexpr (has_group) op.buffers.state()->unstarve(starved_);
    pressed_ = rests_for_room_ = false;
    if (!std::exchange(recalled_, false) && raw < 0) end_with(raw);
  }
  auto tries_once() noexcept -> bool {
    if constexpr (is_timed)
      return false;
    else
      return many::try_once(keep_);
  }
  void end_with(std::int32_t raw) noexcept {
    if (std::exchange(ended_, true)) return;
    this->res = raw;
    end_ = raw;
  }

  // Where the system goes on by itself this comes for each result, before the ring hears of it.
  static auto note_arrival(internal_record& self, std::int32_t res, std::uint32_t flags) noexcept -> record* {
    auto& me = static_cast<basic_stream&>(self);
    me.note(res, flags);
    return std::exchange(me.noted_, true) ? nullptr : &me;
  }

  // The ring has come to it. Whether that was not the end; if not, whether somebody is to be told.
  [[nodiscard]] auto took(host& at) noexcept -> taken_back {
    if (!std::exchange(noted_, false)) note(this->res, 0);
    if (running_ != running::nothing) {
      if constexpr (!is_timed) at.template go_on<many>(*this);
      if (is_full() && !std::exchange(recalled_, true)) at.recall(*this);
    } else if (!proceed(at)) {
      this->res = end_;
      return taken_back::no;
    }
    if (!std::exchange(has_news_, false) || !(each_ || std::exchange(awaited_, false))) return taken_back::quietly;
    at.told();
    return taken_back::and_told;
  }

  // The ring has come to it, in a poll in the simple way.
  [[nodiscard]] auto took_item() noexcept -> taken_back {
    if constexpr (!is_timed && requires { many::goes_on(this->res, this->flags); }) {
      // What came before may lie where only a whole poll looks.
      if (noted_ || each_ || !many::goes_on(this->res, this->flags) || is_full(1)) [[unlikely]]
        return taken_back::no;
      arrival one = many::decode(op, keep_, this->res, this->flags);
      note_step(one);
      if (!std::exchange(has_news_, false) || !std::exchange(awaited_, false)) return taken_back::quietly;
      return taken_back::and_told;
    } else {
      return taken_back::no;
    }
  }

  void finished() noexcept {
    // What buffer it was to have is for the others.
    if constexpr (has_group)
      if (std::exchange(was_fed_, false)) op.buffers.state()->feed();
    leave_group();
    has_news_ = false;
    if (!each_ && !std::exchange(awaited_, false)) this->waiter = nullptr;
  }

  // Somebody took an item of a stream that rests for that.
  [[gnu::noinline]] void make_room() noexcept {
    if (recalled_ || items_.size() > items_type::limit(op) / 2) return;
    resume();
  }
  void resume() noexcept {
    if (std::exchange(recalled_, true)) return;
    host{*ring_}.recall(*this);
  }

  struct starved_stream : buffer_group_state::starved {
    basic_stream* self = nullptr;
  };
  static void fed(buffer_group_state::starved& one) noexcept {
    auto& me = *static_cast<starved_stream&>(one).self;
    me.was_fed_ = true;
    me.resume();
  }

  static constexpr chain_calls calls_of_stream{
      .takes_back =
          [](void* ring, chain_base& which, const record&) noexcept {
            host at{*static_cast<Ring*>(ring)};
            return static_cast<basic_stream&>(which).took(at);
          },
      .takes_item = [](chain_base& which) noexcept { return static_cast<basic_stream&>(which).took_item(); },
      .done = [](void*, chain_base& which, record&) noexcept { static_cast<basic_stream&>(which).finished(); },
      .cancel_member = [](void* ring, chain_base& which,
                          record&) noexcept { host{*static_cast<Ring*>(ring)}.abort(static_cast<basic_stream&>(which)); },
      .cancel = [](void*, chain_base&) noexcept {},
      .press = [](void*, chain_base&) noexcept {},
  };

  struct nothing {};

  // First what each item needs, beside the record.
  items_type items_;
  running running_ = running::nothing;
  bool recalled_ = false;  // what runs was asked to end, though the stream was not
  bool rests_for_room_ = false;
  bool hungry_ = false;   // it found no buffer
  bool pressed_ = false;  // the system is short of something
  bool noted_ = false;    // what the record tells of was looked at
  bool ended_ = false;
  bool has_news_ = false;
  bool awaited_ = false;  // a task waits
  bool each_ = true;      // whoever polls is told of everything
  bool in_group_ = false;
  bool was_fed_ = false;
  std::int32_t end_ = 0;
  Ring* ring_ = nullptr;
  std::uint64_t returns_ = 0;  // of the group, when the operation was started
  [[no_unique_address]] std::conditional_t<has_group, starved_stream, nothing> starved_;
  op::timeout time_{};
  typename backend_type::template scratch<step> keep_{};
  [[no_unique_address]] std::conditional_t<is_timed, nothing, typename backend_type::template scratch<op::timeout>> rest_keep_{};
};

/// \cond
// In place of a stream of what gives no results one after the other: the mistake was said, and nothing else is to be said about it.
template <class Ring, class Op>
  requires(!check_stream<typename Ring::backend_type, Op>())
class basic_stream<Ring, Op> : public internal_record {
  using value_type = typename value_of<Op>::type;
  using item = std::conditional_t<std::is_void_v<value_type>, int, value_type>;

 public:
  explicit basic_stream(const Op& description) noexcept : op{description} {}
  auto begin(Ring&) noexcept -> started { return started::done; }
  auto take() noexcept -> std::optional<item> { return {}; }
  [[nodiscard]] auto size() const noexcept -> std::size_t { return 0; }
  [[nodiscard]] auto end() const noexcept -> result<void> { return {}; }

  const Op op;
};
/// \endcond

template <class Config>
template <class Op>
auto ring<Config>::start(basic_stream<ring, Op>& one) noexcept -> started {
  return one.begin(*this);
}

}  // namespace sluice::inline v0::aio
