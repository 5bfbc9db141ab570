// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Text that goes out in large pieces, written by tasks.

#include <sluice/handle.hpp>
#include <sluice/op/file.hpp>
#include <sluice/result.hpp>

#include <cstddef>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace support {

/// Writes all of it; a descriptor takes less than it is given whenever it likes.
template <class Coro>
auto write_all(sluice::file_handle to, std::span<const std::byte> bytes) -> sluice::result<void> {
  while (!bytes.empty()) {
    const auto written = Coro::io(sluice::op::write{.file = to, .buffer = bytes});
    if (!written) return std::unexpected{written.error()};
    if (*written == 0) return std::unexpected{std::make_error_code(std::errc::io_error)};
    bytes = bytes.subspan(*written);
  }
  return {};
}

/// Gathers text and writes it. After a failure nothing more is written, and `flush` tells of it: whoever prints need not look each time.
/// One that was cut short in a task that was asked to end has lost nothing, and can be repeated under a shield.
template <class Coro>
class output {
 public:
  explicit output(sluice::file_handle to, std::size_t enough = 64 * 1024) : to_{to}, enough_{enough} {}

  auto put(std::string_view text) -> output& {
    if (error_) return *this;
    waiting_.append(text);
    if (waiting_.size() >= enough_) (void)flush();
    return *this;
  }
  auto flush() -> sluice::result<void> {
    for (std::size_t sent = 0; !error_ && sent != waiting_.size();) {
      const auto rest = std::as_bytes(std::span{waiting_}).subspan(sent);
      const auto written = Coro::io(sluice::op::write{.file = to_, .buffer = rest});
      if (written) {
        sent += *written;
      } else if (written.error() == std::errc::operation_canceled) {
        waiting_.erase(0, sent);
        return std::unexpected{written.error()};
      } else {
        error_ = written.error();
      }
    }
    waiting_.clear();
    if (error_) return std::unexpected{error_};
    return {};
  }
  /// Whether it can take more.
  [[nodiscard]] auto good() const noexcept -> bool { return !error_; }

 private:
  sluice::file_handle to_;
  std::size_t enough_;
  std::string waiting_;
  std::error_code error_;
};

}  // namespace support
