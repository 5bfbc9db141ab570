// SPDX-License-Identifier: MIT
// expect: [sluice.op.unsupported]
#include <sluice/sluice.hpp>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;
using aio = sluice::aio_of<app>;
namespace op = sluice::op;
using namespace std::chrono_literals;
struct mine {
  using result_type = int;
};
int f() { return *aio::run(mine{}); }
