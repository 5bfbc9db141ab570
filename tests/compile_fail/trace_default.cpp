// SPDX-License-Identifier: MIT
// expect: [sluice.trace.default]
#include <sluice/sluice.hpp>
#include <sluice/trace/base.hpp>

struct mine : sluice::trace::base {
  explicit mine(int);
};
struct app : sluice::config<mine> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
