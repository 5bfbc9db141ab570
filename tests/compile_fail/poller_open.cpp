// SPDX-License-Identifier: MIT
// expect: [sluice.poller.open]
#include <sluice/backend/readiness.hpp>
#include <sluice/sluice.hpp>

struct mine {
  static constexpr std::string_view name = "mine";
  static constexpr bool edge = true;
};
struct app : sluice::config<sluice::backend::readiness<mine>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
