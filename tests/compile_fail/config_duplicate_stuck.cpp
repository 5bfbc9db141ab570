// SPDX-License-Identifier: MIT
// expect: [sluice.config.duplicate]
#include <sluice/sluice.hpp>

struct app : sluice::config<sluice::stuck::abandon<>, sluice::stuck::terminate<>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
