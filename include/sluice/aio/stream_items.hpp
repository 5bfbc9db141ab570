// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Where the items of a stream wait for whoever takes them. Nothing is allocated for one, however many there are. Layer: aio.

#include <sluice/buffer_group.hpp>
#include <sluice/concept/backend.hpp>
#include <sluice/detail/number_table.hpp>
#include <sluice/handle.hpp>
#include <sluice/interval.hpp>
#include <sluice/op/stream.hpp>
#include <sluice/op/time.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <system_error>
#include <utility>

namespace sluice::inline v0::aio {

/// \cond
// What came of looking at a completion.
enum class seen : std::uint8_t {
  item,     // there is one more
  nothing,  // that was nothing; the operation is started again
  hungry,   // it found no buffer
  pressed,  // the system is short of something; the operation is started again after a while
  over,     // the stream ends with that result
};

constexpr auto is_error(std::int32_t raw, std::errc code) noexcept -> bool { return raw == -static_cast<std::int32_t>(code); }

// For one operation:
// * `step` is what is started on the backend, again and again; `next(op)` gives it.
// * `open(op)` before the first start: zero, or minus an error. `close()` throws away what nobody took.
// * `see(op, arrival)` looks at a completion.
// * `take(op)` gives an item; `size()` tells how many there are, `limit(op)` how many there may be, 0 for any number.
// * `asks_for_each`: it is not started again by the library before what it gave was taken.
template <class Op, class Os>
struct stream_items;

// A list through a table that is indexed by the sockets' numbers.
template <class Os>
struct stream_items<op::accept_many, Os> {
  using step = op::accept_many;
  static constexpr bool asks_for_each = false;

  static auto next(const op::accept_many& op) noexcept -> const step& { return op; }
  static auto limit(const op::accept_many& op) noexcept -> std::uint32_t { return op.limit; }
  [[nodiscard]] auto size() const noexcept -> std::uint32_t { return size_; }

  auto open(const op::accept_many&) noexcept -> std::int32_t {
    // As long as that has come about, it holds all numbers that most systems give.
    return next_.find(1) != nullptr ? 0 : -static_cast<std::int32_t>(std::errc::not_enough_memory);
  }
  void close(const op::accept_many& op) noexcept {
    while (const auto one = take(op)) (void)Os::close(one->native());
  }

  auto see(const op::accept_many&, arrival& one) noexcept -> seen {
    if (one.raw >= 0) return put(one);
    if (is_error(one.raw, std::errc::too_many_files_open) || is_error(one.raw, std::errc::too_many_files_open_in_system) ||
        is_error(one.raw, std::errc::not_enough_memory) || is_error(one.raw, std::errc::no_buffer_space))
      return seen::pressed;
    // What has become of a connection that waited, or of the way to its peer.
    for (const auto gone : {std::errc::connection_aborted, std::errc::network_down, std::errc::network_unreachable,
                            std::errc::host_unreachable, std::errc::protocol_error, std::errc::no_protocol_option})
      if (is_error(one.raw, gone)) return gone == std::errc::connection_aborted ? seen::nothing : seen::pressed;
    return seen::over;
  }

  auto take(const op::accept_many&) noexcept -> std::optional<socket_handle> {
    if (size_ == 0) return {};
    const auto one = first_;
    first_ = next_[one];
    --size_;
    return socket_handle{one};
  }

 private:
  [[nodiscard]] auto put(arrival& one) noexcept -> seen {
    if (next_.find(one.raw) == nullptr) {
      (void)Os::close(one.raw);
      one.raw = -static_cast<std::int32_t>(std::errc::not_enough_memory);
      return seen::over;
    }
    (size_ == 0 ? first_ : next_[last_]) = one.raw;
    last_ = one.raw;
    ++size_;
    return seen::item;
  }

  std::int32_t first_ = -1;
  std::int32_t last_ = -1;
  std::uint32_t size_ = 0;
  sluice::detail::number_table<Os, std::int32_t, 1> next_;
};

// A list through the group's own links.
template <class Os>
struct stream_items<op::recv_many, Os> {
  using step = op::recv_many;
  static constexpr bool asks_for_each = false;

  static auto next(const op::recv_many& op) noexcept -> const step& { return op; }
  static auto limit(const op::recv_many& op) noexcept -> std::uint32_t { return op.limit; }
  [[nodiscard]] auto size() const noexcept -> std::uint32_t { return size_; }

