// SPDX-License-Identifier: MIT
// http_server --root DIR [--port N] [--idle SECONDS] [--limit SECONDS]: static files over HTTP/1.0 and 1.1, with
// keep-alive, pipelining and single byte ranges. The HTTP parser is Boost.Beast's.
//
// How it ends: SIGTERM or SIGINT asks every task to end. A connection that waits for its next request is closed at once.
// A request in hand is answered to its last byte, because that part runs under a shield; so that it cannot keep the
// server for ever, it has a deadline.
//
// What it serves: regular files below DIR. The kernel resolves each path beneath DIR (openat2 with RESOLVE_BENEATH), so a
// `..`, an absolute symbolic link or one that leads out of DIR finds nothing, however it is spelled or raced. Symbolic
// links that stay below DIR are followed.

#include "support/http.hpp"
#include "support/net.hpp"
#include <sluice/sluice.hpp>

#include <liburing.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <getopt.h>
#include <linux/openat2.h>
#include <sys/stat.h>

namespace {

namespace ip = sluice::ip;
namespace op = sluice::op;

// Beast's parser and the buffers of a download want more than the usual stack. Memory that is never touched costs nothing.
struct app : sluice::config<sluice::stack::guarded<{.bytes = 192 * 1024}>> {};
using coro = sluice::coro_of<app>;
using owned_socket = support::owned_socket<coro>;
using owned_file = support::owned_file<coro>;

// An operation that sluice does not have: its description, its result, and a function that fills a submission entry. That
// is all it takes; it can be awaited, batched, linked and bounded like the others.
struct open_beneath {
  sluice::directory_handle root;
  const char* path;       // relative; must live until done
  const ::open_how* how;  // so must this
  using result_type = sluice::file_handle;
  static constexpr std::string_view name = "open_beneath";
  static constexpr void describe(auto&& visit) { visit("path", &open_beneath::path); }
};
void prepare(::io_uring_sqe& entry, const open_beneath& one) {
  // liburing takes a pointer to mutable, and changes nothing.
  ::io_uring_prep_openat2(&entry, one.root.native(), one.path, const_cast<::open_how*>(one.how));
}

struct site {
  sluice::directory_handle root;
  std::chrono::seconds idle{30};    // for the next request to begin, and for its head to be complete
  std::chrono::seconds limit{300};  // for an answer to be taken
  bool ending = false;              // no further request is taken on a connection
};

// One connection: what was received and not yet parsed, and room for what is sent.
class connection {
 public:
  connection(const site& from, sluice::socket_handle peer) noexcept : site_{from}, peer_{peer} {}

  // Serves requests until one of both sides has enough.
  void serve() {
    for (bool more = true; more;) {
      // The idle wait: outside the shield, so that it ends when the server does. Pipelined requests are here already.
      if (used_ == 0 && !receive(site_.idle)) return;
      const auto answered = coro::shield([&] { return coro::with_timeout(site_.limit, [&] { return exchange(); }); });
      more = answered.value_or(false);
    }
  }

 private:
  static constexpr auto whole = sluice::send_flags::wait_all;

  // The end of the input is an error like others: there is nobody to answer to.
  auto receive(std::chrono::seconds limit) -> sluice::result<void> {
    const auto received = coro::io(op::timed(op::recv{.socket = peer_, .buffer = std::span{input_}.subspan(used_)}, limit));
    if (!received) return std::unexpected{received.error()};
    if (*received == 0) return std::unexpected{std::make_error_code(std::errc::not_connected)};
    used_ += *received;
    return {};
  }

  // One request and its answer. Whether the connection goes on.
  auto exchange() -> sluice::result<bool> {
    support::request_head request;
    const auto fault = coro::with_timeout(site_.idle, [&] { return read_head(request); });
    if (!fault) return fault.error() == std::errc::timed_out ? refuse(408) : std::unexpected{fault.error()};
    if (*fault != 0) return refuse(*fault);
    if (!request.is_get() && !request.is_head()) return refuse(405, "Allow: GET, HEAD\r\n");
    if (request.has_body()) return refuse(413);
    const bool keep = request.keep_alive() && !site_.ending;
    const auto path = support::local_path(request.target());
    if (!path) return refuse(400);
    return serve_file(request, *path, keep);
  }

  // 0, or the status that says what is wrong with the head.
  auto read_head(support::request_head& request) -> sluice::result<unsigned> {
    for (;;) {
      const auto [consumed, status] = request.put(std::span{input_}.first(used_));
      std::memmove(input_.data(), input_.data() + consumed, used_ - consumed);
      used_ -= consumed;
      if (request.complete() || status != 0) return status;
      if (used_ == input_.size()) return 431U;
      if (const auto received = receive(std::chrono::seconds::max()); !received) return std::unexpected{received.error()};
    }
  }

