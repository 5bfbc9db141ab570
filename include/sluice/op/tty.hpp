// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations on terminals. Layer: op.

#include <sluice/handle.hpp>
#include <sluice/op/file.hpp>

#include <cstddef>
#include <span>
#include <string_view>

namespace sluice::inline v0 {

/// How large a terminal is.
struct terminal_size {
  int columns = 0;  ///< characters in a row
  int rows = 0;     ///< rows
};

namespace op {

/// Reads what was typed, as the terminal's mode hands it over: at most `buffer.size()` bytes. The same as a read at the current position,
/// but on systems where a terminal cannot be polled or does not speak in bytes. Result: bytes read, 0 at the end.
/// \units bytes  \errors those of read(2), `io_error` after a hang-up; `operation_canceled`  \src read(2), termios(3)
struct read_tty {
  file_handle file = {};                                ///< a terminal
  std::span<std::byte> buffer = {};                     ///< filled from its start; must live until done
  using result_type = std::size_t;                      ///< bytes
  static constexpr std::string_view name = "read_tty";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("file", &read_tty::file);
    visit("buffer", &read_tty::buffer);
  }
};

}  // namespace op
}  // namespace sluice::inline v0
