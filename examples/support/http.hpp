// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// The parts of an HTTP server that have nothing to do with I/O: heads of requests and answers, paths, ranges, content types.

// Boost 1.74 uses std::exchange without including it.
// clang-format off
#include <utility>
// clang-format on

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/status.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>

namespace support {

namespace http = boost::beast::http;

/// The head of one request, fed from a buffer. It asks for nothing but bytes, so it does not matter where they come from.
class request_head {
 public:
  request_head() { parser_.header_limit(8 * 1024); }

  struct step {
    std::size_t consumed;  ///< bytes that are done with; the others must be given again, with more behind them
    unsigned status;       ///< 0, or the status that says what is wrong
  };

  /// Takes what has been received so far.
  auto put(std::span<const std::byte> bytes) -> step {
    boost::beast::error_code error;
    const std::size_t consumed = parser_.put(boost::asio::buffer(bytes.data(), bytes.size()), error);
    if (error == http::error::need_more) return {consumed, 0};
    if (error == http::error::header_limit) return {consumed, 431};
    if (error == http::error::bad_version) return {consumed, 505};
    if (error) return {consumed, 400};
    // A request of HTTP/1.1 without a host, or with two, is none.
    if (complete() && parser_.get().version() >= 11 && parser_.get().count(http::field::host) != 1) return {consumed, 400};
    return {consumed, 0};
  }
  [[nodiscard]] auto complete() const -> bool { return parser_.is_header_done(); }

  [[nodiscard]] auto is_get() const -> bool { return parser_.get().method() == http::verb::get; }
  [[nodiscard]] auto is_head() const -> bool { return parser_.get().method() == http::verb::head; }
  [[nodiscard]] auto has_body() const -> bool { return parser_.chunked() || parser_.content_length().value_or(0) != 0; }
  [[nodiscard]] auto keep_alive() const -> bool { return parser_.get().keep_alive(); }
  [[nodiscard]] auto target() const -> std::string_view { return view(parser_.get().target()); }
  /// The range asked for; empty for all. Without validators an If-Range cannot hold, and then all is sent.
  [[nodiscard]] auto range() const -> std::string_view {
    if (!is_get() || parser_.get().count(http::field::if_range) != 0) return {};
    return view(parser_.get()[http::field::range]);
  }

 private:
  static auto view(boost::beast::string_view text) -> std::string_view { return {text.data(), text.size()}; }

