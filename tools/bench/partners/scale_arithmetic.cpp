// SPDX-License-Identifier: MIT
/// @file Nothing but arithmetic on several threads: what the machine itself gains by a second one.

#include <bench/support/cases.hpp>

#include <array>
#include <cstddef>
#include <cstdint>
#include <thread>
#include <vector>

#include <pthread.h>
#include <sched.h>

namespace {

// Chains beside each other, as many as keep the units of a processor busy: two processors that are threads of one core gain by that what
// they gain by any busy code. One chain alone would leave most of the core to the other thread.
void add_and_shift(std::uint64_t times) {
  std::array<std::uint64_t, 8> values{};
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = times + i;
  for (std::uint64_t i = 0; i < times; ++i) {
    for (auto& value : values) {
      value = (value << 1U) + (value ^ i);
      asm volatile("" : "+r"(value));
    }
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
      add_and_shift(times / count);
    });
  }
  for (auto& one : threads) one.join();
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "scale", "arithmetic", bench::figure::per_second};
  cases.run("threads=1", 80'000'000, 2, 100'000, [](std::uint64_t ops) { on_threads(1, ops); });
  cases.run("threads=2", 160'000'000, 2, 100'000, [](std::uint64_t ops) { on_threads(2, ops); });
}
