// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Operations on pipes. Layer: op.

#include <sluice/bitmask.hpp>
#include <sluice/buffer.hpp>
#include <sluice/handle.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace sluice::inline v0 {

/// Both ends of a pipe, which the caller closes.
struct pipe_ends {
  file_handle read = {};   ///< gives what was written
  file_handle write = {};  ///< takes
};

/// How bytes are moved between descriptors. The values are Linux's own, so that nothing is translated there.
/// \src splice(2)
enum class splice_flags : std::uint32_t {
  none = 0,         ///< as usual
  move = 0x1,       ///< may move pages instead of copying them
  dont_wait = 0x2,  ///< does not wait for a pipe
  more = 0x4,       ///< more follows at once
};
/// Bits.
template <>
inline constexpr bool is_bitmask<splice_flags> = true;

namespace op {

/// Makes a pipe, close-on-exec unless asked otherwise. Never waits. Result: its ends.
/// \errors those of pipe2(2)  \os a plain call before Linux 6.16  \src pipe2(2)
struct pipe {
  bool inherit = false;                             ///< both ends stay open in a program that this one executes
  using result_type = pipe_ends;                    ///< both ends
  static constexpr std::string_view name = "pipe";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) { visit("inherit", &pipe::inherit); }
};

/// Moves bytes between two descriptors, of which at least one is a pipe, without passing them through the program. Result: bytes moved, 0
/// at the end of the source.
/// \units bytes  \errors those of splice(2), `invalid_argument` if neither is a pipe  \os Linux  \src splice(2)
struct splice {
  any_handle handle = {};                             ///< read
  std::uint64_t offset = current_position;            ///< where to read; only in what has positions
  any_handle to = {};                                 ///< written; not closed before this is done
  std::uint64_t to_offset = current_position;         ///< where to write; only in what has positions
  std::size_t length = 0;                             ///< at most so many
  splice_flags flags = splice_flags::none;            ///< how
  using result_type = std::size_t;                    ///< bytes
  static constexpr bool moves_bytes = true;           ///< fewer than `.length` break a soft link
  static constexpr std::string_view name = "splice";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("handle", &splice::handle);
    visit("offset", &splice::offset);
    visit("to", &splice::to);
    visit("to_offset", &splice::to_offset);
    visit("length", &splice::length);
    visit("flags", &splice::flags);
  }
};

/// Copies bytes from one pipe to another; they stay in the first one. Result: bytes copied, 0 at the end of the source.
/// \units bytes  \errors those of tee(2), `invalid_argument` unless both are pipes  \os Linux  \src tee(2)
struct tee {
  file_handle file = {};                           ///< a pipe, read
  file_handle to = {};                             ///< another pipe, written; not closed before this is done
  std::size_t length = 0;                          ///< at most so many
  splice_flags flags = splice_flags::none;         ///< how
  using result_type = std::size_t;                 ///< bytes
  static constexpr bool moves_bytes = true;        ///< fewer than `.length` break a soft link
  static constexpr std::string_view name = "tee";  ///< for reports
  /// Visits each field with its name.
  static constexpr void describe(auto&& visit) {
    visit("file", &tee::file);
    visit("to", &tee::to);
    visit("length", &tee::length);
    visit("flags", &tee::flags);
  }
};

}  // namespace op
}  // namespace sluice::inline v0
