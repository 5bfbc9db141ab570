// SPDX-License-Identifier: MIT
// expect: [sluice.io.copy_sink]
#include <sluice/sluice.hpp>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {
    coro::pipe_reader from;
    coro::pipe_reader to;
    return coro::copy(from, to);
  });
}
