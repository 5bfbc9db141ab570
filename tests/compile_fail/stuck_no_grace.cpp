// SPDX-License-Identifier: MIT
// expect: [sluice.stuck.no_grace]
#include <sluice/sluice.hpp>

struct app : sluice::config<sluice::stuck::terminate<{.grace = std::chrono::seconds{0}}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
