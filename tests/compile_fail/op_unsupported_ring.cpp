// SPDX-License-Identifier: MIT
// expect: [sluice.op.unsupported]
#include <sluice/sluice.hpp>

struct app : sluice::config<> {};
using aio = sluice::aio_of<app>;
struct mine {
  using result_type = int;
  int number;
};
void f(aio::ring& ring, aio::operation<mine>& one) { ring.start(one); }
