// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What a directory holds, as `op::read_directory` gives it. Base vocabulary.

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace sluice::inline v0 {

/// What a name stands for.
enum class file_kind : std::uint8_t {
  unknown,           ///< the system does not say
  regular,           ///< a file with content
  directory,         ///< a directory
  symbolic_link,     ///< a name that leads to another one
  pipe,              ///< a FIFO
  socket,            ///< a socket with a path
  character_device,  ///< a device of bytes
  block_device,      ///< a device of blocks
};

/// One name in a directory.
struct directory_entry {
  std::string_view name;                ///< without the path; ends in zero; lives as long as the buffer
  std::uint64_t id = 0;                 ///< number of the file within its device
  file_kind kind = file_kind::unknown;  ///< what it is, where the file system keeps that beside the name
};

/// Names of a directory in a buffer: a range of `directory_entry`, without `.` and `..`, in no particular order.
class directory_entries {
 public:
  /// None, and no more to come.
  constexpr directory_entries() noexcept = default;
  /// \cond
  // In each entry: 8 bytes its number, 8 of no interest, 2 its own length, 1 its kind in the numbers of readdir(3), the name, a zero.
  explicit constexpr directory_entries(std::span<const std::byte> bytes) noexcept : bytes_{bytes} {}
  /// \endcond

  /// Whether the directory has no more. A part of it without any name that counts is not the end.
  [[nodiscard]] constexpr auto is_end() const noexcept -> bool { return bytes_.empty(); }

  /// Goes from one entry to the next.
  class iterator {
   public:
    using value_type = directory_entry;      ///< what it points to
    using difference_type = std::ptrdiff_t;  ///< of no use
    /// Past the last one.
    iterator() noexcept = default;
    /// \cond
    explicit iterator(std::span<const std::byte> rest) noexcept : rest_{rest} { skip(); }
    /// \endcond
    /// The entry here.
    [[nodiscard]] auto operator*() const noexcept -> directory_entry {
      return {.name = name(), .id = read<std::uint64_t>(0), .kind = kind_of(read<std::uint8_t>(kind_at))};
    }
    /// On to the next one.
    auto operator++() noexcept -> iterator& {
      advance();
      skip();
      return *this;
    }
    /// On to the next one.
    void operator++(int) noexcept { ++*this; }
    /// Whether both are at the same place.
    friend auto operator==(const iterator& a, const iterator& b) noexcept -> bool { return a.rest_.size() == b.rest_.size(); }

   private:
    static constexpr std::size_t length_at = 16;
    static constexpr std::size_t kind_at = 18;
    static constexpr std::size_t name_at = 19;

    template <class Number>
    [[nodiscard]] auto read(std::size_t at) const noexcept -> Number {
      Number number;
      std::memcpy(&number, rest_.data() + at, sizeof(number));
      return number;
    }
    [[nodiscard]] auto name() const noexcept -> std::string_view { return reinterpret_cast<const char*>(rest_.data() + name_at); }
    void advance() noexcept {
      const std::size_t length = read<std::uint16_t>(length_at);
      rest_ = length < rest_.size() ? rest_.subspan(length) : std::span<const std::byte>{};
    }
    void skip() noexcept {
      while (!rest_.empty() && (name() == "." || name() == "..")) advance();
    }
    static auto kind_of(std::uint8_t number) noexcept -> file_kind {
      switch (number) {
        case 1: return file_kind::pipe;
        case 2: return file_kind::character_device;
        case 4: return file_kind::directory;
        case 6: return file_kind::block_device;
        case 8: return file_kind::regular;
        case 10: return file_kind::symbolic_link;
        case 12: return file_kind::socket;
        default: return file_kind::unknown;
      }
    }

    std::span<const std::byte> rest_;
  };

  /// The first entry.
  [[nodiscard]] auto begin() const noexcept -> iterator { return iterator{bytes_}; }
  /// Past the last one of this part.
  [[nodiscard]] auto end() const noexcept -> iterator { return {}; }

 private:
  std::span<const std::byte> bytes_;
};

}  // namespace sluice::inline v0
