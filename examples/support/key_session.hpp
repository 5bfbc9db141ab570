// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// One client of a key_server: what it sent and was not done yet, and the replies it has not got yet.

#include "key_store.hpp"
#include "resp.hpp"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

namespace support {

/// The time of a clock that is never set.
inline auto milliseconds_now() -> key_store::milliseconds {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// What was received goes in, replies come out; who moves the bytes is no concern of this.
class key_session {
 public:
  /// So many bytes of replies are sent before more are made.
  static constexpr std::size_t enough = 256 * std::size_t{1024};

  explicit key_session(key_server& server) : server_{server} {}

  /// Where the next bytes go. It grows only for a command that does not fit; empty if it may grow no more.
  auto room() -> std::span<std::byte> {
    if (begin_ != 0) std::memmove(bytes_.data(), bytes_.data() + begin_, end_ - begin_);
    end_ -= std::exchange(begin_, 0);
    constexpr std::size_t most = 2 * static_cast<std::size_t>(resp::most_bytes);
    if (end_ == bytes_.size() && bytes_.size() < most) bytes_.resize(2 * bytes_.size());
    return std::span{bytes_}.subspan(end_);
  }
  /// So many came.
  void add(std::size_t count) noexcept { end_ += count; }

  /// Does the commands that are there, until there are enough replies. Whether the client is to be served on.
  auto work() -> bool {
    const auto now = milliseconds_now();
    replies_.clear();
    while (replies_.text().size() < enough) {
      const auto what = reader_.look({reinterpret_cast<const char*>(bytes_.data()) + begin_, end_ - begin_});
      if (what == resp::found::a_part) return true;
      if (what == resp::found::nonsense) {
        replies_.error("ERR Protocol error");
        return false;
      }
      if (what == resp::found::command && !server_.serve(reader_.words(), now, replies_)) return false;
      begin_ += reader_.consumed();
    }
    return true;
  }
  /// Whether `work` left something because there were enough replies.
  [[nodiscard]] auto has_more() const noexcept -> bool { return replies_.text().size() >= enough; }
  /// To be sent before the next `work`.
  [[nodiscard]] auto replies() const noexcept -> std::string_view { return replies_.text(); }

 private:
  key_server& server_;
  resp::reader reader_;
  resp::writer replies_;
  std::vector<std::byte> bytes_ = std::vector<std::byte>(16 * std::size_t{1024});
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace support
