// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// From one object to another, by the shortest way there is. Layer: io.
///
/// * **File to file.** The system copies, at best by sharing the data.
/// * **Pipe to anything, anything to a pipe.** The system moves the bytes; what is cancelled is where it was.
/// * **Between sockets and files.** The system moves them through a pipe of this copy's own, which holds at most 64 KiB on the way.
/// * **All else, and whatever the system refuses to move.** Through a buffer, by `read_some` and `write_all`. Bytes that are in the pipe
///   at that moment are brought over first.
///
/// The system may wait inside of a move for a socket that is not non-blocking. Where a cancel could not end that, bytes for such a socket
/// go through a buffer, too. Waiting itself is done by polling, so that no thread stands by; where that cannot be, as for room in a
/// connection whose other side has ended its half, a buffer is the way, too.

#include <sluice/coro/io.hpp>
#include <sluice/coro/objects.hpp>
#include <sluice/coro/scheduler.hpp>
#include <sluice/handle.hpp>
#include <sluice/io/byte_queue.hpp>
#include <sluice/io/byte_stream.hpp>
#include <sluice/io/file.hpp>
#include <sluice/io/object.hpp>
#include <sluice/io/pipe.hpp>
#include <sluice/io/socket.hpp>
#include <sluice/op/file.hpp>
#include <sluice/op/pipe.hpp>
#include <sluice/op/poll.hpp>
#include <sluice/result.hpp>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <new>
#include <span>
#include <system_error>

namespace sluice::inline v0::io {

/// \cond
// What the system takes an object for, if it may move bytes behind its back: an object of one of our own types exactly, for one that is
// derived from them may do something about the bytes.
enum class moved_as : std::uint8_t { by_calls, file, pipe, socket };

template <class T>
struct side_of {
  static constexpr auto kind = moved_as::by_calls;
};
template <class T>
struct side_with_handle {
  static auto source(const T& object) noexcept -> any_handle { return object.handle(); }
  static auto sink(const T& object) noexcept -> any_handle { return object.handle(); }
};
template <class Config>
struct side_of<basic_file<Config>> : side_with_handle<basic_file<Config>> {
  static constexpr auto kind = moved_as::file;
};
template <class Config>
struct side_of<basic_pipe_reader<Config>> : side_with_handle<basic_pipe_reader<Config>> {
  static constexpr auto kind = moved_as::pipe;
};
template <class Config>
struct side_of<basic_pipe_writer<Config>> : side_with_handle<basic_pipe_writer<Config>> {
  static constexpr auto kind = moved_as::pipe;
};
template <class Config>
struct side_of<basic_pipe<Config>> {
  static constexpr auto kind = moved_as::pipe;
  static auto source(const basic_pipe<Config>& object) noexcept -> any_handle { return object.reader.handle(); }
  static auto sink(const basic_pipe<Config>& object) noexcept -> any_handle { return object.writer.handle(); }
};
template <class T>
  requires std::derived_from<T, basic_connection<typename T::config, T>>
struct side_of<T> : side_with_handle<T> {
  static constexpr auto kind = moved_as::socket;
};

// How far a copy is.
struct copy_state {
  std::uint64_t left;
  std::uint64_t count = 0;

  [[nodiscard]] auto at_most(std::size_t bytes) const noexcept -> std::size_t {
    return left < bytes ? static_cast<std::size_t>(left) : bytes;
  }
  void add(std::size_t bytes) noexcept {
    left -= bytes;
    count += bytes;
  }
};

// Whether the system only says that it does not do it this way. If it means more than that, a read or write will say so again. One that
// answers a number that is none with "not permitted" is a sandbox; a file that is appended to counts as badly opened for these calls.
inline auto is_refusal(const std::error_code& why) noexcept -> bool {
  for (const auto one :
       {std::errc::invalid_argument, std::errc::cross_device_link, std::errc::function_not_supported, std::errc::operation_not_supported,
        std::errc::not_supported, std::errc::operation_not_permitted, std::errc::bad_file_descriptor})
    if (why == one) return true;
  return false;
}

inline constexpr std::size_t copied_at_once = 64 * std::size_t{1024};

template <class From, class To>
auto copy_through_buffer(From& from, To& to, copy_state& state) noexcept -> result<void> {
  if (state.left == 0) return {};
  const std::size_t bytes = state.at_most(copied_at_once);
  byte_queue memory{bytes};
  if (auto made = memory.make(); !made) return made;
  while (state.left != 0) {
    const auto got = from.read_some(memory.room().first(state.at_most(bytes)));
    if (!got) return std::unexpected{got.error()};
    if (*got == 0) return {};
    const std::span<const std::byte> some = memory.room().first(*got);
    result<void> put;
    if constexpr (requires {
                    { to.write_all(some) } -> std::same_as<result<void>>;
                  })
      put = to.write_all(some);
    else
      put = io::write_all(to, some);
    if (!put) return put;
    state.add(*got);
  }
  return {};
}

// Each function gives whether all is done; if not, the rest has to go another way.
template <class Config>
class copy_by_system {
  using backend_type = typename coro::scheduler<Config>::backend_type;
  using os = typename coro::scheduler<Config>::os;

