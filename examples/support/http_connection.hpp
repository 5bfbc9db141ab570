// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// One connection of a server for static files: HTTP/1.0 and 1.1, with keep-alive, pipelining and single byte ranges. The HTTP parser is
/// Boost.Beast's.
///
/// What it serves: regular files below a folder. The kernel resolves each path beneath it (openat2 with RESOLVE_BENEATH), so a `..`, an
/// absolute symbolic link or one that leads out of the folder finds nothing, however it is spelled or raced. Symbolic links that stay below
/// it are followed.

#include "http.hpp"
#include "owned.hpp"
#include <sluice/sluice.hpp>

#include <liburing.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <linux/openat2.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

namespace support {

namespace op = sluice::op;

/// An operation that sluice does not have: its description, its result, and a function that fills a submission entry. That is all it takes;
/// it can be awaited, batched, linked and bounded like the others.
struct open_beneath {
  sluice::directory_handle root;
  const char* path;       // relative; must live until done
  const ::open_how* how;  // so must this
  using result_type = sluice::file_handle;
  static constexpr std::string_view name = "open_beneath";
  static constexpr void describe(auto&& visit) { visit("path", &open_beneath::path); }
};
inline void prepare(::io_uring_sqe& entry, const open_beneath& one) {
  // liburing takes a pointer to mutable, and changes nothing.
  ::io_uring_prep_openat2(&entry, one.root.native(), one.path, const_cast<::open_how*>(one.how));
}

/// What is served, and for how long.
struct site {
  sluice::directory_handle root;
  std::chrono::seconds idle{30};    // for the next request to begin, and for its head to be complete
  std::chrono::seconds limit{300};  // for an answer to be taken
  bool ending = false;              // no further request is taken on a connection
};

/// One connection: what was received and not yet parsed, and room for what is sent.
template <class Coro>
class http_connection {
 public:
  http_connection(const site& from, sluice::socket_handle peer) noexcept : site_{from}, peer_{peer} {}

  /// Serves requests until one of both sides has enough.
  void serve() {
    for (bool more = true; more;) {
      // The idle wait: outside the shield, so that it ends when the server does. Pipelined requests are here already.
      if (used_ == 0 && !receive(site_.idle)) {
        // The last answer may still be on its way.
        if (untaken() == 0) return;
        break;
      }
      const auto answered = Coro::shield([&] { return Coro::with_timeout(site_.limit, [&] { return exchange(); }); });
      if (!answered) return;
      more = *answered;
    }
    Coro::shield([&] { part(); });
  }

 private:
  static constexpr auto whole = sluice::send_flags::wait_all;

  // The end of the input is an error like others: there is nobody to answer to.
  auto receive(std::chrono::seconds limit) -> sluice::result<void> {
    const auto received = Coro::io(op::timed(op::recv{.socket = peer_, .buffer = std::span{input_}.subspan(used_)}, limit));
    if (!received) return std::unexpected{received.error()};
    if (*received == 0) return std::unexpected{std::make_error_code(std::errc::not_connected)};
    used_ += *received;
    return {};
  }

  // One request and its answer. Whether the connection goes on.
  auto exchange() -> sluice::result<bool> {
    request_head request;
    auto fault = take_head(request);
    // What is here already needs no limit.
    if (fault == incomplete) {
      const auto read = Coro::with_timeout(site_.idle, [&] { return read_head(request); });
      if (!read) return read.error() == std::errc::timed_out ? refuse(408) : std::unexpected{read.error()};
      fault = *read;
    }
    if (fault != 0) return refuse(fault);
    if (!request.is_get() && !request.is_head()) return refuse(405, "Allow: GET, HEAD\r\n");
    if (request.has_body()) return refuse(413);
    const bool keep = request.keep_alive() && !site_.ending;
    const auto path = local_path(request.target());
    if (!path) return refuse(400);
    return serve_file(request, *path, keep);
  }

  static constexpr unsigned incomplete = 1;

  // What was received goes to the parser: 0 for a whole head, `incomplete`, or the status that says what is wrong with it.
  auto take_head(request_head& request) -> unsigned {
    const auto [consumed, status] = request.put(std::span{input_}.first(used_));
    std::memmove(input_.data(), input_.data() + consumed, used_ - consumed);
    used_ -= consumed;
    if (request.complete() || status != 0) return status;
    return used_ == input_.size() ? 431U : incomplete;
  }

  // The same for a head of which more has to be received.
  auto read_head(request_head& request) -> sluice::result<unsigned> {
    for (;;) {
      if (const auto received = receive(std::chrono::seconds::max()); !received) return std::unexpected{received.error()};
      if (const unsigned fault = take_head(request); fault != incomplete) return fault;
    }
  }

