// SPDX-License-Identifier: MIT
// expect: [sluice.backend.start]
#include <sluice/sluice.hpp>

struct mine : sluice::backend::io_uring<> {
  using io_uring::io_uring;
  void start() = delete;
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