 public:
  static constexpr bool moves = backend_type::template supports<op::splice>;

  // An object, which is asked for its handle again and again: once it is closed, somebody else may have the number.
  struct side {
    const void* object;
    any_handle (*handle_of)(const void* object) noexcept;
    bool may_wait = true;     // until it is ready
    bool asks_first = false;  // a move would wait for it inside

    [[nodiscard]] auto handle() const noexcept -> any_handle { return handle_of(object); }
    [[nodiscard]] auto is_closed() const noexcept -> bool { return handle().native() < 0; }
  };

  template <class T>
  static auto source(const T& from) noexcept -> side {
    side one{.object = &from, .handle_of = [](const void* object) noexcept { return side_of<T>::source(*static_cast<const T*>(object)); }};
    if constexpr (side_of<T>::kind == moved_as::socket) one.asks_first = !never_blocks(one.handle());
    return one;
  }
  template <class T>
  static auto sink(const T& to) noexcept -> side {
    side one{.object = &to, .handle_of = [](const void* object) noexcept { return side_of<T>::sink(*static_cast<const T*>(object)); }};
    if constexpr (side_of<T>::kind == moved_as::socket) one.asks_first = !never_blocks(one.handle());
    return one;
  }
  // Whether a move to a socket always comes back when it is cancelled.
  static auto can_take(any_handle socket) noexcept -> bool {
    if constexpr (requires { requires backend_type::ends_blocked_calls; })
      return true;
    else
      return never_blocks(socket);
  }

  template <class File>
  static auto range(const File& from, const File& to, copy_state& state) noexcept -> result<bool> {
    constexpr std::size_t most = 1U << 20U;
    while (state.left != 0) {
      const auto got = io(op::copy_range{.file = from.handle(), .to = to.handle(), .length = state.at_most(most)});
      if (!got) return refused(got.error(), source(from), sink(to));
      // Some systems say this of files that are made up while they are read. A read finds out.
      if (*got == 0) return state.count != 0;
      state.add(*got);
    }
    return true;
  }

  static auto directly(side from, side to, copy_state& state) noexcept -> result<bool> {
    while (state.left != 0) {
      const auto got = move(from, to, state.at_most(copied_at_once));
      if (!got) return refused(got.error(), from, to);
      if (*got == 0) return true;
      state.add(*got);
    }
    return true;
  }

  // `bring_over(reader, bytes)` writes what is left in the pipe when the other side turns out not to be moved to.
  template <class BringOver>
  static auto through_pipe(side from, side to, copy_state& state, BringOver bring_over) noexcept -> result<bool> {
    if (state.left == 0) return true;
    auto way = basic_pipe<Config>::make();
    if (!way) {
      if (way.error() == std::errc::operation_canceled) return std::unexpected{way.error()};
      return false;  // pipes are limited like other things, and for each user
    }
    side in = sink(way->writer);
    side out = source(way->reader);
    in.may_wait = out.may_wait = false;
    while (state.left != 0) {
      const auto got = move(from, in, state.at_most(copied_at_once));
      if (!got) return refused(got.error(), from, to);
      if (*got == 0) return true;
      for (std::size_t rest = *got; rest != 0;) {
        const auto put = move(out, to, rest);
        if (!put && is_refusal(put.error())) {
          if (const auto brought = bring_over(way->reader, rest); !brought) return std::unexpected{brought.error()};
          state.add(rest);
          return false;
        }
        if (!put) return std::unexpected{put.error()};
        if (*put == 0) return failure(std::errc::io_error);
        rest -= *put;
        state.add(*put);
      }
    }
    return true;
  }