  auto serve_file(const request_head& request, const std::string& path, bool keep) -> sluice::result<bool> {
    // `non_blocking`: a FIFO in the tree must not make its reader wait for a writer.
    static constexpr ::open_how how{
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .mode = 0, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    const auto opened = Coro::io(open_beneath{.root = site_.root, .path = path.c_str(), .how = &how});
    if (!opened) return answer(status_of(opened.error()), keep, request.is_head());
    const owned_file<Coro> file{*opened};
    struct ::stat about{};
    if (::fstat(file.get().native(), &about) != 0 || !S_ISREG(about.st_mode)) return answer(404, keep, request.is_head());
    return send_file(request, path, file.get(), static_cast<std::uint64_t>(about.st_size), keep);
  }

  auto send_file(const request_head& request, std::string_view path, sluice::file_handle file, std::uint64_t size, bool keep)
      -> sluice::result<bool> {
    const auto range = range_of(request.range(), size);
    auto& text = head_;
    text.clear();
    if (range.unsatisfiable) {
      begin(text, 416, keep, 0);
      text.append("Content-Range: bytes */").append(std::to_string(size)).append("\r\n\r\n");
      return send_head(keep);
    }
    begin(text, range.partial ? 206 : 200, keep, range.length);
    text.append("Content-Type: ").append(content_type(path)).append("\r\nAccept-Ranges: bytes\r\n");
    if (range.partial) append_content_range(text, range, size);
    text.append("\r\n");
    if (request.is_head() || range.length == 0) return send_head(keep);

    // Head and first bytes go out together; then each send has the read of the next bytes beside it.
    std::memcpy(output_[0].data(), text.data(), text.size());
    std::uint64_t offset = range.first;
    const std::uint64_t end = range.first + range.length;
    const auto room = [&](std::size_t use, std::size_t skip) {
      const auto free = std::span{output_[use]}.subspan(skip);
      return free.first(static_cast<std::size_t>(std::min<std::uint64_t>(free.size(), end - offset)));
    };
    auto read = Coro::io(op::read{.file = file, .buffer = room(0, text.size()), .offset = offset});
    std::size_t filled = text.size();
    for (std::size_t use = 0;; use = 1 - use) {
      if (!read) return std::unexpected{read.error()};
      // A file that shrank meanwhile cannot give what was promised: the end of the connection says so.
      if (*read == 0) return false;
      filled += *read;
      offset += *read;
      const op::send send{.socket = peer_, .buffer = std::span{output_[use]}.first(filled), .flags = whole};
      if (offset == end) return went(Coro::io(send), filled, keep);
      auto [sent, next] = Coro::io(send, op::read{.file = file, .buffer = room(1 - use, 0), .offset = offset});
      if (const auto went_out = went(sent, filled, true); !went_out) return went_out;
      read = next;
      filled = 0;
    }
  }

  static auto went(const sluice::result<std::size_t>& sent, std::size_t wanted, bool keep) -> sluice::result<bool> {
    if (!sent) return std::unexpected{sent.error()};
    if (*sent != wanted) return std::unexpected{std::make_error_code(std::errc::operation_canceled)};  // the deadline came in between
    return keep;
  }

  auto send_head(bool keep) -> sluice::result<bool> {
    return went(Coro::io(op::send{.socket = peer_, .buffer = std::as_bytes(std::span{head_}), .flags = whole}), head_.size(), keep);
  }

  // An answer that is a status alone, with a line of text for people.
  auto answer(unsigned status, bool keep, bool head_only, std::string_view field = {}) -> sluice::result<bool> {
    auto& text = head_;
    text.clear();
    const std::string_view reason = reason_of(status);
    begin(text, status, keep, reason.size() + 1);
    text.append("Content-Type: text/plain; charset=utf-8\r\n").append(field).append("\r\n");
    if (!head_only) text.append(reason).append("\n");
    return send_head(keep);
  }

  // An answer after which the rest of the input makes no sense.
  auto refuse(unsigned status, std::string_view field = {}) -> sluice::result<bool> { return answer(status, false, false, field); }

  // Closing with unread input would make the system reset the connection, and the peer lose what it was sent and has not taken. So it is
  // told that this is the end, and gets a second to agree; another one as long as it takes something.
  void part() {
    if (!Coro::io(op::shutdown{.socket = peer_, .how = sluice::shutdown_how::send})) return;
    (void)Coro::with_timeout(site_.limit, [&] {
      for (int left = untaken(), before = left + 1; left < before;) {
        const auto heard = Coro::with_timeout(std::chrono::seconds{1}, [&] { return drop_input(); });
        if (heard || heard.error() != sluice::errc::timed_out) return;
        before = std::exchange(left, untaken());
        if (left == 0) return;
      }
    });
  }
  auto drop_input() -> sluice::result<void> {
    for (;;) {
      used_ = 0;
      if (const auto received = receive(std::chrono::seconds::max()); !received) return received;
    }
  }

  // How much of what was sent has not reached the peer.
  [[nodiscard]] auto untaken() const noexcept -> int {
    int bytes = 0;
    return ::ioctl(peer_.native(), SIOCOUTQ, &bytes) == 0 ? bytes : 0;
  }

  const site& site_;
  sluice::socket_handle peer_;
  std::size_t used_ = 0;
  std::string head_;
  std::array<std::byte, 8 * 1024> input_;
  std::array<std::array<std::byte, 32 * 1024>, 2> output_;
};

}  // namespace support
