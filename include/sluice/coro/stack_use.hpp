// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// How much of their stacks tasks use, by the place where they were spawned. Layer: coro.

#include <sluice/coro/frame.hpp>

#include <array>
#include <cinttypes>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string_view>

namespace sluice::inline v0::coro {

/// \cond
// A stack policy that wants to be asked at the end of each task.
template <class Stack>
inline constexpr bool measures_ended = false;
template <class Stack>
  requires requires { Stack::measures_ended; }
inline constexpr bool measures_ended<Stack> = Stack::measures_ended;

// A row for each place. What comes from more places than a program has in practice shares the last row.
class stack_table {
 public:
  template <class Config>
  [[gnu::noinline, gnu::cold]] void note(const frame<Config>& task, std::size_t used) noexcept {
    const std::string_view file = task.has_place ? task.where.file_name() : std::string_view{};
    const auto line = task.has_place ? static_cast<std::uint32_t>(task.where.line()) : 0U;
    std::size_t at = 0;
    while (at != count_ && (rows_[at].line != line || rows_[at].file != file)) ++at;
    if (at == count_) {
      if (count_ == rows_.size())
        rows_[--at] = {.file = "other places", .line = 0, .tasks = rows_[at].tasks, .used = rows_[at].used, .bytes = rows_[at].bytes};
      else
        rows_[count_++] = {.file = file, .line = line, .tasks = 0, .used = 0, .bytes = 0};
    }
    auto& row = rows_[at];
    ++row.tasks;
    if (used < row.used) return;
    row.used = used;
    row.bytes = task.stack.bytes;
  }

  [[gnu::noinline, gnu::cold]] void print(std::FILE* out, const char* headline) const noexcept {
    if (count_ == 0) return;
    std::fprintf(out, "sluice: stacks of %s\n", headline);
    for (std::size_t i = 0; i != count_; ++i) {
      const auto& row = rows_[i];
      std::fprintf(out, "  %" PRIu64 " spawned at ", row.tasks);
      if (row.file.empty())
        std::fputs("a place unknown, without spawn_options", out);
      else
        std::fprintf(out, "%.*s", static_cast<int>(row.file.size()), row.file.data());
      if (row.line != 0) std::fprintf(out, ":%" PRIu32, row.line);
      std::fprintf(out, " use at most %zu of %zu bytes\n", row.used, row.bytes);
    }
  }

 private:
  struct row_type {
    std::string_view file;
    std::uint32_t line = 0;
    std::uint64_t tasks = 0;
    std::size_t used = 0;   // most of any
    std::size_t bytes = 0;  // that one's stack
  };

  std::array<row_type, 256> rows_{};
  std::size_t count_ = 0;
};

struct no_stack_table {};
/// \endcond

}  // namespace sluice::inline v0::coro
