// SPDX-License-Identifier: MIT
// expect: [sluice.backend.native_handle]
#include <sluice/sluice.hpp>

struct mine : sluice::backend::io_uring<> {
  using io_uring::io_uring;
  void native_handle() = delete;
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
