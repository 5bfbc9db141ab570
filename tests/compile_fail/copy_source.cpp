// SPDX-License-Identifier: MIT
// expect: [sluice.io.copy_source]
#include <sluice/sluice.hpp>

struct source {};
struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {
    coro::pipe to;
    return coro::copy(source{}, to);
  });
}
