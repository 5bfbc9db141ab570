// SPDX-License-Identifier: MIT
// The least that shows that an installed sluice works: a task on a ring does one operation.
#include <sluice/sluice.hpp>
#include <sluice/version.hpp>

#include <cstdio>

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;

auto main() -> int {
  const auto answer = coro::run([](int a) { return coro::io(sluice::op::nop{}) ? a + 1 : 0; }, 41);
  if (!answer || *answer != 42) {
    std::fprintf(stderr, "no answer: %s\n", answer ? "wrong number" : answer.error().message().c_str());
    return 1;
  }
  std::printf("%d.%d.%d\n", SLUICE_VERSION_MAJOR, SLUICE_VERSION_MINOR, SLUICE_VERSION_PATCH);
}