  http::request_parser<http::empty_body> parser_;
};

/// The path below the root that a target names: decoded, relative, `index.html` where it ends in a slash. None for a target that is
/// malformed.
///
/// Dots are left alone: that a path stays below the root is the kernel's to say, which sees symbolic links, too.
inline auto local_path(std::string_view target) -> std::optional<std::string> {
  if (target.starts_with("http://")) {
    const auto slash = target.find('/', 7);
    target = slash == std::string_view::npos ? "/" : target.substr(slash);
  }
  target = target.substr(0, target.find_first_of("?#"));
  if (!target.starts_with('/')) return std::nullopt;
  const auto digit = [](char one) -> int {
    if (one >= '0' && one <= '9') return one - '0';
    const char lower = static_cast<char>(one | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
  };
  std::string path;
  for (std::size_t i = 0; i < target.size(); ++i) {
    char one = target[i];
    if (one == '%') {
      if (target.size() - i < 3 || digit(target[i + 1]) < 0 || digit(target[i + 2]) < 0) return std::nullopt;
      one = static_cast<char>(digit(target[i + 1]) * 16 + digit(target[i + 2]));
      i += 2;
    }
    if (one == '\0') return std::nullopt;
    if (one != '/' || !path.empty()) path.push_back(one);  // a leading slash would make it absolute
  }
  if (path.empty() || path.ends_with('/')) path.append("index.html");
  return path;
}

/// Which bytes of a file are sent.
struct byte_range {
  std::uint64_t first = 0;
  std::uint64_t length = 0;
  bool partial = false;        ///< a part, by request
  bool unsatisfiable = false;  ///< the request is for bytes that the file does not have
};

/// What a Range field asks for. One that is malformed, has several ranges or another unit counts as absent, as RFC 9110 wants it.
inline auto range_of(std::string_view field, std::uint64_t size) -> byte_range {
  const byte_range all{.first = 0, .length = size};
  constexpr std::string_view unit = "bytes=";
  if (!field.starts_with(unit)) return all;
  const std::string_view text = field.substr(unit.size());
  const auto dash = text.find('-');
  if (dash == std::string_view::npos) return all;
  const auto number = [](std::string_view digits, std::uint64_t& value) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    if (error == std::errc::result_out_of_range) value = ~std::uint64_t{0};
    return error != std::errc::invalid_argument && end == digits.data() + digits.size();
  };
  std::uint64_t first = 0;
  std::uint64_t last = ~std::uint64_t{0};
  if (dash == 0) {
    std::uint64_t suffix = 0;
    if (!number(text.substr(1), suffix)) return all;
    if (suffix == 0) return {.unsatisfiable = true};
    if (size == 0) return all;
    first = suffix < size ? size - suffix : 0;
  } else {
    if (!number(text.substr(0, dash), first)) return all;
    if (dash + 1 != text.size() && !number(text.substr(dash + 1), last)) return all;
    if (last < first) return all;
    if (first >= size) return {.unsatisfiable = true};
  }
  last = std::min(last, size - 1);
  return {.first = first, .length = last - first + 1, .partial = true};
}

inline auto reason_of(unsigned status) -> std::string_view {
  const auto text = http::obsolete_reason(static_cast<http::status>(status));
  return {text.data(), text.size()};
}

/// The status for a file that could not be opened.
inline auto status_of(std::error_code error) -> unsigned {
  if (error == std::errc::permission_denied) return 403;
  if (error == std::errc::filename_too_long) return 414;
  if (error == std::errc::too_many_files_open || error == std::errc::too_many_files_open_in_system ||
      error == std::errc::not_enough_memory || error == std::errc::resource_unavailable_try_again)
    return 503;
  return 404;  // also for what lies outside the root: that it exists is nobody's business
}

inline auto content_type(std::string_view path) -> std::string_view {
  struct row {
    std::string_view suffix;
    std::string_view type;
  };
  static constexpr std::array table{
      row{".html", "text/html; charset=utf-8"},
      row{".htm", "text/html; charset=utf-8"},
      row{".css", "text/css; charset=utf-8"},
      row{".js", "text/javascript; charset=utf-8"},
      row{".mjs", "text/javascript; charset=utf-8"},
      row{".json", "application/json"},
      row{".txt", "text/plain; charset=utf-8"},
      row{".md", "text/markdown; charset=utf-8"},
      row{".xml", "application/xml"},
      row{".svg", "image/svg+xml"},
      row{".png", "image/png"},
      row{".jpg", "image/jpeg"},
      row{".jpeg", "image/jpeg"},
      row{".gif", "image/gif"},
      row{".webp", "image/webp"},
      row{".ico", "image/vnd.microsoft.icon"},
      row{".woff2", "font/woff2"},
      row{".wasm", "application/wasm"},
      row{".pdf", "application/pdf"},
      row{".gz", "application/gzip"},
      row{".zip", "application/zip"},
      row{".mp4", "video/mp4"},
      row{".webm", "video/webm"},
      row{".mp3", "audio/mpeg"},
  };
  const auto dot = path.rfind('.');
  const auto slash = path.rfind('/');
  if (dot == std::string_view::npos || (slash != std::string_view::npos && dot < slash)) return "application/octet-stream";
  std::string suffix{path.substr(dot)};
  for (char& one : suffix)
    if (one >= 'A' && one <= 'Z') one = static_cast<char>(one | 0x20);
  const auto found = std::ranges::find(table, std::string_view{suffix}, &row::suffix);
  return found == table.end() ? "application/octet-stream" : found->type;
}

/// The present time as HTTP writes it; made anew once a second.
inline auto date() -> std::string_view {
  static thread_local std::time_t made = 0;
  static thread_local std::array<char, 32> text{};
  static thread_local std::size_t length = 0;
  if (const std::time_t now = std::time(nullptr); now != made) {
    std::tm parts{};
    ::gmtime_r(&now, &parts);
    length = std::strftime(text.data(), text.size(), "%a, %d %b %Y %H:%M:%S GMT", &parts);
    made = now;
  }
  return {text.data(), length};
}

/// The fields that every answer has. Further ones follow, then an empty line.
inline void begin(std::string& text, unsigned status, bool keep, std::uint64_t length) {
  text.append("HTTP/1.1 ").append(std::to_string(status)).append(" ").append(reason_of(status));
  text.append("\r\nDate: ").append(date()).append("\r\nServer: sluice\r\nContent-Length: ").append(std::to_string(length));
  text.append(keep ? "\r\nConnection: keep-alive\r\n" : "\r\nConnection: close\r\n");
}

inline void append_content_range(std::string& text, const byte_range& range, std::uint64_t size) {
  text.append("Content-Range: bytes ")
      .append(std::to_string(range.first))
      .append("-")
      .append(std::to_string(range.first + range.length - 1));
  text.append("/").append(std::to_string(size)).append("\r\n");
}

}  // namespace support
