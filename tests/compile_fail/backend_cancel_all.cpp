// SPDX-License-Identifier: MIT
// expect: [sluice.backend.cancel_all]
#include <sluice/sluice.hpp>

struct mine : sluice::backend::io_uring<> {
  using io_uring::io_uring;
  void cancel_all() = delete;
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
