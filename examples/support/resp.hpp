// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The protocol that clients of Redis speak, RESP 2: commands in, replies out.
/// \src https://redis.io/docs/latest/develop/reference/protocol-spec/

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace support::resp {

/// What the front of an input is.
enum class found : std::uint8_t {
  command,   ///< a whole command
  nothing,   ///< an empty line, to be passed over
  a_part,    ///< of a command; more is to come
  nonsense,  ///< what no client sends; where it ends is not known
};

/// The most words of a command, and bytes of one word.
inline constexpr std::int64_t most_words = 1024 * 1024;
inline constexpr std::int64_t most_bytes = 64 * 1024 * 1024;  ///< see `most_words`

/// Takes one command after the other from the front of an input that grows behind.
class reader {
 public:
  /// Looks at an input. The words of a command are views of it.
  auto look(std::string_view input) -> found {
    words_.clear();
    at_ = 0;
    if (input.empty()) return found::a_part;
    return input.front() == '*' ? look_at_array(input) : look_at_line(input);
  }
  /// The words of the command: its name is the first.
  [[nodiscard]] auto words() const noexcept -> const std::vector<std::string_view>& { return words_; }
  /// How many bytes of the input it takes.
  [[nodiscard]] auto consumed() const noexcept -> std::size_t { return at_; }

 private:
  auto look_at_array(std::string_view input) -> found {
    std::int64_t count = 0;
    if (const auto head = number(input, '*', count); head != found::command) return head;
    if (count > most_words) return found::nonsense;
    if (count <= 0) return found::nothing;
    for (; count != 0; --count) {
      std::int64_t length = 0;
      if (const auto head = number(input, '$', length); head != found::command) return head;
      if (length < 0 || length > most_bytes) return found::nonsense;
      const auto bytes = static_cast<std::size_t>(length);
      if (input.size() - at_ < bytes + 2) return found::a_part;
      words_.push_back(input.substr(at_, bytes));
      at_ += bytes;
      if (input[at_] != '\r' || input[at_ + 1] != '\n') return found::nonsense;
      at_ += 2;
    }
    return found::command;
  }

  // A mark, a number and the end of the line.
  auto number(std::string_view input, char mark, std::int64_t& value) -> found {
    if (at_ == input.size()) return found::a_part;
    if (input[at_] != mark) return found::nonsense;
    const char* const first = input.data() + at_ + 1;
    const char* const last = input.data() + input.size();
    const auto [end, error] = std::from_chars(first, last, value);
    // What is cut off within the number or right behind it may still become one.
    if (last - end < 2) return end == last || *end == '\r' ? short_head(first, last) : found::nonsense;
    if (error != std::errc{} || end[0] != '\r' || end[1] != '\n') return found::nonsense;
    at_ = static_cast<std::size_t>(end + 2 - input.data());
    return found::command;
  }
  static auto short_head(const char* first, const char* last) -> found { return last - first < 32 ? found::a_part : found::nonsense; }

  // What a person types: words with blanks between.
  auto look_at_line(std::string_view input) -> found {
    const auto end = input.find('\n');
    if (end == std::string_view::npos) return input.size() > 64 * std::size_t{1024} ? found::nonsense : found::a_part;
    at_ = end + 1;
    auto line = input.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    for (;;) {
      const auto begin = line.find_first_not_of(" \t");
      if (begin == std::string_view::npos) break;
      line.remove_prefix(begin);
      const auto length = line.find_first_of(" \t");
      words_.push_back(line.substr(0, length));
      line.remove_prefix(words_.back().size());
    }
    return words_.empty() ? found::nothing : found::command;
  }

  std::vector<std::string_view> words_;
  std::size_t at_ = 0;
};

/// Replies, one behind the other.
class writer {
 public:
  /// A short word such as OK.
  void word(std::string_view text) { out_.append("+").append(text).append("\r\n"); }
  /// Why a command was not done.
  void error(std::string_view text) { out_.append("-").append(text).append("\r\n"); }
  /// A number.
  void number(std::int64_t value) { line(':', value); }
  /// Bytes of any kind.
  void bytes(std::string_view text) {
    line('$', static_cast<std::int64_t>(text.size()));
    out_.append(text).append("\r\n");
  }
  /// There is none.
  void none() { out_.append("$-1\r\n"); }
  /// So many replies follow that belong together.
  void array(std::size_t count) { line('*', static_cast<std::int64_t>(count)); }

  /// All of them.
  [[nodiscard]] auto text() const noexcept -> std::string_view { return out_; }
  /// Forgets them.
  void clear() noexcept { out_.clear(); }

 private:
  void line(char mark, std::int64_t value) {
    char digits[24];
    const auto end = std::to_chars(digits, digits + sizeof(digits), value).ptr;
    out_.push_back(mark);
    out_.append(digits, static_cast<std::size_t>(end - digits)).append("\r\n");
  }

  std::string out_;
};

}  // namespace support::resp
