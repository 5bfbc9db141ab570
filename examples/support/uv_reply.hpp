// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// An answer by a server of libuv to those who say nothing.

#include <uv.h>

#include <string>
#include <utility>

namespace support {

/// Takes the connection that a server was told of, sends a text and closes it. What goes wrong is the peer's loss.
inline void uv_reply(::uv_stream_t& server, std::string text) {
  struct reply {
    ::uv_tcp_t peer{};
    ::uv_write_t request{};
    std::string text;
  };
  auto* const one = new reply{.text = std::move(text)};
  ::uv_tcp_init(server.loop, &one->peer);
  one->peer.data = one->request.data = one;
  auto* const stream = reinterpret_cast<::uv_stream_t*>(&one->peer);
  const auto end = [](::uv_write_t* request, int) {
    auto* const peer = &static_cast<reply*>(request->data)->peer;
    ::uv_close(reinterpret_cast<::uv_handle_t*>(peer), [](::uv_handle_t* gone) { delete static_cast<reply*>(gone->data); });
  };
  const auto buffer = ::uv_buf_init(one->text.data(), static_cast<unsigned>(one->text.size()));
  const bool begun = ::uv_accept(&server, stream) == 0 && ::uv_write(&one->request, stream, &buffer, 1, end) == 0;
  if (!begun) end(&one->request, 0);
}

}  // namespace support
