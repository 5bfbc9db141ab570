// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Pipes with owners, one for each end. Layer: io.

#include <sluice/buffer.hpp>
#include <sluice/coro/io.hpp>
#include <sluice/handle.hpp>
#include <sluice/io/byte_stream.hpp>
#include <sluice/io/object.hpp>
#include <sluice/op/file.hpp>
#include <sluice/op/pipe.hpp>
#include <sluice/result.hpp>

#include <cstddef>
#include <expected>
#include <span>
#include <utility>

namespace sluice::inline v0::io {

/// The end of a pipe that is read. The input ends when nobody has the other end any more. \src pipe(7)
template <class Config>
class basic_pipe_reader : public basic_object<Config, file_handle>, public reading<basic_pipe_reader<Config>> {
 public:
  using basic_object<Config, file_handle>::basic_object;

  /// Reads at most `buffer.size()` bytes, as soon as there are some. Result: bytes read, 0 at the end.
  /// \units bytes  \errors those of read(2); `operation_canceled`
  [[nodiscard]] auto read_some(std::span<std::byte> buffer) noexcept -> result<std::size_t> {
    return basic_pipe_reader::perform(op::read{.file = this->handle(), .buffer = buffer});
  }
};

/// The end of a pipe that is written. \src pipe(7)
template <class Config>
class basic_pipe_writer : public basic_object<Config, file_handle>, public writing<basic_pipe_writer<Config>> {
 public:
  using basic_object<Config, file_handle>::basic_object;
  using writing<basic_pipe_writer>::write_all;

  /// Writes at most `buffer.size()` bytes, as soon as there is room. Result: bytes written.
  /// \units bytes  \errors those of write(2), `broken_pipe` once nobody has the other end, never a signal; `operation_canceled`
  [[nodiscard]] auto write_some(std::span<const std::byte> buffer) noexcept -> result<std::size_t> {
    return basic_pipe_writer::perform(op::write{.file = this->handle(), .buffer = buffer});
  }
  /// Writes what there is room for of several pieces, at most 1024 of them. Result: bytes written.
  /// \units bytes  \errors as above; `invalid_argument` for more pieces
  [[nodiscard]] auto write_some(std::span<const const_buffer> pieces) noexcept -> result<std::size_t> {
    return basic_pipe_writer::perform(op::writev{.file = this->handle(), .buffers = pieces});
  }
  /// Writes several pieces, one after the other, as many at once as the system takes. \errors as above; some may have been written then
  [[nodiscard]] auto write_all(std::span<const const_buffer> pieces) noexcept -> result<void> {
    return write_gathered(*this, pieces, [this](std::span<const const_buffer> some) noexcept { return write_some(some); });
  }
};

/// Both ends of a pipe. Reading goes to the one, writing to the other; to give one away, move it out: `std::move(both.writer)`.
/// \src pipe(7)
template <class Config>
struct basic_pipe : reading<basic_pipe<Config>>, writing<basic_pipe<Config>> {
  using config = Config;                          ///< whose operations it makes
  using reader_type = basic_pipe_reader<Config>;  ///< the end that is read
  using writer_type = basic_pipe_writer<Config>;  ///< the end that is written
  using writing<basic_pipe>::write_all;

  reader_type reader;  ///< gives what was written
  writer_type writer;  ///< takes

  /// None.
  basic_pipe() noexcept = default;
  /// Of two ends.
  basic_pipe(reader_type from, writer_type to) noexcept : reader{std::move(from)}, writer{std::move(to)} {}

  /// Makes a pipe. Never waits. With `inherit` both ends stay open in a program that this one executes.
  /// \errors those of pipe2(2)
  [[nodiscard]] static auto make(bool inherit = false) noexcept -> result<basic_pipe> {
    const auto made = coro::task_io<Config>::io(op::pipe{.inherit = inherit});
    if (!made) return std::unexpected{made.error()};
    return basic_pipe{reader_type{made->read}, writer_type{made->write}};
  }

  /// As the end that is read does. \errors as there; `bad_file_descriptor` without it
  [[nodiscard]] auto read_some(std::span<std::byte> buffer) noexcept -> result<std::size_t> { return reader.read_some(buffer); }
  /// As the end that is written does. \errors as there; `bad_file_descriptor` without it
  [[nodiscard]] auto write_some(std::span<const std::byte> buffer) noexcept -> result<std::size_t> { return writer.write_some(buffer); }
  /// As above.
  [[nodiscard]] auto write_some(std::span<const const_buffer> pieces) noexcept -> result<std::size_t> { return writer.write_some(pieces); }
  /// As above. \errors as above; some of the bytes may have been written then
  [[nodiscard]] auto write_all(std::span<const const_buffer> pieces) noexcept -> result<void> { return writer.write_all(pieces); }

  /// Closes the end that is written: whoever reads comes to the end of the input. \errors those of close(2)
  auto close_write() noexcept -> result<void> { return writer.close(); }
  /// Closes the end that is read: whoever writes gets `broken_pipe`. \errors those of close(2)
  auto close_read() noexcept -> result<void> { return reader.close(); }
  /// Closes what it has of both. \errors those of close(2), the first one
  auto close() noexcept -> result<void> {
    const auto written = close_write();
    const auto read = close_read();
    return written ? read : written;
  }
  /// Whether it owns any of the two.
  [[nodiscard]] explicit operator bool() const noexcept { return reader || writer; }
};

}  // namespace sluice::inline v0::io
