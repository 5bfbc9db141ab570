// SPDX-License-Identifier: MIT
// expect: [sluice.stack.bytes]
#include <sluice/sluice.hpp>

struct app : sluice::config<sluice::stack::guarded<{.bytes = std::size_t{1} << 41U}>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
