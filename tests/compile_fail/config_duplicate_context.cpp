// SPDX-License-Identifier: MIT
// expect: [sluice.config.duplicate]
#include <sluice/context/ucontext.hpp>
#include <sluice/sluice.hpp>

struct app : sluice::config<sluice::context::native, sluice::context::ucontext> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
