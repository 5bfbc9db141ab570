// SPDX-License-Identifier: MIT
// expect: perform(const Op&)
#include <sluice/sluice.hpp>

struct mine {
  using result_type = int;
};
void prepare(::io_uring_sqe&, const mine&) {}
struct app : sluice::config<sluice::backend::epoll<>> {};
int f() { return *sluice::aio_of<app>::run(mine{}); }
