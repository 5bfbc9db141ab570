// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The memory of buffered readers and writers. Layer: io.

#include <sluice/result.hpp>

#include <cstddef>
#include <cstring>
#include <expected>
#include <new>
#include <span>
#include <system_error>
#include <utility>

namespace sluice::inline v0::io {

/// \cond
// Bytes in the order in which they came, in memory that is made when it is first needed: one that cannot be made is an error of a call.
class byte_queue {
 public:
  explicit byte_queue(std::size_t capacity) noexcept : capacity_{capacity != 0 ? capacity : 1} {}
  byte_queue(byte_queue&& other) noexcept
      : memory_{std::exchange(other.memory_, nullptr)},
        capacity_{other.capacity_},
        begin_{std::exchange(other.begin_, 0)},
        end_{std::exchange(other.end_, 0)} {}
  auto operator=(byte_queue&&) -> byte_queue& = delete;
  ~byte_queue() { delete[] memory_; }

  [[nodiscard]] auto capacity() const noexcept -> std::size_t { return capacity_; }
  [[nodiscard]] auto empty() const noexcept -> bool { return begin_ == end_; }
  [[nodiscard]] auto bytes() const noexcept -> std::span<const std::byte> { return {memory_ + begin_, end_ - begin_}; }
  // Where more may be put. Old bytes are moved only if as many have gone before them, or there is no room otherwise: so each is moved
  // once or less for each that comes.
  [[nodiscard]] auto room() noexcept -> std::span<std::byte> {
    const std::size_t left = end_ - begin_;
    if (begin_ != 0 && (begin_ >= left || end_ == capacity_)) {
      if (left != 0) std::memmove(memory_, memory_ + begin_, left);
      begin_ = 0;
      end_ = left;
    }
    return {memory_ + end_, capacity_ - end_};
  }
  [[nodiscard]] auto make() noexcept -> result<void> {
    if (memory_ == nullptr) memory_ = new (std::nothrow) std::byte[capacity_];
    if (memory_ == nullptr) return failure(std::errc::not_enough_memory);
    return {};
  }
  void push(std::size_t count) noexcept { end_ += count; }
  void pop(std::size_t count) noexcept { begin_ += count; }
  void put(std::span<const std::byte> some) noexcept {
    if (some.empty()) return;
    std::memcpy(room().data(), some.data(), some.size());
    push(some.size());
  }

 private:
  std::byte* memory_ = nullptr;
  std::size_t capacity_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};
/// \endcond

}  // namespace sluice::inline v0::io
