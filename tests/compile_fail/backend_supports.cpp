// SPDX-License-Identifier: MIT
// expect: [sluice.backend.supports]
#include <sluice/sluice.hpp>

struct mine : sluice::backend::io_uring<> {
  using io_uring::io_uring;
  template <class Op>
  static constexpr bool supports = false;
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
