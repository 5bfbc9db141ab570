// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Values by key, some of which end by themselves, and the commands on them.

#include "number.hpp"
#include "resp.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <optional>
#include <queue>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

namespace support {

/// Keeps values in memory. It knows no clock: each call is told what time it is, in milliseconds.
class key_store {
 public:
  using milliseconds = std::int64_t;                                               ///< a time, or a span of it
  static constexpr milliseconds never = std::numeric_limits<std::int64_t>::max();  ///< when a value ends that stays

  /// The value of a key that has not ended.
  auto find(std::string_view key, milliseconds now) -> std::string* {
    const auto place = values_.find(key);
    if (place == values_.end()) return nullptr;
    if (place->second.ends > now) return &place->second.text;
    values_.erase(place);
    return nullptr;
  }
  /// Sets a value, which ends at a time.
  void set(std::string_view key, std::string_view text, milliseconds ends) {
    auto place = values_.find(key);
    if (place == values_.end()) place = values_.emplace(std::string{key}, value{}).first;
    place->second.text.assign(text);
    end_at(place, ends);
  }
  /// Whether there was one.
  auto erase(std::string_view key, milliseconds now) -> bool {
    if (find(key, now) == nullptr) return false;
    values_.erase(values_.find(key));
    return true;
  }
  /// When a value ends; none if there is no such value.
  auto end_of(std::string_view key, milliseconds now) -> std::optional<milliseconds> {
    if (find(key, now) == nullptr) return std::nullopt;
    return values_.find(key)->second.ends;
  }
  /// Has a value end at a time. Whether there is such a value.
  auto end_at(std::string_view key, milliseconds ends, milliseconds now) -> bool {
    if (find(key, now) == nullptr) return false;
    end_at(values_.find(key), ends);
    return true;
  }
  /// Drops what has ended, so that what nobody asks for takes no room.
  void sweep(milliseconds now) {
    while (!ends_.empty() && ends_.top().first <= now) {
      const auto place = values_.find(ends_.top().second);
      if (place != values_.end() && place->second.ends <= now) values_.erase(place);
      ends_.pop();
    }
  }
  /// How many there are.
  [[nodiscard]] auto size() const noexcept -> std::size_t { return values_.size(); }
  /// Drops all.
  void clear() noexcept {
    values_.clear();
    ends_ = {};
  }

 private:
  struct value {
    std::string text;
    milliseconds ends = never;
  };
  struct hash : std::hash<std::string_view> {
    using is_transparent = void;
  };
  using table = std::unordered_map<std::string, value, hash, std::equal_to<>>;
  using end = std::pair<milliseconds, std::string>;

  void end_at(table::iterator place, milliseconds ends) {
    place->second.ends = ends;
    if (ends == never) return;
    ends_.emplace(ends, place->first);
    if (ends_.size() > 2 * values_.size() + 1000) forget_old_ends();
  }
  // One that is put off leaves the old end behind: of a value that is put off for ever there would be more and more.
  void forget_old_ends() {
    std::vector<end> valid;
    valid.reserve(values_.size());
    for (const auto& [key, one] : values_)
      if (one.ends != never) valid.emplace_back(one.ends, key);
    ends_ = decltype(ends_){std::greater<>{}, std::move(valid)};
  }

  table values_;
  std::priority_queue<end, std::vector<end>, std::greater<>> ends_;
};

/// Does the commands of clients. One of them serves all connections of a thread.
class key_server {
 public:
  /// Does one command and writes its reply. Whether the client wants to go on.
  auto serve(const std::vector<std::string_view>& words, key_store::milliseconds now, resp::writer& out) -> bool {
    std::array<char, 16> name{};
    const auto word = words.front();
    for (std::size_t i = 0; i < word.size() && i < name.size(); ++i)
      name[i] = static_cast<char>(word[i] >= 'a' && word[i] <= 'z' ? word[i] - 'a' + 'A' : word[i]);
    const std::string_view upper{name.data(), word.size() < name.size() ? word.size() : 0};
    for (const auto& one : commands) {
      if (one.name != upper) continue;
      if (words.size() < one.least || words.size() > one.most) {
        out.error("ERR wrong number of arguments for '" + lower(upper) + "' command");
        return true;
      }
      now_ = now;
      return (this->*one.call)(words, out);
    }
    out.error("ERR unknown command '" + printable(word) + "'");
    return true;
  }
  /// What it keeps.
  [[nodiscard]] auto store() noexcept -> key_store& { return store_; }

 private:
  using words_type = std::vector<std::string_view>;
  struct command {
    std::string_view name;
    std::size_t least;
    std::size_t most;
    bool (key_server::*call)(const words_type&, resp::writer&);
  };
  static const std::array<command, 24> commands;

