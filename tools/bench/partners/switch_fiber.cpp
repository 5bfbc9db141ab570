// SPDX-License-Identifier: MIT
/// @file Boost.Fiber's yield among fibers of one thread.

#include <bench/support/cases.hpp>

#include <boost/fiber/fiber.hpp>
#include <boost/fiber/operations.hpp>
#include <boost/fiber/pooled_fixedsize_stack.hpp>

#include <cstdint>
#include <memory>
#include <vector>

namespace {

void yield_among(std::uint64_t fibers, std::uint64_t ops) {
  boost::fibers::pooled_fixedsize_stack stacks{64 * 1024};
  std::vector<boost::fibers::fiber> running;
  running.reserve(fibers);
  for (std::uint64_t i = 0; i < fibers; ++i) {
    running.emplace_back(std::allocator_arg, stacks, [each = ops / fibers] {
      for (std::uint64_t n = 0; n < each; ++n) boost::this_fiber::yield();
    });
  }
  for (auto& one : running) one.join();
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "switch", "fiber", bench::figure::nanoseconds_each};
  cases.run("tasks=1", 4'000'000, 1, 1000, [](std::uint64_t ops) { yield_among(1, ops); });
  cases.run("tasks=2", 4'000'000, 2, 1000, [](std::uint64_t ops) { yield_among(2, ops); });
  cases.run("tasks=1000", 4'000'000, 1000, 10'000, [](std::uint64_t ops) { yield_among(1000, ops); });
}
