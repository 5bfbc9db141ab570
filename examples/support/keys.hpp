// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// What the bytes that a terminal sends mean: keys with their modifiers, text, pastes.

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <string>
#include <string_view>

namespace support {

/// A key, or what else a terminal says.
struct key {
  std::string name;
  std::size_t bytes = 0;  ///< so many stand for it; 0: there may come more, without which it cannot be told
};

namespace keys {

inline constexpr std::string_view paste_begin = "\x1b[200~";
inline constexpr std::string_view paste_end = "\x1b[201~";
inline constexpr std::size_t longest_sequence = 64;
inline constexpr std::size_t longest_paste = 64 * 1024;

inline auto unknown(std::string_view bytes) -> key { return {.name = "unknown sequence", .bytes = bytes.size()}; }

/// Modifiers as terminals count them: one more than their bits.
inline auto with_modifiers(unsigned number, std::string_view name) -> std::string {
  const unsigned bits = number == 0 ? 0 : number - 1;
  std::string out;
  if ((bits & 4U) != 0) out += "Ctrl+";
  if ((bits & 2U) != 0) out += "Alt+";
  if ((bits & 1U) != 0) out += "Shift+";
  if ((bits & 8U) != 0) out += "Super+";
  return out.append(name);
}

/// What a final letter stands for, after `ESC [` and `ESC O`.
inline auto letter(char last) -> std::string_view {
  switch (last) {
    case 'A': return "Up";
    case 'B': return "Down";
    case 'C': return "Right";
    case 'D': return "Left";
    case 'E': return "Begin";
    case 'F': return "End";
    case 'H': return "Home";
    case 'P': return "F1";
    case 'Q': return "F2";
    case 'R': return "F3";
    case 'S': return "F4";
    default: return {};
  }
}

/// What a number before `~` stands for.
inline auto numbered(unsigned number) -> std::string_view {
  static constexpr std::array<std::string_view, 35> names{
      "",   "Home", "Insert", "Delete", "End", "PageUp", "PageDown", "Home", "End", "", "",    "F1",  "F2", "F3",  "F4",  "F5",  "",   "F6",
      "F7", "F8",   "F9",     "F10",    "",    "F11",    "F12",      "F13",  "F14", "", "F15", "F16", "",   "F17", "F18", "F19", "F20"};
  return number < names.size() ? names[number] : std::string_view{};
}

/// One character, as UTF-8. Nothing consumed: it is not complete. What is no character is one byte.
inline auto character(std::string_view bytes, bool last) -> key {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const auto invalid = [&] {
    char text[16];
    std::snprintf(text, sizeof(text), "byte 0x%02x", at(0));
    return key{.name = text, .bytes = 1};
  };
  const unsigned first = at(0);
  const std::size_t length = first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : first >= 0xf0 && first < 0xf5 ? 4 : 0;
  if (length == 0) return invalid();
  std::uint32_t value = first & (0x7fU >> length);
  for (std::size_t i = 1; i < length; ++i) {
    if (i == bytes.size()) return last ? invalid() : key{};
    if ((at(i) & 0xc0U) != 0x80) return invalid();
    value = value << 6U | (at(i) & 0x3fU);
  }
  const bool is_too_long = value < (length == 2 ? 0x80U : length == 3 ? 0x800U : 0x10000U);
  if (is_too_long || value > 0x10ffff || (value >= 0xd800 && value < 0xe000)) return invalid();
  char code[16];
  std::snprintf(code, sizeof(code), " U+%04X", static_cast<unsigned>(value));
  // A control character of the second set must not reach the terminal.
  return {.name = value < 0xa0 ? code + 1 : std::string{bytes.substr(0, length)} + code, .bytes = length};
}

/// What is no sequence: control characters, ASCII, other text.
inline auto plain(std::string_view bytes, bool last) -> key {
  const auto one = static_cast<unsigned char>(bytes[0]);
  switch (one) {
    case 0x00: return {.name = "Ctrl+Space", .bytes = 1};
    case 0x09: return {.name = "Tab", .bytes = 1};
    case 0x0d: return {.name = "Enter", .bytes = 1};
    case 0x1b: return {.name = "Escape", .bytes = 1};
    case 0x20: return {.name = "Space", .bytes = 1};
    case 0x7f: return {.name = "Backspace", .bytes = 1};
    default: break;
  }
  if (one < 0x20) return {.name = std::string{"Ctrl+"} + static_cast<char>(one + 0x40), .bytes = 1};
  if (one < 0x80) return {.name = std::string(1, bytes[0]), .bytes = 1};
  return character(bytes, last);
}

/// `ESC [`, parameters, a final byte.
inline auto control_sequence(std::string_view bytes, bool last) -> key {
  // The console of Linux has its own F1 to F5.
  if (bytes.size() >= 4 && bytes[2] == '[') {
    if (bytes[3] >= 'A' && bytes[3] <= 'E') return {.name = std::string{"F"} + static_cast<char>(bytes[3] - 'A' + '1'), .bytes = 4};
    return unknown(bytes.substr(0, 4));
  }
  std::size_t end = 2;
  while (end < bytes.size() && bytes[end] >= 0x20 && bytes[end] < 0x40) ++end;
  if (end == bytes.size() || (end == 2 && bytes[end] == '[')) {
    if (end >= longest_sequence) return unknown(bytes);
    if (!last) return {};
    return bytes.size() == 2 ? key{.name = "Alt+[", .bytes = 2} : unknown(bytes);
  }
  const char final = bytes[end];
  const std::string_view whole = bytes.substr(0, end + 1);
  // What begins anew within a sequence ends it.
  if (final < 0x40 || final > 0x7e) return unknown(bytes.substr(0, end));

  std::array<unsigned, 2> numbers{};
  const std::string_view text = bytes.substr(2, end - 2);
  const char* at = text.data();
  const char* const stop = text.data() + text.size();
  for (auto& number : numbers) {
    at = std::from_chars(at, stop, number).ptr;
    if (at == stop || *at != ';') break;
    ++at;
  }
  if (at != stop) return unknown(whole);
  const auto named = [&](std::string_view name) -> key {
    return name.empty() ? unknown(whole) : key{.name = with_modifiers(numbers[1], name), .bytes = whole.size()};
  };
  switch (final) {
    case '~': return named(numbered(numbers[0]));
    case 'Z': return {.name = "Shift+Tab", .bytes = whole.size()};
    case 'I': return {.name = "focus gained", .bytes = whole.size()};
    case 'O': return {.name = "focus lost", .bytes = whole.size()};
    case 'u': {
      if (numbers[0] == 0 || numbers[0] >= 0x80) return unknown(whole);
      const char one = static_cast<char>(numbers[0]);
      return named(plain({&one, 1}, true).name);
    }
    default: return named(letter(final));
  }
}

/// `ESC O` and one byte: arrows and keypad in their application modes.
inline auto shifted(std::string_view bytes, bool last) -> key {
  if (bytes.size() == 2) return last ? key{.name = "Alt+O", .bytes = 2} : key{};
  const char one = bytes[2];
  if (const auto name = letter(one); !name.empty()) return {.name = std::string{name}, .bytes = 3};
  if (one == 'M') return {.name = "Keypad Enter", .bytes = 3};
  if (one >= 'j' && one <= 'y') return {.name = std::string{"Keypad "} + static_cast<char>(one - 'j' + '*'), .bytes = 3};
  return unknown(bytes.substr(0, 3));
}

}  // namespace keys

/// What the first of the bytes mean; there must be some. `last`: nothing follows soon, so what is there is all there is.
inline auto decode_key(std::string_view bytes, bool last) -> key {
  using namespace keys;
  if (bytes[0] != '\x1b') return plain(bytes, last);
  if (bytes.size() == 1) return last ? plain(bytes, last) : key{};
  if (bytes.starts_with(paste_begin)) {
    const auto end = bytes.find(paste_end, paste_begin.size());
    // Nobody pastes a part of it: the rest comes, however late.
    if (end != std::string_view::npos)
      return {.name = "paste of " + std::to_string(end - paste_begin.size()) + " bytes", .bytes = end + paste_end.size()};
    return bytes.size() > longest_paste ? key{.name = "paste that does not end", .bytes = bytes.size()} : key{};
  }
  if (bytes[1] == '[') return control_sequence(bytes, last);
  if (bytes[1] == 'O') return shifted(bytes, last);
  // Anything else behind it is typed with Alt; a second one may begin a sequence of its own.
  auto inner = decode_key(bytes.substr(1), last);
  if (inner.bytes == 0) return last ? key{.name = "Escape", .bytes = 1} : key{};
  if (inner.name.starts_with("paste") || inner.name.starts_with("unknown") || inner.name.starts_with("byte"))
    return {.name = "Escape", .bytes = 1};
  return {.name = "Alt+" + inner.name, .bytes = 1 + inner.bytes};
}

}  // namespace support
