// SPDX-License-Identifier: MIT
/// @file Nothing but arithmetic on several threads: what the machine itself gains by a second one.

#include <bench/support/cases.hpp>

#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sched.h>

namespace {

void multiply(std::uint64_t times) {
  std::uint64_t value = times;
  for (std::uint64_t i = 0; i < times; ++i) {
    value = value * 6364136223846793005U + 1442695040888963407U;
    asm volatile("" : "+r"(value));
  }
}

void on_threads(std::size_t count, std::uint64_t times) {
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < count; ++i) {
    threads.emplace_back([=] {
      ::cpu_set_t one;
      CPU_ZERO(&one);
      CPU_SET(i, &one);
      (void)::pthread_setaffinity_np(::pthread_self(), sizeof(one), &one);
      multiply(times / count);
    });
  }
  for (auto& one : threads) one.join();
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "scale", "arithmetic", bench::figure::per_second};
  cases.run("threads=1", 400'000'000, 2, 100'000, [](std::uint64_t ops) { on_threads(1, ops); });
  cases.run("threads=2", 800'000'000, 2, 100'000, [](std::uint64_t ops) { on_threads(2, ops); });
}
