// SPDX-License-Identifier: MIT
/// @file TCP echo on libuv: one receive buffer for all, an immediate write first, a queued one for what it leaves.

#include <bench/support/arguments.hpp>
#include <bench/support/net.hpp>

#include <uv.h>

#include <array>
#include <cstddef>
#include <vector>

namespace {

std::array<char, bench::buffer_bytes> shared_buffer;

struct rest {
  uv_write_t request{};
  std::vector<char> bytes;
};

void close_peer(uv_stream_t* peer) {
  auto* handle = reinterpret_cast<uv_handle_t*>(peer);
  if (uv_is_closing(handle) != 0) return;
  uv_close(handle, [](uv_handle_t* closed) { delete reinterpret_cast<uv_tcp_t*>(closed); });
}

void lend(uv_handle_t*, std::size_t, uv_buf_t* buffer) {
  *buffer = uv_buf_init(shared_buffer.data(), static_cast<unsigned>(shared_buffer.size()));
}

void received(uv_stream_t* peer, ssize_t count, const uv_buf_t* buffer) {
  if (count == 0) return;
  if (count < 0) return close_peer(peer);
  auto answer = uv_buf_init(buffer->base, static_cast<unsigned>(count));
  int sent = uv_try_write(peer, &answer, 1);
  if (sent == count) return;
  if (sent < 0 && sent != UV_EAGAIN) return close_peer(peer);
  auto* left = new rest;
  left->bytes.assign(buffer->base + (sent < 0 ? 0 : sent), buffer->base + count);
  answer = uv_buf_init(left->bytes.data(), static_cast<unsigned>(left->bytes.size()));
  left->request.data = left;
  int queued = uv_write(&left->request, peer, &answer, 1, [](uv_write_t* request, int status) {
    if (status < 0) close_peer(request->handle);
    delete static_cast<rest*>(request->data);
  });
  if (queued < 0) {
    delete left;
    close_peer(peer);
  }
}

void connected(uv_stream_t* listener, int status) {
  if (status < 0) return;
  auto* peer = new uv_tcp_t;
  uv_tcp_init(listener->loop, peer);
  auto* stream = reinterpret_cast<uv_stream_t*>(peer);
  if (uv_accept(listener, stream) < 0) return close_peer(stream);
  uv_tcp_nodelay(peer, 1);
  uv_read_start(stream, lend, received);
}

}  // namespace

int main(int argc, char** argv) {
  bench::arguments given{argc, argv, {"--port"}};
  auto* loop = uv_default_loop();
  uv_tcp_t listener;
  uv_tcp_init(loop, &listener);
  if (uv_tcp_open(&listener, bench::start_server(given.number("--port", 0))) < 0) return 1;
  if (uv_listen(reinterpret_cast<uv_stream_t*>(&listener), 4096, connected) < 0) return 1;
  return uv_run(loop, UV_RUN_DEFAULT);
}