  auto serve_file(const support::request_head& request, const std::string& path, bool keep) -> sluice::result<bool> {
    // `non_blocking`: a FIFO in the tree must not make its reader wait for a writer.
    static constexpr ::open_how how{
        .flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .mode = 0, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    const auto opened = coro::io(open_beneath{.root = site_.root, .path = path.c_str(), .how = &how});
    if (!opened) return answer(support::status_of(opened.error()), keep, request.is_head());
    const owned_file file{*opened};
    struct ::stat about{};
    if (::fstat(file.get().native(), &about) != 0 || !S_ISREG(about.st_mode)) return answer(404, keep, request.is_head());
    return send_file(request, path, file.get(), static_cast<std::uint64_t>(about.st_size), keep);
  }

  auto send_file(const support::request_head& request, std::string_view path, sluice::file_handle file, std::uint64_t size, bool keep)
      -> sluice::result<bool> {
    const auto range = support::range_of(request.range(), size);
    auto& text = head_;
    text.clear();
    if (range.unsatisfiable) {
      support::begin(text, 416, keep, 0);
      text.append("Content-Range: bytes */").append(std::to_string(size)).append("\r\n\r\n");
      return send_head(keep);
    }
    support::begin(text, range.partial ? 206 : 200, keep, range.length);
    text.append("Content-Type: ").append(support::content_type(path)).append("\r\nAccept-Ranges: bytes\r\n");
    if (range.partial) support::append_content_range(text, range, size);
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
    auto read = coro::io(op::read{.file = file, .buffer = room(0, text.size()), .offset = offset});
    std::size_t filled = text.size();
    for (std::size_t use = 0;; use = 1 - use) {
      if (!read) return std::unexpected{read.error()};
      // A file that shrank meanwhile cannot give what was promised: the end of the connection says so.
      if (*read == 0) return false;
      filled += *read;
      offset += *read;
      const op::send send{.socket = peer_, .buffer = std::span{output_[use]}.first(filled), .flags = whole};
      if (offset == end) return went(coro::io(send), filled, keep);
      auto [sent, next] = coro::io(send, op::read{.file = file, .buffer = room(1 - use, 0), .offset = offset});
      if (const auto went_out = went(sent, filled, true); !went_out || !*went_out) return went_out;
      read = next;
      filled = 0;
    }
  }

  static auto went(const sluice::result<std::size_t>& sent, std::size_t wanted, bool keep) -> sluice::result<bool> {
    if (!sent) return std::unexpected{sent.error()};
    return keep && *sent == wanted;
  }

  auto send_head(bool keep) -> sluice::result<bool> {
    return went(coro::io(op::send{.socket = peer_, .buffer = std::as_bytes(std::span{head_}), .flags = whole}), head_.size(), keep);
  }

  // An answer that is a status alone, with a line of text for people.
  auto answer(unsigned status, bool keep, bool head_only, std::string_view field = {}) -> sluice::result<bool> {
    auto& text = head_;
    text.clear();
    const std::string_view reason = support::reason_of(status);
    support::begin(text, status, keep, reason.size() + 1);
    text.append("Content-Type: text/plain; charset=utf-8\r\n").append(field).append("\r\n");
    if (!head_only) text.append(reason).append("\n");
    return send_head(keep);
  }

  // An answer after which the rest of the input makes no sense. Closing with unread input would make the system reset the
  // connection, and the peer lose the answer: so the peer is told that this is the end, and gets a second to agree.
  auto refuse(unsigned status, std::string_view field = {}) -> sluice::result<bool> {
    const auto answered = answer(status, false, false, field);
    if (!answered) return answered;
    if (const auto ended = coro::io(op::shutdown{.socket = peer_, .how = sluice::shutdown_how::send}); !ended) return false;
    (void)coro::with_timeout(std::chrono::seconds{1}, [&] {
      do used_ = 0;
      while (receive(site_.idle));
    });
    return false;
  }

  const site& site_;
  sluice::socket_handle peer_;
  std::size_t used_ = 0;
  std::string head_;
  std::array<std::byte, 8 * 1024> input_;
  std::array<std::array<std::byte, 32 * 1024>, 2> output_;
};

void converse(const owned_socket& peer, const site& from) { connection{from, peer.get()}.serve(); }

auto serve(site from, const char* root, std::uint16_t port) -> sluice::result<void> {
  const auto opened = coro::io(op::open_at{.path = root, .flags = sluice::open_flags::path_only | sluice::open_flags::directory});
  if (!opened) return std::unexpected{opened.error()};
  const owned_file folder{*opened};
  from.root = sluice::directory_handle{folder.get().native()};

  auto listener = support::listen_on<coro>({ip::loopback, port}, sluice::socket_option::reuse_address, sluice::socket_option::no_delay);
  if (!listener) return std::unexpected{listener.error()};
  std::printf("listening on %s\n", listener->address.text().c_str());
  std::fflush(stdout);

  coro::scope connections{{.on_failure = sluice::on_failure::keep}};
  while (auto peer = support::accept_next<coro>(listener->socket.get())) connections.spawn(converse, std::move(*peer), std::cref(from));
  // From here on nobody can connect, and answers say that they are the last. The end of the scope waits for those in hand.
  from.ending = true;
  listener->socket.close();
  return {};
}

template <class Number>
auto number(std::string_view text) -> std::optional<Number> {
  Number value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

}  // namespace

int main(int argc, char** argv) {
  static constexpr ::option known[] = {
      {"root", 1, nullptr, 'r'}, {"port", 1, nullptr, 'p'}, {"idle", 1, nullptr, 'i'}, {"limit", 1, nullptr, 'l'}, {}};
  site from;
  const char* root = nullptr;
  std::optional<std::uint16_t> port = 0;
  std::optional<std::uint32_t> idle = 30;
  std::optional<std::uint32_t> limit = 300;
  bool wrong = false;
  for (int one = 0; (one = ::getopt_long(argc, argv, "", known, nullptr)) != -1;) {
    switch (one) {
      case 'r': root = optarg; break;
      case 'p': port = number<std::uint16_t>(optarg); break;
      case 'i': idle = number<std::uint32_t>(optarg); break;
      case 'l': limit = number<std::uint32_t>(optarg); break;
      default: wrong = true;
    }
  }
  if (wrong || root == nullptr || optind != argc || !port || !idle || !limit) {
    std::fprintf(stderr, "usage: http_server --root DIR [--port N] [--idle SECONDS] [--limit SECONDS]\n");
    return 2;
  }
  from.idle = std::chrono::seconds{*idle};
  from.limit = std::chrono::seconds{*limit};
  return coro::main([&] { return serve(from, root, *port); });
}