  auto get(const words_type& words, resp::writer& out) -> bool {
    if (const auto* const text = store_.find(words[1], now_))
      out.bytes(*text);
    else
      out.none();
    return true;
  }
  auto set(const words_type& words, resp::writer& out) -> bool {
    auto ends = key_store::never;
    std::string timed_by;  // the option that says when it ends; there may not be two that disagree
    const auto times = [&](std::string_view option) { return timed_by.empty() || timed_by == option; };
    enum class condition : std::uint8_t { none, if_absent, if_present } when = condition::none;
    for (std::size_t i = 3; i < words.size(); ++i) {
      const auto option = lower(words[i]);
      if (option == "nx" && when != condition::if_present)
        when = condition::if_absent;
      else if (option == "xx" && when != condition::if_absent)
        when = condition::if_present;
      else if (option == "keepttl" && times(option)) {
        timed_by = option;
        ends = store_.end_of(words[1], now_).value_or(key_store::never);
      } else if ((option == "ex" || option == "px") && times(option) && i + 1 < words.size()) {
        timed_by = option;
        const auto span = integer(words[++i]);
        if (!span) return refuse(out, "ERR value is not an integer or out of range");
        const auto at = later(*span, option == "ex" ? 1000 : 1);
        if (*span <= 0 || !at) return refuse(out, "ERR invalid expire time in 'set' command");
        ends = *at;
      } else {
        return refuse(out, "ERR syntax error");
      }
    }
    if (when != condition::none && (store_.find(words[1], now_) != nullptr) == (when == condition::if_absent)) {
      out.none();
      return true;
    }
    store_.set(words[1], words[2], ends);
    out.word("OK");
    return true;
  }
  auto erase(const words_type& words, resp::writer& out) -> bool {
    std::int64_t count = 0;
    for (std::size_t i = 1; i < words.size(); ++i) count += store_.erase(words[i], now_) ? 1 : 0;
    out.number(count);
    return true;
  }
  auto exists(const words_type& words, resp::writer& out) -> bool {
    std::int64_t count = 0;
    for (std::size_t i = 1; i < words.size(); ++i) count += store_.find(words[i], now_) != nullptr ? 1 : 0;
    out.number(count);
    return true;
  }
  auto get_many(const words_type& words, resp::writer& out) -> bool {
    out.array(words.size() - 1);
    for (std::size_t i = 1; i < words.size(); ++i) get({words[0], words[i]}, out);
    return true;
  }
  auto set_many(const words_type& words, resp::writer& out) -> bool {
    if (words.size() % 2 == 0) return refuse(out, "ERR wrong number of arguments for 'mset' command");
    for (std::size_t i = 1; i < words.size(); i += 2) store_.set(words[i], words[i + 1], key_store::never);
    out.word("OK");
    return true;
  }

  auto add(std::string_view key, std::int64_t by, resp::writer& out) -> bool {
    auto* const text = store_.find(key, now_);
    std::int64_t sum = 0;
    if (text != nullptr) {
      const auto value = integer(*text);
      if (!value) return refuse(out, "ERR value is not an integer or out of range");
      sum = *value;
    }
    if (__builtin_add_overflow(sum, by, &sum)) return refuse(out, "ERR increment or decrement would overflow");
    if (text != nullptr)
      text->assign(std::to_string(sum));
    else
      store_.set(key, std::to_string(sum), key_store::never);
    out.number(sum);
    return true;
  }
  auto increment(const words_type& words, resp::writer& out) -> bool { return add(words[1], 1, out); }
  auto decrement(const words_type& words, resp::writer& out) -> bool { return add(words[1], -1, out); }
  auto increment_by(const words_type& words, resp::writer& out) -> bool {
    const auto by = integer(words[2]);
    return by ? add(words[1], *by, out) : refuse(out, "ERR value is not an integer or out of range");
  }
  auto decrement_by(const words_type& words, resp::writer& out) -> bool {
    const auto by = integer(words[2]);
    if (!by) return refuse(out, "ERR value is not an integer or out of range");
    if (*by == std::numeric_limits<std::int64_t>::min()) return refuse(out, "ERR decrement would overflow");
    return add(words[1], -*by, out);
  }

  auto expire_in(const words_type& words, resp::writer& out, std::int64_t unit) -> bool {
    const auto span = integer(words[2]);
    if (!span) return refuse(out, "ERR value is not an integer or out of range");
    const auto at = later(*span, unit);
    if (!at) return refuse(out, "ERR invalid expire time in '" + lower(words[0]) + "' command");
    // One that has ended already is gone at once.
    const bool there = *at > now_ ? store_.end_at(words[1], *at, now_) : store_.erase(words[1], now_);
    out.number(there ? 1 : 0);
    return true;
  }
  auto expire(const words_type& words, resp::writer& out) -> bool { return expire_in(words, out, 1000); }
  auto expire_precisely(const words_type& words, resp::writer& out) -> bool { return expire_in(words, out, 1); }
  auto persist(const words_type& words, resp::writer& out) -> bool {
    const auto end = store_.end_of(words[1], now_);
    const bool ends = end && *end != key_store::never;
    if (ends) (void)store_.end_at(words[1], key_store::never, now_);
    out.number(ends ? 1 : 0);
    return true;
  }
  auto time_left(const words_type& words, resp::writer& out, std::int64_t unit) -> bool {
    const auto end = store_.end_of(words[1], now_);
    if (!end)
      out.number(-2);
    else if (*end == key_store::never)
      out.number(-1);
    else
      out.number((*end - now_ + unit / 2) / unit);
    return true;
  }
  auto ttl(const words_type& words, resp::writer& out) -> bool { return time_left(words, out, 1000); }
  auto ttl_precisely(const words_type& words, resp::writer& out) -> bool { return time_left(words, out, 1); }

