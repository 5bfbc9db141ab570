// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations that give many results: one entry, and a completion for each result while the kernel goes on by itself. Part of the policy
/// backend::io_uring.

#include <sluice/backend/uring/options.hpp>
#include <sluice/backend/uring/outcome.hpp>
#include <sluice/backend/uring/prepare.hpp>
#include <sluice/buffer_group.hpp>
#include <sluice/concept/backend.hpp>
#include <sluice/op/stream.hpp>

#if defined(__linux__)

#include <liburing.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

#include <poll.h>
#include <sys/socket.h>

namespace sluice::inline v0::detail::uring {

template <>
struct scratch<op::accept_many> {
  bool once = false;  // the kernel does not go on by itself
};
template <>
struct scratch<op::recv_many> {
  bool once = false;
};
template <>
struct scratch<op::timer_many> : scratch<op::timeout> {};
template <>
struct scratch<op::poll_many> {
  bool once = false;
};

inline void prepare(::io_uring_sqe& e, const op::accept_many& op, scratch<op::accept_many>& keep) noexcept {
  set_entry(e, IORING_OP_ACCEPT, op.socket.native(), nullptr, 0, 0, SOCK_CLOEXEC);
  if (!keep.once) e.ioprio = IORING_ACCEPT_MULTISHOT;
}
// Where the kernel did not take the buffers of the group, it only tells when there is something to receive.
inline void prepare(::io_uring_sqe& e, const op::recv_many& op, scratch<op::recv_many>& keep) noexcept {
  auto& group = *op.buffers.state();
  if (!group.is_shared()) return set_entry(e, IORING_OP_POLL_ADD, op.socket.native(), nullptr, 0, 0, POLLIN | POLLRDHUP);
  const auto length = keep.once ? static_cast<unsigned>(group.bytes()) : 0U;
  set_entry(e, IORING_OP_RECV, op.socket.native(), nullptr, length, 0);
  e.flags = IOSQE_BUFFER_SELECT;
  if (!keep.once) e.ioprio = IORING_RECV_MULTISHOT;
  // The first group of a ring is number 0, so that nothing is written here, and then nothing has to be cleared.
  if (group.shared().id != 0) e.buf_group = group.shared().id;
}
// A stream starts each tick by itself; this is one of them.
inline void prepare(::io_uring_sqe& e, const op::timer_many& op, scratch<op::timer_many>& keep) noexcept {
  prepare(e, op::timeout{.after = op.every}, keep);
}
inline void prepare(::io_uring_sqe& e, const op::poll_many& op, scratch<op::poll_many>& keep) noexcept {
  set_entry(e, IORING_OP_POLL_ADD, op.handle.native(), nullptr, keep.once ? 0U : IORING_POLL_ADD_MULTI, 0,
            static_cast<unsigned>(op.events));
}

/// Whether an operation's entry has something behind `user_data` that depends on its fields.
template <class Op>
[[nodiscard]] auto fills_tail(const Op&) noexcept -> bool {
  return writes_tail<Op>;
}
inline auto fills_tail(const op::recv_many& op) noexcept -> bool { return op.buffers.state()->shared().id != 0; }

/// A record of which the backend was asked something that it could not do at once: it lies in the backlog, or a completion with more to
/// come took it off the list of those that are to be asked to end.
template <class Backend, class Watch>
[[gnu::noinline, gnu::cold]] void ask_again(Backend& backend, aio::record& record, const Watch& watch) noexcept {
  record.engine = static_cast<std::uint8_t>(record.engine & ~engine_bits) & 63U;
  backend.cancel(record, watch);
}

/// What streams ask of the backend.
template <class Op, class Os>
struct many {
  static auto decode(const Op&, scratch<Op>&, std::int32_t res, std::uint32_t flags) noexcept -> arrival {
    return {.raw = put_right_if_failed(res), .buffer = -1, .more = (flags & IORING_CQE_F_MORE) != 0};
  }
  static auto goes_on(std::int32_t res, std::uint32_t flags) noexcept -> bool { return res > 0 && (flags & IORING_CQE_F_MORE) != 0; }
  static auto try_once(scratch<Op>& keep) noexcept -> bool { return !std::exchange(keep.once, true); }
  template <class Backend, class Watch>
  static void go_on(Backend& backend, aio::record& record, const Watch& watch) noexcept {
    if ((record.engine & must_ask_again) != 0) [[unlikely]]
      ask_again(backend, record, watch);
    record.engine = record.engine & ~in_backlog & 63U;
  }

