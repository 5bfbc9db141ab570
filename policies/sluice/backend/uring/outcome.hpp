// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What the kernel's raw results mean. Part of the policy backend::io_uring.

#include <sluice/backend/uring/prepare.hpp>
#include <sluice/concept/record.hpp>
#include <sluice/op/list.hpp>
#include <sluice/os/native_op.hpp>
#include <sluice/os/sockaddr.hpp>
#include <sluice/result.hpp>

#if defined(__linux__)

#include <liburing.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::detail::uring {

/// Whose a completion, or an entry, is.
template <class Queued>
[[gnu::always_inline]] inline auto record_of(const Queued& one) noexcept -> aio::record& {
  return *reinterpret_cast<aio::record*>(static_cast<std::uintptr_t>(one.user_data));
}

/// What a raw result comes to that does not depend on the operation. Only a cancel breaks off what the kernel's own threads run; some calls
/// then give a number that is meant for the kernel itself.
[[nodiscard, gnu::noinline, gnu::cold, gnu::const]] inline auto put_right(std::int32_t raw) noexcept -> std::int32_t {
  constexpr std::int32_t first_internal = 512;
  constexpr std::int32_t last = 4095;
  return raw == -EINTR || (raw <= -first_internal && raw >= -last) ? -ECANCELED : raw;
}

/// Of `record::engine`, the bits of this backend: it lies in the backlog; it has to be asked to end once somebody has seen what it brought.
inline constexpr std::uint8_t in_backlog = 2;
inline constexpr std::uint8_t must_ask_again = 4;
inline constexpr std::uint8_t engine_bits = in_backlog | must_ask_again;

/// Whoever is handed completions, its type forgotten, so that a program has one copy of the code that hands them out in the general way. It
/// is made from a sink and lives no longer.
class receiver {
 public:
  template <class Sink>
  explicit receiver(Sink& sink) noexcept : sink_{&sink}, give_{&give<Sink>} {}

  void operator()(aio::record& one) const noexcept { give_(sink_, one); }

 private:
  // It was given as what it is.
  template <class Sink>
  static void give(const void* sink, aio::record& one) noexcept {
    (*static_cast<Sink*>(const_cast<void*>(sink)))(one);
  }

  const void* sink_;
  void (*give_)(const void* sink, aio::record&) noexcept;
};

/// Completions that nobody was given yet, in order.
struct record_queue {
  aio::record* first = nullptr;
  aio::record* last = nullptr;

  void push(aio::record& one) noexcept {
    one.next = nullptr;
    one.engine |= in_backlog;
    (last == nullptr ? first : last->next) = &one;
    last = &one;
  }
  // All of them.
  auto take() noexcept -> aio::record* {
    last = nullptr;
    return std::exchange(first, nullptr);
  }
};

/// Adds one to those that are to be asked to end. What lies in the backlog is done, or else seen soon.
[[gnu::noinline, gnu::cold]] inline void put_off(aio::record*& unasked, aio::record& one) noexcept {
  if ((one.engine & in_backlog) != 0) {
    one.engine |= must_ask_again;
    return;
  }
  one.kind |= aio::record_kind::unasked;
  one.next = std::exchange(unasked, &one);
}
/// It need not be asked any more, or not from that list.
[[gnu::noinline, gnu::cold]] inline void take_back(aio::record*& unasked, aio::record& one) noexcept {
  aio::record** place = &unasked;
  while (*place != &one) place = &(*place)->next;
  *place = one.next;
  one.kind = static_cast<std::uint8_t>(one.kind & ~aio::record_kind::unasked);
  one.engine |= must_ask_again;
}

/// Has `backend` ask the operations before one on its handle to end. Zero.
template <class Backend>
[[gnu::cold]] auto cancel_older(const void* record, void* backend) noexcept -> int {
  for (aio::record* one = static_cast<const aio::record*>(record)->older; one != nullptr; one = one->older)
    if ((one->kind & (aio::record_kind::waiting | aio::record_kind::unasked)) == 0 && !one->info->is_close)
      static_cast<Backend*>(backend)->ask_later(*one);
  return 0;
}

/// Result and flags at once.
[[gnu::always_inline]] inline void copy_outcome(aio::record& record, const ::io_uring_cqe& completion) noexcept {
  static_assert(offsetof(::io_uring_cqe, flags) == offsetof(::io_uring_cqe, res) + sizeof(completion.res));
  static_assert(offsetof(aio::record, flags) == offsetof(aio::record, res) + sizeof(record.res));
  std::uint64_t both = 0;
  std::memcpy(&both, reinterpret_cast<const std::byte*>(&completion) + offsetof(::io_uring_cqe, res), sizeof(both));
  std::memcpy(reinterpret_cast<std::byte*>(&record) + offsetof(aio::record, res), &both, sizeof(both));
}

/// For checkers of memory, which do not see what the kernel writes when an operation completes.
template <class Os, class Op>
void note_written([[maybe_unused]] const Op& op, [[maybe_unused]] const scratch<Op>& keep, [[maybe_unused]] std::int32_t raw) noexcept {
  [[maybe_unused]] auto left = static_cast<std::size_t>(raw);
  if constexpr (os::has_native_op<Op>) {
    if constexpr (!std::is_empty_v<scratch<Op>>) Os::memory_written(&keep, sizeof(keep));
  } else if constexpr (std::is_same_v<Op, op::accept>) {
    Os::memory_written(&keep.length, sizeof(keep.length));
    Os::memory_written(&keep.address, keep.length);
  } else if constexpr (std::is_same_v<Op, op::read> || std::is_same_v<Op, op::recv>) {
    Os::memory_written(op.buffer.data(), left < op.buffer.size() ? left : op.buffer.size());
  } else if constexpr (std::is_same_v<Op, op::readv>) {
    for (const auto& part : op.buffers) {
      const std::size_t here = left < part.size ? left : part.size;
      Os::memory_written(part.data, here);
      left -= here;
    }
  }
}

/// The value of a raw result that is not negative.
template <class Os, class Op>
auto value_of(const Op& op, const scratch<Op>& keep, std::int32_t raw) noexcept {
  using type = typename Op::result_type;
  note_written<Os>(op, keep, raw);
  if constexpr (requires { os::native_op<Op>::template value<Os>(op, keep, raw); })
    return os::native_op<Op>::template value<Os>(op, keep, raw);
  else if constexpr (requires { os::native_op<Op>::value(op, keep, raw); })
    return os::native_op<Op>::value(op, keep, raw);
  else if constexpr (std::is_same_v<Op, op::accept>)
    return accepted{.socket = socket_handle{raw}, .peer = os::decode(keep.address, keep.length)};
  else
    return static_cast<type>(raw);
}

/// An operation's raw result as the library counts it: what the kernel's own conventions say differently is put right.
template <class Op>
auto normal(std::int32_t raw) noexcept -> std::int32_t {
  raw = put_right(raw);
  if constexpr (std::is_same_v<Op, op::timeout>) return raw == -ETIME ? 0 : raw;
  if constexpr (std::is_same_v<Op, op::link_timeout>) return raw == -ECANCELED ? raw : aio::raw(errc::timed_out);
  if constexpr (std::is_same_v<Op, op::cancel>)
    return raw == -ENOENT ? aio::raw(errc::not_found) : raw == -EALREADY ? aio::raw(errc::in_progress) : raw;
  return raw;
}

}  // namespace sluice::inline v0::detail::uring

#endif
