// SPDX-License-Identifier: MIT
// expect: [sluice.backend.construction]
#include <sluice/sluice.hpp>

struct mine : sluice::backend::io_uring<> {
  explicit mine(int);
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
