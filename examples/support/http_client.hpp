// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Fetches pages of one HTTP server, over connections that are kept. The HTTP parser is Boost.Beast's.

#include <sluice/address.hpp>
#include <sluice/result.hpp>

// Boost 1.74 uses std::exchange without including it.
// clang-format off
#include <utility>
// clang-format on

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <cstddef>
#include <cstring>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

namespace support {

/// An answer.
struct http_page {
  unsigned status = 0;
  std::string type;      ///< its content type, as the server says it
  std::string location;  ///< where it has gone, if the server says so
  std::string body;
};

/// Several tasks may fetch at once; each takes a connection that nobody uses, or makes one.
template <class Coro>
class http_client {
 public:
  static constexpr std::size_t most_bytes = 64 * std::size_t{1024} * 1024;  ///< of a body

  /// `host` is what requests name.
  http_client(sluice::ip::endpoint where, std::string host) : where_{where}, host_{std::move(host)} {}

  /// Fetches a page.
  /// \errors those of a connection; `errc::end_of_stream` for one that is cut; `bad_message` for what is not HTTP; `file_too_large`
  auto get(std::string_view target) -> sluice::result<http_page> {
    while (!idle_.empty()) {
      auto peer = std::move(idle_.back());
      idle_.pop_back();
      bool answered = false;
      auto page = exchange(peer, target, answered);
      // The server may have closed one that nobody used: that is no word about the page.
      if (page || answered || page.error() == std::errc::operation_canceled) return page;
    }
    auto peer = stream::connect(where_);
    if (!peer) return std::unexpected{peer.error()};
    bool answered = false;
    return exchange(*peer, target, answered);
  }

 private:
  using stream = typename Coro::tcp_stream;
  using parser_type = boost::beast::http::response_parser<boost::beast::http::string_body>;

  auto exchange(stream& peer, std::string_view target, bool& answered) -> sluice::result<http_page> {
    const std::string request =
        "GET " + std::string{target} + " HTTP/1.1\r\nHost: " + host_ + "\r\nUser-Agent: sluice\r\nAccept: */*\r\n\r\n";
    if (const auto sent = peer.write_all(request); !sent) return std::unexpected{sent.error()};
    parser_type parser;
    parser.body_limit(most_bytes);
    parser.eager(true);
    std::vector<std::byte> input(16 * std::size_t{1024});
    std::size_t used = 0;
    while (!parser.is_done()) {
      const auto received = peer.read_some(std::span{input}.subspan(used));
      if (!received) return std::unexpected{received.error()};
      boost::beast::error_code error;
      if (*received == 0) {
        if (answered) parser.put_eof(error);  // which may be how the body ends
        if (error || !parser.is_done()) return sluice::failure(sluice::errc::end_of_stream);
        break;
      }
      answered = true;
      used += *received;
      const std::size_t consumed = parser.put(boost::asio::buffer(input.data(), used), error);
      if (error == boost::beast::http::error::body_limit) return fault(std::errc::file_too_large);
      if (error && error != boost::beast::http::error::need_more) return fault(std::errc::bad_message);
      std::memmove(input.data(), input.data() + consumed, used - consumed);
      used -= consumed;
      if (used == input.size()) return fault(std::errc::bad_message);  // no line is that long
    }
    auto& answer = parser.get();
    http_page page{.status = answer.result_int(),
                   .type = text_of(answer[boost::beast::http::field::content_type]),
                   .location = text_of(answer[boost::beast::http::field::location]),
                   .body = std::move(answer.body())};
    if (answer.keep_alive() && used == 0) idle_.push_back(std::move(peer));
    return page;
  }

  static auto fault(std::errc why) -> std::unexpected<std::error_code> { return std::unexpected{std::make_error_code(why)}; }
  static auto text_of(boost::beast::string_view text) -> std::string { return {text.data(), text.size()}; }

  sluice::ip::endpoint where_;
  std::string host_;
  std::vector<stream> idle_;
};

}  // namespace support
