// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// A number on a command line.

#include <charconv>
#include <chrono>
#include <optional>
#include <string_view>
#include <system_error>

namespace support {

/// The whole text as a number; none if it is something else, or too large.
template <class Number>
auto number(std::string_view text) -> std::optional<Number> {
  Number value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

/// Seconds, with a fraction or without; none if it is something else, negative, or longer than anybody waits.
inline auto seconds(std::string_view text) -> std::optional<std::chrono::nanoseconds> {
  const auto value = number<double>(text);
  if (!value || !(*value >= 0 && *value < 1e9)) return std::nullopt;
  return std::chrono::duration_cast<std::chrono::nanoseconds>(std::chrono::duration<double>{*value});
}

}  // namespace support
