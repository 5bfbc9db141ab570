// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// URLs of the scheme http, and the links of a page.

#include "number.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace support {

inline auto lower(char one) noexcept -> char { return one >= 'A' && one <= 'Z' ? static_cast<char>(one | 0x20) : one; }

inline auto same_letters(std::string_view left, std::string_view right) noexcept -> bool {
  if (left.size() != right.size()) return false;
  for (std::size_t i = 0; i != left.size(); ++i)
    if (lower(left[i]) != lower(right[i])) return false;
  return true;
}

/// A path without the segments that are dots. \src RFC 3986 section 5.2.4
inline auto without_dots(std::string_view path) -> std::string {
  std::vector<std::string_view> kept;
  bool folder = true;  // whether the last segment was none of its own
  for (path.remove_prefix(path.starts_with('/') ? 1 : 0);;) {
    const auto slash = path.find('/');
    const auto segment = path.substr(0, slash);
    folder = segment == "." || segment == "..";
    if (segment == ".." && !kept.empty()) kept.pop_back();
    if (!folder) kept.push_back(segment);
    if (slash == std::string_view::npos) break;
    path.remove_prefix(slash + 1);
  }
  std::string out;
  for (const auto segment : kept) out.append("/").append(segment);
  if (folder || out.empty()) out.push_back('/');
  return out;
}

/// Path and query as a request may hold them: what is no character of a URL is escaped, so that nobody slips a second line into a request.
inline auto escaped(std::string_view target) -> std::string {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (const char one : target) {
    const auto value = static_cast<unsigned char>(one);
    if (value > ' ' && value < 0x7f && one != '"' && one != '<' && one != '>') {
      out.push_back(one);
    } else {
      out.append({'%', digits[value >> 4], digits[value & 15]});
    }
  }
  return out;
}

/// A URL in parts.
struct http_url {
  std::string host;         ///< in small letters; an IPv6 address with its brackets
  std::uint16_t port = 80;  ///< 80 unless it is given
  std::string target{"/"};  ///< path and query, without dots in the path

  /// None for what is no URL of this scheme, or holds a user.
  static auto parse(std::string_view text) -> std::optional<http_url> {
    constexpr std::string_view scheme = "http://";
    if (!same_letters(text.substr(0, scheme.size()), scheme)) return std::nullopt;
    text.remove_prefix(scheme.size());
    text = text.substr(0, text.find('#'));
    const auto end = text.find_first_of("/?");
    auto host = text.substr(0, end);
    http_url made;
    if (const auto colon = host.rfind(':'); colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
      const auto port = number<std::uint16_t>(host.substr(colon + 1));
      if (port.value_or(0) == 0) return std::nullopt;
      made.port = *port;
      host = host.substr(0, colon);
    }
    if (host.empty() || host.find_first_of("@ ") != std::string_view::npos) return std::nullopt;
    for (const char one : host) made.host.push_back(lower(one));
    if (end != std::string_view::npos) made.target = tidy(text.substr(end));
    return made;
  }

  /// Where it is, without the target.
  [[nodiscard]] auto site() const -> std::string { return "http://" + host + (port == 80 ? std::string{} : ":" + std::to_string(port)); }

  /// The target of a link on this page, as it is written there. None if it leads to another site, or to a place on this page.
  /// \src RFC 3986 section 5.2.2
  [[nodiscard]] auto follow(std::string_view link) const -> std::optional<std::string> {
    link = link.substr(0, link.find('#'));
    constexpr std::string_view blank = " \t\r\n";
    while (!link.empty() && blank.find(link.front()) != std::string_view::npos) link.remove_prefix(1);
    while (!link.empty() && blank.find(link.back()) != std::string_view::npos) link.remove_suffix(1);
    if (link.empty()) return std::nullopt;
    const auto mark = link.find_first_of(":/?");
    const bool has_scheme = mark != std::string_view::npos && link[mark] == ':';
    if (has_scheme || link.starts_with("//")) {
      const auto other = parse(has_scheme ? std::string{link} : "http:" + std::string{link});
      if (!other || other->host != host || other->port != port) return std::nullopt;
      return other->target;
    }
    if (link.front() == '/') return tidy(link);
    const std::string_view path = std::string_view{target}.substr(0, target.find('?'));
    if (link.front() == '?') return tidy(std::string{path}.append(link));
    return tidy(std::string{path.substr(0, path.rfind('/') + 1)}.append(link));
  }

 private:
  static auto tidy(std::string_view text) -> std::string {
    const auto query = text.find('?');
    auto out = without_dots(text.substr(0, query));
    if (query != std::string_view::npos) out.append(text.substr(query));
    return escaped(out);
  }
};

/// Calls `take` with what stands in each href="..." of a page, `&amp;` resolved.
template <class Take>
void for_each_link(std::string_view page, Take&& take) {
  constexpr std::string_view name = "href";
  for (std::size_t at = 0; at + name.size() < page.size();) {
    at = page.find_first_of("hH", at);
    if (at == std::string_view::npos) return;
    const bool begins = at != 0 && (page[at - 1] == ' ' || page[at - 1] == '\n' || page[at - 1] == '\t' || page[at - 1] == '\r');
    if (!begins || !same_letters(page.substr(at, name.size()), name)) {
      ++at;
      continue;
    }
    at += name.size();
    if (!page.substr(at).starts_with("=\"") && !page.substr(at).starts_with("='")) continue;
    const auto end = page.find(page[at + 1], at + 2);
    if (end == std::string_view::npos) return;
    std::string link{page.substr(at + 2, end - at - 2)};
    for (auto escape = link.find("&amp;"); escape != std::string::npos; escape = link.find("&amp;", escape + 1)) link.erase(escape + 1, 4);
    take(std::string_view{link});
    at = end + 1;
  }
}

}  // namespace support
