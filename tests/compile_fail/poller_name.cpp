// SPDX-License-Identifier: MIT
// expect: [sluice.poller.name]
#include <sluice/backend/readiness.hpp>
#include <sluice/sluice.hpp>

struct mine {};
struct app : sluice::config<sluice::backend::readiness<mine>> {};
using coro = sluice::coro_of<app>;
int main() {
  return coro::main([] {});
}
