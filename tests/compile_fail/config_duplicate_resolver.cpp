// SPDX-License-Identifier: MIT
// expect: [sluice.config.duplicate]
#include <sluice/sluice.hpp>

struct mine : sluice::resolver::system<> {};
struct app : sluice::config<sluice::resolver::system<>, mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
