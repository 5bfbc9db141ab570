// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Streams for tasks: one item after the other, as if each call blocked. Layer: coro.

#include <sluice/aio/buffer_group.hpp>
#include <sluice/aio/immediate.hpp>
#include <sluice/aio/stream.hpp>
#include <sluice/coro/current.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/coro/turns.hpp>
#include <sluice/result.hpp>

#include <cassert>
#include <cstdint>
#include <system_error>
#include <utility>

namespace sluice::inline v0::coro {

/// \cond
// For an item, or the end.
template <class Config, class Stream>
struct stream_wait : waiting {
  Stream* stream;
  fiber<Config>* task;
  bool cut = false;  // ended by a cancel

  stream_wait(Stream& of, fiber<Config>& who, bool cancellable) noexcept
      : waiting{cancellable ? &facts : &lasting_facts}, stream{&of}, task{&who} {}

 private:
  static void end(waiting& base) noexcept {
    auto& self = static_cast<stream_wait&>(base);
    if (!self.stream->is_awaited()) return;
    self.stream->forsake();
    self.cut = true;
    self.task->cold->home->make_ready(*self.task);
  }
  static auto operation_of(const waiting& base) noexcept -> const aio::record* { return static_cast<const stream_wait&>(base).stream; }
  static constexpr wait_kind facts{.what = detail::operation_name<typename Stream::op_type>(), .cancel = &end, .operation = &operation_of};
  static constexpr wait_kind lasting_facts{.what = "the end of a stream", .operation = &operation_of};
};
/// \endcond

/// Items one after the other, for the task that made it, or, made outside a task, for the thread. Immovable.
///
/// Its end of life cancels what is in flight and waits for that; sockets that nobody took are closed, buffers go back.
template <class Config, class Op>
class basic_stream {
 public:
  using item_type = typename Op::result_type;  ///< what it gives

  /// Starts it. What keeps it from starting, the first `next` tells.
  explicit basic_stream(const Op& op) noexcept : home_{task_home()}, ring_{ring_for(home_, refused_)}, stream_{op} {
    if (ring_ == nullptr) return;
    if (home_ != nullptr) stream_.tell_only_when_awaited();
    (void)ring_->start(stream_);
  }
  basic_stream(const basic_stream&) = delete;
  auto operator=(const basic_stream&) -> basic_stream& = delete;
  ~basic_stream() {
    if (is_in_flight()) finish();
  }

  /// The next item; waits for it if none is there. One task at a time may wait.
  /// \errors how the stream ended, `errc::closed` where that was without an error; `operation_canceled` where the calling task was asked to
  /// end while it waited, and then the stream goes on
  [[nodiscard]] auto next() noexcept -> result<item_type> {
    for (;;) {
      if (auto item = stream_.take()) {
        take_turns();
        return std::move(*item);
      }
      if (!is_in_flight()) return std::unexpected{reason()};
      if (stream_.is_awaited()) return failure(errc::in_progress);
      if (home_ != nullptr && home_->cancelled(home_->self())) {
        home_->note_refusal();
        return canceled();
      }
      if (!wait(true)) return canceled();
    }
  }

  /// How it ended: without an error at the end of what there was to be had; `errc::in_progress` as long as it has not.
  [[nodiscard]] auto end() const noexcept -> result<void> {
    if (refused_) return std::unexpected{refused_};
    return stream_.end();
  }

  /// Asks it to end. What arrived before can still be taken; then `next` tells the end.
  void cancel() noexcept {
    if (ring_ != nullptr) ring_->cancel(stream_);
  }

 private:
  using scheduler_type = scheduler<Config>;
  using ring_type = typename scheduler_type::ring_type;
  using stream_type = aio::basic_stream<ring_type, Op>;
  static constexpr std::uint32_t most_in_a_turn = 32;

  static auto task_home() noexcept -> scheduler_type* {
    auto* const home = detail::current<Config>;
    return home != nullptr && home->in_task() ? home : nullptr;
  }
  static auto ring_for(scheduler_type* home, std::error_code& refused) noexcept -> ring_type* {
    return home != nullptr ? &home->own_ring() : aio::lasting_ring_or<Config>(refused);
  }

  [[nodiscard]] auto is_in_flight() const noexcept -> bool { return stream_.state == aio::record_state::in_flight; }

  [[nodiscard]] auto reason() const noexcept -> std::error_code {
    const auto how = end();
    return how ? make_error_code(errc::closed) : how.error();
  }

  [[gnu::noinline, gnu::cold]] void finish() noexcept {
    if (ring_->in_child()) return stream_.abandon();
    ring_->cancel(stream_);
    while (is_in_flight() && wait(false)) {}
  }

  // Until something arrives. False: the wait was cut short, or there is nothing to wait with.
  [[gnu::noinline]] auto wait(bool cancellable) noexcept -> bool {
    if (home_ == nullptr) return !ring_->step();
    assert(task_home() == home_ && "a stream of a task is used by a task of the same scheduler");
    auto& me = home_->self();
    in_turn_ = 0;
    stream_wait<Config, stream_type> w{stream_, me, cancellable};
    stream_.await(&me);
    home_->park(w);
    stream_.forsake();
    if (w.cut) home_->note_refusal();
    return !w.cut;
  }

  // Who never has to wait lets the others run now and then.
  void take_turns() noexcept {
    if (++in_turn_ < most_in_a_turn || home_ == nullptr) return;
    in_turn_ = 0;
    home_->give_way();
  }

  scheduler_type* home_;
  std::error_code refused_;
  ring_type* ring_;
  std::uint32_t in_turn_ = 0;
  stream_type stream_;
};

/// A group of buffers for the streams of the running task's scheduler; outside a task, of the thread.
template <class Config>
class basic_buffer_group : public aio::basic_buffer_group<typename scheduler<Config>::ring_type> {
  using ring_type = typename scheduler<Config>::ring_type;
  using base = aio::basic_buffer_group<ring_type>;

 public:
  /// Makes one. \errors `invalid_argument` for a count or a size out of range; `not_enough_memory`; outside a task, those of a ring
  [[nodiscard, gnu::cold]] static auto make(const buffer_group_options& options = {}) noexcept -> result<basic_buffer_group> {
    std::error_code refused;
    auto* const home = detail::current<Config>;
    ring_type* const ring = home != nullptr && home->in_task() ? &home->own_ring() : aio::lasting_ring_or<Config>(refused);
    if (ring == nullptr) return std::unexpected{refused};
    auto made = base::make(*ring, options);
    if (!made) return std::unexpected{made.error()};
    return basic_buffer_group{std::move(*made)};
  }

 private:
  explicit basic_buffer_group(base&& made) noexcept : base{std::move(made)} {}
};

}  // namespace sluice::inline v0::coro