 protected:
  static auto put_right_if_failed(std::int32_t res) noexcept -> std::int32_t { return res < 0 ? put_right(res) : res; }
};

/// A buffer as the kernel finds it in the memory that both share; what is the third number's neighbour in the first one is the tail of the
/// queue. The system's own headers of the oldest distribution lay it out wrongly in C++.
/// \src io_uring_register_buf_ring(3)
struct shown_buffer {
  std::uint64_t address;
  std::uint32_t bytes;
  std::uint16_t id;
  std::uint16_t tail;
};
static_assert(sizeof(shown_buffer) == 16);

/// What the kernel is told about that memory.
struct shown_buffers {
  std::uint64_t address;
  std::uint32_t entries;
  std::uint16_t id;
  std::uint16_t flags;
  std::uint64_t reserved[3];
};
static_assert(sizeof(shown_buffers) == 40);

inline constexpr unsigned register_buffers_code = 22;
inline constexpr unsigned unregister_buffers_code = 23;

template <class Os>
struct many<op::recv_many, Os> : many<op::accept_many, Os> {
  static auto decode(const op::recv_many& op, scratch<op::recv_many>&, std::int32_t res, std::uint32_t flags) noexcept -> arrival {
    auto& group = *op.buffers.state();
    arrival one{.raw = many::put_right_if_failed(res), .buffer = -1, .more = (flags & IORING_CQE_F_MORE) != 0};
    if ((flags & IORING_CQE_F_BUFFER) != 0) {
      one.buffer = static_cast<std::int32_t>(flags >> IORING_CQE_BUFFER_SHIFT);
      if (res > 0) Os::memory_written(group.at(static_cast<std::uint32_t>(one.buffer)), static_cast<std::size_t>(res));
    }
    return group.is_shared() || one.raw < 0 ? one : receive(op, group);
  }
  static auto try_once(scratch<op::recv_many>& keep) noexcept -> bool { return !std::exchange(keep.once, true); }

  // Where completions are not deferred, the kernel goes on receiving until the group is empty before anybody can ask it to pause. There a
  // stream with a limit asks for each receive.
  template <class Backend>
  static void ready(const op::recv_many& op, scratch<op::recv_many>& keep) noexcept {
    keep.once = op.limit != 0 && !sluice::has(Backend::options.flags, ring::defer_taskrun);
  }

  static constexpr auto shared_bytes(std::uint32_t count) noexcept -> std::size_t {
    return (entries_for(count) * sizeof(shown_buffer) + page - 1) / page * page;
  }

  /// Has the kernel pick the buffers; where it refuses that, whatever its reason, the library picks them.
  template <class Backend>
  [[gnu::cold]] static void share(Backend& backend, buffer_group_state& group, std::byte* memory) noexcept {
    auto& shared = group.shared();
    const std::uint32_t entries = entries_for(static_cast<std::uint32_t>(group.count()));
    shown_buffers what{.address = reinterpret_cast<std::uintptr_t>(memory), .entries = entries, .id = 0, .flags = 0, .reserved = {}};
    // The numbers of a ring's groups are found by trying: whoever else registers some has them, too.
    int outcome = -EEXIST;
    for (std::uint32_t id = 0; outcome == -EEXIST && id <= most_id; ++id) {
      what.id = static_cast<std::uint16_t>(id);
      outcome = Os::uring_register(descriptor_of(backend), register_buffers_code, &what, 1);
    }
    if (outcome < 0) return;
    shared.memory = memory;
    shared.mask = static_cast<std::uint16_t>(entries - 1);
    shared.id = what.id;
    shared.show = &show;
    shared.end = [](buffer_group_state& one) noexcept {
      auto& own = *static_cast<Backend*>(one.backend());
      shown_buffers gone{.address = 0, .entries = 0, .id = one.shared().id, .flags = 0, .reserved = {}};
      if (!own.in_child()) (void)Os::uring_register(descriptor_of(own), unregister_buffers_code, &gone, 1);
    };
    group.share();
  }

 private:
  static constexpr std::size_t page = 4096;
  static constexpr std::uint32_t most_id = 0xffff;

  static constexpr auto entries_for(std::uint32_t count) noexcept -> std::uint32_t {
    std::uint32_t entries = 1;
    while (entries < count) entries *= 2;
    return entries;
  }

  template <class Backend>
  static auto descriptor_of(Backend& backend) noexcept -> unsigned {
    return static_cast<unsigned>(backend.native_ring().ring_fd);
  }

  static void show(buffer_group_state& group, std::uint32_t index) noexcept {
    auto& shared = group.shared();
    auto* const all = static_cast<shown_buffer*>(shared.memory);
    auto& one = all[shared.tail & shared.mask];
    one.address = reinterpret_cast<std::uintptr_t>(group.at(index));
    one.bytes = static_cast<std::uint32_t>(group.bytes());
    one.id = static_cast<std::uint16_t>(index);
    __atomic_store_n(&all->tail, ++shared.tail, __ATOMIC_RELEASE);
  }

  /// The socket was reported.
  [[gnu::noinline, gnu::cold]] static auto receive(const op::recv_many& op, buffer_group_state& group) noexcept -> arrival {
    const std::uint32_t index = group.pick();
    if (index == buffer_group_state::none) return {.raw = -ENOBUFS};
    std::int64_t outcome = -EINTR;
    while (outcome == -EINTR) outcome = Os::recv(op.socket.native(), group.at(index), group.bytes(), MSG_DONTWAIT);
    if (outcome > 0) return {.raw = static_cast<std::int32_t>(outcome), .buffer = static_cast<std::int32_t>(index)};
    group.keep(index);
    return {.raw = static_cast<std::int32_t>(outcome)};
  }
};

}  // namespace sluice::inline v0::detail::uring

#endif
