// SPDX-License-Identifier: MIT
// expect: [sluice.io.buffered_source]
#include <sluice/sluice.hpp>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;

void f(const coro::tcp_stream& peer) {
  sluice::io::buffered_reader in{peer};
  auto line = in.read_line();
}
