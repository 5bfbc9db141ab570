// SPDX-License-Identifier: MIT
// expect: [sluice.stream.gives_one]
#include <sluice/sluice.hpp>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;
using aio = sluice::aio_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;
aio::stream<op::recv> bytes{op::recv{}};
void f(aio::ring& ring) {
  (void)ring.start(bytes);
  while (auto one = bytes.take()) {}
}
