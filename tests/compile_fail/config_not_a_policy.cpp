// SPDX-License-Identifier: MIT
// expect: [sluice.config.not_a_policy]
#include <sluice/sluice.hpp>

struct unrelated {};
struct app : sluice::config<sluice::trace::none, unrelated> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
