// SPDX-License-Identifier: MIT
// expect: [sluice.coro.channel]
#include <sluice/sluice.hpp>

struct item {
  item(item&&) noexcept(false) {}
};
struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] { coro::channel<item> c{1}; });
}
