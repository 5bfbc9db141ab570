// SPDX-License-Identifier: MIT
/// @file sluice: spawn, run and join tasks on pooled stacks.

#include <bench/support/cases.hpp>
#include <sluice/sluice.hpp>

#include <cstdint>

namespace {

struct app : sluice::config<sluice::stack::guarded<{.bytes = 64 * 1024, .pool = 128 * 1024}>> {};
using coro = sluice::coro_of<app>;

/// What the tasks leave behind, so that none is optimised away.
std::uint64_t ran = 0;

void batch_of_ten(std::uint64_t ops) {
  for (std::uint64_t n = 0; n < ops; n += 10) {
    coro::scope batch;
    for (int i = 0; i < 10; ++i) batch.spawn([] { ++ran; });
    (void)batch.join();
  }
}

void in_sequence(std::uint64_t ops) {
  for (std::uint64_t n = 0; n < ops; ++n) {
    auto task = coro::spawn([] { ++ran; });
    (void)task.join();
  }
}

/// Each task has started before the first one ends.
void alive_at_once(std::uint64_t ops) {
  for (std::uint64_t n = 0; n < ops; n += 100'000) {
    coro::scope all;
    for (int i = 0; i < 100'000; ++i) {
      all.spawn([] {
        coro::yield();
        ++ran;
      });
    }
    (void)all.join();
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "spawn", "sluice", bench::figure::nanoseconds_each};
  coro::run([&] {
    cases.run("tasks=10", 4'000'000, 10, 1000, batch_of_ten);
    cases.run("tasks=seq", 4'000'000, 1, 1000, in_sequence);
    cases.run("tasks=100000", 400'000, 100'000, 100'000, alive_at_once);
  });
  return ran == 0 ? 1 : 0;
}
