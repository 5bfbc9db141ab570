// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Buffers between a program and what gives or takes its bytes. Layer: io.

#include <sluice/buffer.hpp>
#include <sluice/io/byte_queue.hpp>
#include <sluice/io/byte_stream.hpp>
#include <sluice/io/items.hpp>
#include <sluice/result.hpp>

#include <array>
#include <cassert>
#include <concepts>
#include <cstddef>
#include <cstring>
#include <expected>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <type_traits>
#include <utility>

namespace sluice::inline v0::io {

/// How many bytes a buffer holds unless told otherwise. \units bytes
inline constexpr std::size_t default_buffer_bytes = 16 * std::size_t{1024};

/// \cond
inline auto view_of(std::span<const std::byte> bytes) noexcept -> std::string_view {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

template <class Sink>
concept gathering_sink = requires(Sink& to, std::span<const const_buffer> pieces) {
  { to.write_some(pieces) } -> std::same_as<result<std::size_t>>;
};

// Stands in for what is no source or no sink, so that nothing but the sentence is said about it.
struct anything {
  template <class T>
  anything(T&&) noexcept;  // NOLINT(google-explicit-constructor,bugprone-forwarding-reference-overload)
  auto read_some(std::span<std::byte>) noexcept -> result<std::size_t>;
  auto write_some(std::span<const std::byte>) noexcept -> result<std::size_t>;
};

template <class Source>
consteval auto check_source() -> bool {
  constexpr bool is_source = byte_source<std::remove_reference_t<Source>>;
  static_assert(is_source,
                "[sluice.io.buffered_source] what a buffered_reader is to read from cannot be read; give it "
                "`read_some(std::span<std::byte>)` that returns `sluice::result<std::size_t>`");
  return is_source;
}
template <class Sink>
consteval auto check_sink() -> bool {
  constexpr bool is_sink = byte_sink<std::remove_reference_t<Sink>>;
  static_assert(is_sink,
                "[sluice.io.buffered_sink] what a buffered_writer is to write to cannot be written; give it "
                "`write_some(std::span<const std::byte>)` that returns `sluice::result<std::size_t>`");
  return is_sink;
}
/// \endcond

/// Reads ahead from a source, so that small pieces and lines cost no call each. It refers to a source that is given by name, and owns one
/// that is given as a temporary: `buffered_reader in{stream}`, `buffered_reader in{std::move(stream)}`. One task at a time reads.
///
/// Views that it gives are views of the buffer: they are good until the next call that reads, whichever it is.
template <class Source>
  requires byte_source<std::remove_reference_t<Source>>
class buffered_reader {
 public:
  using source_type = std::remove_reference_t<Source>;  ///< where the bytes come from

  /// Reads from a source, at most so many bytes ahead, which is also the longest line, its end included, that it can
  /// give.
  /// \allocates the buffer, once, at the first call that needs it
  explicit buffered_reader(Source&& from, std::size_t bytes = default_buffer_bytes) noexcept
      : queue_{bytes}, source_{std::forward<Source>(from)} {}
  /// Takes over, with what has been read ahead.
  buffered_reader(buffered_reader&&) noexcept = default;
  auto operator=(buffered_reader&&) -> buffered_reader& = delete;
  ~buffered_reader() = default;

  /// What it reads from; that is ahead of what was read from here.
  [[nodiscard]] auto source() noexcept -> source_type& { return source_; }
  /// What was read ahead and not taken yet.
  [[nodiscard]] auto buffered() const noexcept -> std::span<const std::byte> { return queue_.bytes(); }
  /// How many bytes the buffer holds at most. \units bytes
  [[nodiscard]] auto capacity() const noexcept -> std::size_t { return queue_.capacity(); }

  /// Reads once from the source, as much as there is room for. Result: bytes that were added, 0 at the end of the input.
  /// \units bytes  \errors those of the source's `read_some`; `message_size` if the buffer is full; `not_enough_memory`
  [[nodiscard]] auto fill() noexcept -> result<std::size_t> {
    if (const auto made = queue_.make(); !made) return std::unexpected{made.error()};
    const auto room = queue_.room();
    if (room.empty()) return too_long();
    const auto got = source_.read_some(room);
    if (got) queue_.push(*got);
    return got;
  }
  /// Shows what comes next without taking it: at least so many bytes, fewer only at the end of the input.
  /// \units bytes  \errors as above; what there is stays
  [[nodiscard]] auto peek(std::size_t count = 1) noexcept -> result<std::span<const std::byte>> {
    if (count > capacity()) return too_long();
    while (buffered().size() < count) {
      const auto got = fill();
      if (!got) return std::unexpected{got.error()};
      if (*got == 0) break;
    }
    return buffered();
  }
  /// Takes bytes that were shown; there are as many.
  void consume(std::size_t count) noexcept {
    assert(count <= buffered().size() && "only what was shown can be taken");
    queue_.pop(count < buffered().size() ? count : buffered().size());
  }

  /// Reads at most `into.size()` bytes; past the buffer where that is empty and as many are wanted as it holds. Result: bytes read, 0 at
  /// the end.
  /// \units bytes  \errors those of the source's `read_some`; `not_enough_memory`
  [[nodiscard]] auto read_some(std::span<std::byte> into) noexcept -> result<std::size_t> {
    if (into.empty()) return std::size_t{0};
    if (queue_.empty()) {
      if (into.size() >= capacity()) return source_.read_some(into);
      const auto got = fill();
      if (!got || *got == 0) return got;
    }
    return take(into);
  }
  /// Fills all of `into`.
  /// \errors as above; `errc::end_of_stream` if the input ends before: what came is there
  [[nodiscard]] auto read_exactly(std::span<std::byte> into) noexcept -> result<void> {
    for (;;) {
      if (!queue_.empty()) into = into.subspan(take(into));
      if (into.empty()) return {};
      if (into.size() >= capacity()) {
        if constexpr (requires {
                        { source_.read_exactly(into) } -> std::same_as<result<void>>;
                      })
          return source_.read_exactly(into);
        else
          return io::read_exactly(source_, into);
      }
      const auto got = fill();
      if (!got) return std::unexpected{got.error()};
      if (*got == 0) return ended_early();
    }
  }
  /// Takes what comes up to and with a mark, which may be of any length; no byte is looked at more than once for each byte of the mark.
  /// \errors those of the source; `errc::end_of_stream` if the input ends before, `message_size` if the buffer is full without one: what
  /// there is stays and can be read otherwise  \complexity linear in what is taken
  [[nodiscard]] auto read_until(std::string_view mark) noexcept -> result<std::string_view> {
    if (mark.empty()) return std::string_view{};
    const auto length = find(mark);
    if (!length) return std::unexpected{length.error()};
    if (*length == 0) return ended_early();
    return take_text(*length);
  }
  /// Takes a line, without its end, which is `"\n"` or `"\r\n"`; what stands behind the last of those is a line, too, if it is not empty.
  /// Nothing at the end of the input.
  /// \errors those of the source; `message_size` if the buffer is full without an end of a line: what there is stays
  /// \complexity linear in what is taken
  [[nodiscard]] auto read_line() noexcept -> result<std::optional<std::string_view>> {
    const auto length = find("\n");
    if (!length) return std::unexpected{length.error()};
    if (*length == 0) {
      if (queue_.empty()) return std::nullopt;
      return take_text(buffered().size());
    }
    auto line = take_text(*length);
    line.remove_suffix(1);
    if (line.ends_with('\r')) line.remove_suffix(1);
    return line;
  }
  /// All that `read_line` would give, as a range of results: an error is the last one.
  [[nodiscard]] auto lines() noexcept {
    return item_range{[this]() noexcept { return read_line(); }};
  }

 private:
  static auto too_long() noexcept -> std::unexpected<std::error_code> { return failure(std::errc::message_size); }

  auto take(std::span<std::byte> into) noexcept -> std::size_t {
    const auto have = buffered();
    const std::size_t count = have.size() < into.size() ? have.size() : into.size();
    if (count != 0) std::memcpy(into.data(), have.data(), count);
    queue_.pop(count);
    return count;
  }
  auto take_text(std::size_t count) noexcept -> std::string_view {
    const auto text = view_of(buffered().first(count));
    queue_.pop(count);
    return text;
  }
  // How far it is to the end of the first mark; 0 if the input ends before.
  auto find(std::string_view mark) noexcept -> result<std::size_t> {
    std::size_t looked_at = 0;
    for (;;) {
      const auto text = view_of(buffered());
      // A mark may have begun in what was looked at.
      const std::size_t begin = looked_at < mark.size() ? 0 : looked_at - (mark.size() - 1);
      if (const auto at = text.find(mark, begin); at != std::string_view::npos) return at + mark.size();
      looked_at = text.size();
      const auto got = fill();
      if (!got || *got == 0) return got;
    }
  }

  byte_queue queue_;  // there until the source is closed: until then the system may write to it
  Source source_;
};
/// \cond
template <class Source>
buffered_reader(Source&&, std::size_t = 0) -> buffered_reader<std::conditional_t<check_source<Source>(), Source, anything>>;
/// \endcond

/// Gathers small pieces and gives them to a sink together. It refers to a sink that is given by name, and owns one that is given as a
/// temporary: `buffered_writer out{stream}`, `buffered_writer out{std::move(stream)}`. One task at a time writes.
///
/// **Its end writes nothing**, for nobody could be told of an error: `flush` does. Builds with assertions check that nothing was left
/// behind but after an error, and where it was given up by `release`.
template <class Sink>
  requires byte_sink<std::remove_reference_t<Sink>>
class buffered_writer {
 public:
  using sink_type = std::remove_reference_t<Sink>;  ///< where the bytes go

  /// Writes to a sink, once so many bytes have come together.
  /// \allocates the buffer, once, at the first call that needs it
  explicit buffered_writer(Sink&& to, std::size_t bytes = default_buffer_bytes) noexcept : queue_{bytes}, sink_{std::forward<Sink>(to)} {}
  /// Takes over, with what is pending.
  buffered_writer(buffered_writer&& other) noexcept
      : queue_{std::move(other.queue_)}, sink_{std::forward<Sink>(other.sink_)}, failed_{std::exchange(other.failed_, false)} {}
  auto operator=(buffered_writer&&) -> buffered_writer& = delete;
  ~buffered_writer() { assert((queue_.empty() || failed_) && "flush a buffered_writer before its end, or release what is pending"); }

  /// What it writes to; that is behind what was written here.
  [[nodiscard]] auto sink() noexcept -> sink_type& { return sink_; }
  /// What has not been written yet.
  [[nodiscard]] auto pending() const noexcept -> std::span<const std::byte> { return queue_.bytes(); }
  /// How many bytes may come together. \units bytes
  [[nodiscard]] auto capacity() const noexcept -> std::size_t { return queue_.capacity(); }
  /// Gives up what is pending, and shows it until the next call.
  auto release() noexcept -> std::span<const std::byte> {
    const auto left = pending();
    queue_.pop(left.size());
    return left;
  }

  /// Takes all of it. What does not fit goes to the sink together with what is pending, in one call where the sink takes several pieces.
  /// \errors those of the sink's `write_some`, some of the bytes may have been taken then; `not_enough_memory`, and then none were
  [[nodiscard]] auto write_all(std::span<const std::byte> bytes) noexcept -> result<void> {
    if (const auto made = queue_.make(); !made) return made;
    if (bytes.size() > queue_.room().size()) return drain(bytes);
    queue_.put(bytes);
    return {};
  }
  /// The same for a text.
  [[nodiscard]] auto write_all(std::string_view text) noexcept -> result<void> { return write_all(bytes_of(text)); }
  /// The same for a text.
  [[nodiscard]] auto write(std::string_view text) noexcept -> result<void> { return write_all(bytes_of(text)); }
  /// The same for several pieces, one after the other.
  [[nodiscard]] auto write_all(std::span<const const_buffer> pieces) noexcept -> result<void> {
    for (const auto& piece : pieces)
      if (const auto put = write_all(std::span<const std::byte>{piece.data, piece.size}); !put) return put;
    return {};
  }
  /// Takes some of it: what there is room for once what is pending has gone, if it must. Result: bytes taken.
  /// \units bytes  \errors those of the sink's `write_some`; `not_enough_memory`; nothing was taken then
  [[nodiscard]] auto write_some(std::span<const std::byte> bytes) noexcept -> result<std::size_t> {
    if (const auto made = queue_.make(); !made) return std::unexpected{made.error()};
    if (queue_.room().empty()) {
      if (const auto gone = drain({}); !gone) return std::unexpected{gone.error()};
    }
    const std::size_t room = queue_.room().size();
    const std::size_t count = bytes.size() < room ? bytes.size() : room;
    queue_.put(bytes.first(count));
    return count;
  }
  /// Writes all that is pending. After an error what was not written is still pending, and another call goes on with it.
  /// \errors those of the sink's `write_some`
  [[nodiscard]] auto flush() noexcept -> result<void> { return drain({}); }

 private:
  // Until nothing is pending, and what is left of the bytes has room.
  auto drain(std::span<const std::byte> bytes) noexcept -> result<void> {
    while (!queue_.empty() || bytes.size() >= capacity()) {
      const auto put = write_once(bytes);
      failed_ = !put || *put == 0;
      if (!put) return std::unexpected{put.error()};
      // Nothing that takes bytes takes none of some for ever, and nobody shall spin if it does.
      if (*put == 0) return failure(std::errc::io_error);
      const std::size_t old = *put < pending().size() ? *put : pending().size();
      queue_.pop(old);
      bytes = bytes.subspan(*put - old);
    }
    queue_.put(bytes);
    return {};
  }
  auto write_once(std::span<const std::byte> bytes) noexcept -> result<std::size_t> {
    if (queue_.empty()) return sink_.write_some(bytes);
    if constexpr (gathering_sink<sink_type>) {
      if (!bytes.empty()) {
        const std::array<const_buffer, 2> both{pending(), bytes};
        return sink_.write_some(std::span<const const_buffer>{both});
      }
    }
    return sink_.write_some(pending());
  }

  byte_queue queue_;  // there until the sink is closed
  Sink sink_;
  bool failed_ = false;
};
/// \cond
template <class Sink>
buffered_writer(Sink&&, std::size_t = 0) -> buffered_writer<std::conditional_t<check_sink<Sink>(), Sink, anything>>;
/// \endcond

}  // namespace sluice::inline v0::io
