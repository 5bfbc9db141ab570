// SPDX-License-Identifier: MIT
// expect: [sluice.stream.unsupported]
#include <sluice/sluice.hpp>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;
using aio = sluice::aio_of<app>;
namespace op = sluice::op;
struct mine {
  using result_type = int;
  static constexpr bool gives_many = true;
};
void f() { auto stream = coro::stream(mine{}); }
