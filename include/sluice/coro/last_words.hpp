// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// One line on the standard error stream, from where little stack and nothing else is left. Layer: coro.

#include <sluice/coro/frame.hpp>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace sluice::inline v0::coro {

/// \cond
// In a signal handler, on its own stack, or on that of a task: no allocation, no locale. What is too long is cut.
template <class Os>
class last_words {
 public:
  [[gnu::noinline]] auto text(std::string_view piece) noexcept -> last_words& {
    const auto length = piece.size() < sizeof(buffer_) - used_ ? piece.size() : sizeof(buffer_) - used_;
    std::memcpy(buffer_ + used_, piece.data(), length);
    used_ += length;
    return *this;
  }
  [[gnu::noinline]] auto number(std::uint64_t value) noexcept -> last_words& {
    // What the library has for it is larger than all the rest here.
    char digits[20];
    std::size_t first = sizeof(digits);
    do {
      digits[--first] = static_cast<char>('0' + value % 10);
      value /= 10;
    } while (value != 0);
    text({digits + first, sizeof(digits) - first});
    return *this;
  }
  // `what`, then which task it is and where it was spawned.
  template <class Config>
  [[gnu::noinline]] auto task(std::string_view what, const frame<Config>& which) noexcept -> last_words& {
    text(what).number(which.id);
    if (!which.name().empty()) text(" \"").text(which.name()).text("\"");
    if (which.has_place) text(", spawned at ").text(which.where.file_name()).text(":").number(which.where.line());
    return *this;
  }
  void print() noexcept {
    if (used_ == sizeof(buffer_)) buffer_[used_ - 1] = '\n';
    Os::write_error(buffer_, used_);
  }

 private:
  char buffer_[512];
  std::size_t used_ = 0;
};
/// \endcond

}  // namespace sluice::inline v0::coro
