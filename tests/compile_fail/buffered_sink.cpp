// SPDX-License-Identifier: MIT
// expect: [sluice.io.buffered_sink]
#include <sluice/sluice.hpp>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;

void f(coro::pipe_reader& from) {
  sluice::io::buffered_writer out{from};
  auto written = out.write("line\n");
}
