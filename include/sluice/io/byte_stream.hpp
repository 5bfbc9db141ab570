// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What every object that gives or takes bytes can do beyond its one read and its one write. Layer: io.

#include <sluice/buffer.hpp>
#include <sluice/result.hpp>

#include <array>
#include <concepts>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace sluice::inline v0::io {

/// Gives bytes, at most as many as asked for; none at its end.
template <class T>
concept byte_source = requires(T& from, std::span<std::byte> buffer) {
  { from.read_some(buffer) } -> std::same_as<result<std::size_t>>;
};
/// Takes bytes, perhaps not all of them.
template <class T>
concept byte_sink = requires(T& to, std::span<const std::byte> buffer) {
  { to.write_some(buffer) } -> std::same_as<result<std::size_t>>;
};

/// The bytes of a text.
inline auto bytes_of(std::string_view text) noexcept -> std::span<const std::byte> {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// \cond
inline auto ended_early() noexcept -> std::unexpected<std::error_code> { return std::unexpected{make_error_code(errc::end_of_stream)}; }

template <class Source>
auto read_exactly(Source& from, std::span<std::byte> buffer) noexcept -> result<void> {
  while (!buffer.empty()) {
    const auto got = from.read_some(buffer);
    if (!got) return std::unexpected{got.error()};
    if (*got == 0) return ended_early();
    buffer = buffer.subspan(*got);
  }
  return {};
}

template <class Sink>
auto write_all(Sink& to, std::span<const std::byte> buffer) noexcept -> result<void> {
  while (!buffer.empty()) {
    const auto put = to.write_some(buffer);
    if (!put) return std::unexpected{put.error()};
    // Nothing that takes bytes takes none of some for ever, and nobody shall spin if it does.
    if (*put == 0) return failure(std::errc::io_error);
    buffer = buffer.subspan(*put);
  }
  return {};
}

// Several pieces, so many at once as the system takes: `put_some` writes those it is given, or the first of their bytes. What it leaves of
// them is written piece by piece.
template <class Sink, class PutSome>
auto write_gathered(Sink& to, std::span<const const_buffer> pieces, PutSome put_some) noexcept -> result<void> {
  constexpr std::size_t most = 1024;
  while (!pieces.empty()) {
    const auto some = pieces.first(pieces.size() < most ? pieces.size() : most);
    const result<std::size_t> put = put_some(some);
    if (!put) return std::unexpected{put.error()};
    std::size_t gone = *put;
    for (const auto& piece : some) {
      const std::size_t skipped = gone < piece.size ? gone : piece.size;
      gone -= skipped;
      if (const auto rest = to.write_all(std::span<const std::byte>{piece.data + skipped, piece.size - skipped}); !rest) return rest;
    }
    pieces = pieces.subspan(some.size());
  }
  return {};
}

template <class Source>
auto read_until(Source& from, std::string& text, std::string_view mark, std::size_t most) -> result<std::size_t> {
  constexpr std::size_t piece = 4096;
  if (mark.empty()) return std::size_t{0};
  std::size_t looked_at = 0;
  for (;;) {
    // A mark may have begun in what was looked at.
    const std::size_t begin = looked_at < mark.size() ? 0 : looked_at - (mark.size() - 1);
    if (const auto at = text.find(mark, begin); at != std::string::npos) return at + mark.size();
    looked_at = text.size();
    if (looked_at >= most) return failure(std::errc::message_size);
    std::array<std::byte, piece> buffer;
    const auto got = from.read_some(std::span<std::byte>{buffer.data(), most - looked_at < piece ? most - looked_at : piece});
    if (!got) return std::unexpected{got.error()};
    if (*got == 0) return ended_early();
    text.append(reinterpret_cast<const char*>(buffer.data()), *got);
  }
}
/// \endcond

/// Adds to `Self`, which has `read_some`, what can be made of it.
template <class Self>
class reading {
 public:
  /// Fills the whole buffer.
  /// \errors those of `read_some`; `errc::end_of_stream` if the input ends before: what came is in the buffer
  [[nodiscard]] auto read_exactly(std::span<std::byte> buffer) noexcept -> result<void> { return io::read_exactly(self(), buffer); }
  /// Appends to a text until it contains a mark, which may be there already. Result: the length of the text up to and with the mark; what
  /// came behind it stays in the text, for the next call.
  /// \errors those of `read_some`; `errc::end_of_stream` if the input ends before; `message_size` if `most` bytes hold no mark
  /// \allocates what the text needs
  [[nodiscard]] auto read_until(std::string& text, std::string_view mark, std::size_t most = 64 * std::size_t{1024})
      -> result<std::size_t> {
    return io::read_until(self(), text, mark, most);
  }

 private:
  auto self() noexcept -> Self& { return static_cast<Self&>(*this); }
};

/// Adds to `Self`, which has `write_some`, what can be made of it.
template <class Self>
class writing {
 public:
  /// Writes all of it.
  /// \errors those of `write_some`; some of the bytes may have been written then
  [[nodiscard]] auto write_all(std::span<const std::byte> buffer) noexcept -> result<void> { return io::write_all(self(), buffer); }
  /// The same for a text.
  [[nodiscard]] auto write_all(std::string_view text) noexcept -> result<void> { return self().write_all(bytes_of(text)); }
  /// The same for several pieces, one after the other.
  [[nodiscard]] auto write_all(std::span<const const_buffer> pieces) noexcept -> result<void> {
    for (const auto& piece : pieces)
      if (const auto put = self().write_all(std::span<const std::byte>{piece.data, piece.size}); !put) return put;
    return {};
  }

 private:
  auto self() noexcept -> Self& { return static_cast<Self&>(*this); }
};

}  // namespace sluice::inline v0::io
