// SPDX-License-Identifier: MIT
// expect: [sluice.backend.prepare_entry]
#include <sluice/sluice.hpp>

struct mine : sluice::backend::io_uring<> {
  using io_uring::io_uring;
  void prepare_entry() = delete;
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