 private:
  template <class Op>
  static auto io(Op one) noexcept {
    return coro::task_io<Config>::io(one);
  }

  static auto refused(const std::error_code& why, const side& from, const side& to) noexcept -> result<bool> {
    // One that was closed is no reason to take bytes from the other.
    if (from.is_closed() || to.is_closed()) return closed_already();
    if (is_refusal(why)) return false;
    return std::unexpected{why};
  }
  static auto never_blocks(any_handle handle) noexcept -> bool {
    if constexpr (requires { os::never_blocks(0); })
      return os::never_blocks(handle.native());
    else
      return false;
  }

  static auto wait(const side& one, poll_events ready) noexcept -> result<void> {
    const auto told = io(op::poll_once{.handle = one.handle(), .events = ready});
    if (!told) return std::unexpected{told.error()};
    // Of a connection whose other side has ended its half some systems say only that, and at once. A move that does not wait for room would
    // wait inside, and hold the pipe meanwhile: whoever wrote to that would stop with all its thread.
    if ((*told & (ready | poll_events::failed | poll_events::hung_up)) == poll_events::none) return failure(std::errc::not_supported);
    return {};
  }
  static auto move(const side& from, const side& to, std::size_t most) noexcept -> result<std::size_t> {
    constexpr auto flags = splice_flags::move | splice_flags::dont_wait;
    bool asks = false;
    for (;;) {
      if (asks ? from.may_wait : from.asks_first) {
        if (const auto ready = wait(from, poll_events::readable); !ready) return std::unexpected{ready.error()};
      }
      if (asks ? to.may_wait : to.asks_first) {
        if (const auto ready = wait(to, poll_events::writable); !ready) return std::unexpected{ready.error()};
      }
      const auto moved = io(op::splice{.handle = from.handle(), .to = to.handle(), .length = most, .flags = flags});
      if (moved || moved.error() != std::errc::resource_unavailable_try_again) return moved;
      asks = true;
    }
  }
};

template <class Config, class From, class To>
auto copy_by_shortest_way(From& from, To& to, copy_state& state) noexcept -> result<bool> {
  using system = copy_by_system<Config>;
  constexpr auto source = side_of<From>::kind;
  constexpr auto sink = side_of<To>::kind;
  if constexpr (source == moved_as::by_calls || sink == moved_as::by_calls) {
    return false;
  } else if constexpr (source == moved_as::file && sink == moved_as::file) {
    return system::range(from, to, state);
  } else if constexpr (!system::moves) {
    return false;
  } else {
    const auto in = system::source(from);
    const auto out = system::sink(to);
    if (in.is_closed() || out.is_closed()) return closed_already();
    if constexpr (sink == moved_as::socket) {
      if (!system::can_take(out.handle())) return false;
    }
    if constexpr (source == moved_as::pipe || sink == moved_as::pipe) {
      return system::directly(in, out, state);
    } else {
      return system::through_pipe(in, out, state, [&to](auto& reader, std::size_t bytes) noexcept {
        copy_state rest{.left = bytes};
        return copy_through_buffer(reader, to, rest);
      });
    }
  }
}

template <class Config, class From, class To>
auto copy(From& from, To& to, std::uint64_t limit) noexcept -> result<std::uint64_t> {
  if constexpr (!byte_source<From>) {
    static_assert(byte_source<From>,
                  "[sluice.io.copy_source] what is copied from cannot be read; give it `read_some(std::span<std::byte>)` that "
                  "returns `sluice::result<std::size_t>`");
    return std::uint64_t{0};
  } else if constexpr (!byte_sink<To>) {
    static_assert(byte_sink<To>,
                  "[sluice.io.copy_sink] what is copied to cannot be written; give it `write_some(std::span<const std::byte>)` that "
                  "returns `sluice::result<std::size_t>`");
    return std::uint64_t{0};
  } else {
    copy_state state{.left = limit};
    const auto done = copy_by_shortest_way<Config>(from, to, state);
    if (!done) return std::unexpected{done.error()};
    if (!*done) {
      if (const auto rest = copy_through_buffer(from, to, state); !rest) return std::unexpected{rest.error()};
    }
    return state.count;
  }
}
/// \endcond

}  // namespace sluice::inline v0::io