  static auto open(const op::recv_many& op) noexcept -> std::int32_t {
    return op.buffers.state() != nullptr ? 0 : -static_cast<std::int32_t>(std::errc::invalid_argument);
  }
  void close(const op::recv_many& op) noexcept {
    while (take(op)) {}
  }

  auto see(const op::recv_many& op, const arrival& one) noexcept -> seen {
    auto& group = *op.buffers.state();
    if (one.buffer >= 0) {
      const auto index = static_cast<std::uint32_t>(one.buffer);
      if (one.raw > 0) {
        group.filled(index, static_cast<std::uint32_t>(one.raw));
        (size_ == 0 ? first_ : group.of(last_).next) = index;
        last_ = index;
        ++size_;
        return seen::item;
      }
      group.unfilled(index);
    }
    if (is_error(one.raw, std::errc::no_buffer_space)) return seen::hungry;
    return is_error(one.raw, std::errc::resource_unavailable_try_again) ? seen::nothing : seen::over;
  }

  auto take(const op::recv_many& op) noexcept -> std::optional<buffer_lease> {
    if (size_ == 0) return {};
    auto& group = *op.buffers.state();
    const auto one = first_;
    first_ = group.of(one).next;
    --size_;
    return std::optional<buffer_lease>{std::in_place, group, one};
  }

 private:
  std::uint32_t first_ = 0;
  std::uint32_t last_ = 0;
  std::uint32_t size_ = 0;
};

// What came since is one item.
template <class Os>
struct stream_items<op::poll_many, Os> {
  using step = op::poll_many;
  // It would tell the same again until somebody has looked.
  static constexpr bool asks_for_each = true;

  static auto next(const op::poll_many& op) noexcept -> const step& { return op; }
  static auto limit(const op::poll_many&) noexcept -> std::uint32_t { return 0; }
  [[nodiscard]] auto size() const noexcept -> std::uint32_t { return events_ != 0 ? 1 : 0; }

  static auto open(const op::poll_many&) noexcept -> std::int32_t { return 0; }
  void close(const op::poll_many&) noexcept { events_ = 0; }

  auto see(const op::poll_many&, const arrival& one) noexcept -> seen {
    if (one.raw < 0) return seen::over;
    events_ |= static_cast<std::uint32_t>(one.raw);
    return events_ != 0 ? seen::item : seen::nothing;
  }

  auto take(const op::poll_many&) noexcept -> std::optional<poll_events> {
    if (events_ == 0) return {};
    return static_cast<poll_events>(std::exchange(events_, 0U));
  }

 private:
  std::uint32_t events_ = 0;
};

// Each tick has its own place in time. The system's repeating timers begin an interval when the one before was served, and so fall behind.
template <class Os>
struct stream_items<op::timer_many, Os> {
  using step = op::timeout;
  static constexpr bool asks_for_each = false;

  auto next(const op::timer_many&) const noexcept -> step { return {.at = due_}; }
  static auto limit(const op::timer_many&) noexcept -> std::uint32_t { return 0; }
  [[nodiscard]] auto size() const noexcept -> std::uint64_t { return ticks_; }

  auto open(const op::timer_many& op) noexcept -> std::int32_t {
    if (op.every <= interval{}) return -static_cast<std::int32_t>(std::errc::invalid_argument);
    due_ = Os::now(clock_kind::steady) + op.every;
    return 0;
  }
  void close(const op::timer_many&) noexcept { ticks_ = 0; }

  auto see(const op::timer_many& op, const arrival& one) noexcept -> seen {
    if (one.raw < 0) return seen::over;
    const interval late = Os::now(clock_kind::steady) - due_;
    const std::int64_t more = late.count > 0 && op.every != interval::max() ? late.count / op.every.count : 0;
    ticks_ += 1 + static_cast<std::uint64_t>(more);
    due_ = due_ + interval::nanoseconds(op.every.count * (1 + more));
    return seen::item;
  }

  auto take(const op::timer_many&) noexcept -> std::optional<std::uint64_t> {
    if (ticks_ == 0) return {};
    return std::exchange(ticks_, 0U);
  }

 private:
  time_point due_;
  std::uint64_t ticks_ = 0;
};
/// \endcond

}  // namespace sluice::inline v0::aio
