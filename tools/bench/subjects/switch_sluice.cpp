// SPDX-License-Identifier: MIT
/// @file sluice's yield among tasks of one scheduler.

#include <bench/support/cases.hpp>
#include <sluice/sluice.hpp>

#include <cstdint>

namespace {

struct app : sluice::config<> {};
using coro = sluice::coro_of<app>;

void yield_among(std::uint64_t tasks, std::uint64_t ops) {
  coro::run([=] {
    coro::scope all;
    for (std::uint64_t i = 0; i < tasks; ++i) {
      all.spawn([each = ops / tasks] {
        for (std::uint64_t n = 0; n < each; ++n) coro::yield();
      });
    }
    (void)all.join();
  });
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "switch", "sluice", bench::figure::nanoseconds_each};
  cases.run("tasks=1", 40'000'000, 1, 1000, [](std::uint64_t ops) { yield_among(1, ops); });
  cases.run("tasks=2", 40'000'000, 2, 1000, [](std::uint64_t ops) { yield_among(2, ops); });
  cases.run("tasks=1000", 20'000'000, 1000, 10'000, [](std::uint64_t ops) { yield_among(1000, ops); });
}