  auto ping(const words_type& words, resp::writer& out) -> bool {
    if (words.size() == 1)
      out.word("PONG");
    else
      out.bytes(words[1]);
    return true;
  }
  auto echo(const words_type& words, resp::writer& out) -> bool {
    out.bytes(words[1]);
    return true;
  }
  auto size(const words_type&, resp::writer& out) -> bool {
    out.number(static_cast<std::int64_t>(store_.size()));
    return true;
  }
  auto flush(const words_type&, resp::writer& out) -> bool {
    store_.clear();
    out.word("OK");
    return true;
  }
  auto select(const words_type& words, resp::writer& out) -> bool {
    if (words[1] != "0") return refuse(out, "ERR DB index is out of range");
    out.word("OK");
    return true;
  }
  // Tools ask what is written to a disk: nothing is.
  auto config(const words_type& words, resp::writer& out) -> bool {
    if (lower(words[1]) != "get") return refuse(out, "ERR nothing can be configured");
    out.array(2);
    out.bytes(words[2]);
    out.bytes("");
    return true;
  }
  auto describe(const words_type&, resp::writer& out) -> bool {
    out.array(0);
    return true;
  }
  auto quit(const words_type&, resp::writer& out) -> bool {
    out.word("OK");
    return false;
  }

  static auto refuse(resp::writer& out, std::string_view why) -> bool {
    out.error(why);
    return true;
  }
  // A number as Redis writes one, and in no other way: no zero before it, and none that is negative.
  static auto integer(std::string_view text) -> std::optional<std::int64_t> {
    const auto digits = text.substr(text.starts_with('-') ? 1 : 0);
    if (digits.starts_with('0') && text != "0") return std::nullopt;
    return number<std::int64_t>(text);
  }
  // The time after so many units from now; none if there is no such time.
  [[nodiscard]] auto later(std::int64_t span, std::int64_t unit) const -> std::optional<key_store::milliseconds> {
    std::int64_t at = 0;
    if (__builtin_mul_overflow(span, unit, &at) || __builtin_add_overflow(at, now_, &at) || at == key_store::never) return std::nullopt;
    return at;
  }
  static auto lower(std::string_view text) -> std::string {
    std::string made{text};
    for (char& one : made)
      if (one >= 'A' && one <= 'Z') one = static_cast<char>(one - 'A' + 'a');
    return made;
  }
  // An error is one line, whatever the client sent.
  static auto printable(std::string_view text) -> std::string {
    std::string made{text.substr(0, 128)};
    for (char& one : made)
      if (one < ' ') one = ' ';
    return made;
  }

  key_store store_;
  key_store::milliseconds now_ = 0;
};

inline constexpr std::size_t any_number_of_words = ~std::size_t{0};
inline const std::array<key_server::command, 24> key_server::commands{{
    {"GET", 2, 2, &key_server::get},
    {"SET", 3, any_number_of_words, &key_server::set},
    {"INCR", 2, 2, &key_server::increment},
    {"DECR", 2, 2, &key_server::decrement},
    {"INCRBY", 3, 3, &key_server::increment_by},
    {"DECRBY", 3, 3, &key_server::decrement_by},
    {"EXPIRE", 3, 3, &key_server::expire},
    {"PEXPIRE", 3, 3, &key_server::expire_precisely},
    {"TTL", 2, 2, &key_server::ttl},
    {"PTTL", 2, 2, &key_server::ttl_precisely},
    {"PERSIST", 2, 2, &key_server::persist},
    {"DEL", 2, any_number_of_words, &key_server::erase},
    {"UNLINK", 2, any_number_of_words, &key_server::erase},
    {"EXISTS", 2, any_number_of_words, &key_server::exists},
    {"MGET", 2, any_number_of_words, &key_server::get_many},
    {"MSET", 3, any_number_of_words, &key_server::set_many},
    {"PING", 1, 2, &key_server::ping},
    {"ECHO", 2, 2, &key_server::echo},
    {"DBSIZE", 1, 1, &key_server::size},
    {"FLUSHALL", 1, 2, &key_server::flush},
    {"SELECT", 2, 2, &key_server::select},
    {"CONFIG", 3, any_number_of_words, &key_server::config},
    {"COMMAND", 1, any_number_of_words, &key_server::describe},
    {"QUIT", 1, 1, &key_server::quit},
}};

}  // namespace support
