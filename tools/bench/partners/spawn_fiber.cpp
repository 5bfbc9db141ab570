// SPDX-License-Identifier: MIT
/// @file Boost.Fiber: spawn, run and join fibers on pooled stacks.

#include <bench/support/cases.hpp>

#include <boost/fiber/fiber.hpp>
#include <boost/fiber/operations.hpp>
#include <boost/fiber/policy.hpp>
#include <boost/fiber/pooled_fixedsize_stack.hpp>

#include <array>
#include <cstdint>
#include <memory>
#include <vector>

namespace {

/// What the fibers leave behind, so that none is optimised away.
std::uint64_t ran = 0;

boost::fibers::pooled_fixedsize_stack stacks{64 * 1024};

void batch_of_ten(std::uint64_t ops) {
  std::array<boost::fibers::fiber, 10> batch;
  for (std::uint64_t n = 0; n < ops; n += batch.size()) {
    for (auto& one : batch) one = boost::fibers::fiber{std::allocator_arg, stacks, [] { ++ran; }};
    for (auto& one : batch) one.join();
  }
}

/// `launch::dispatch` enters the new fiber at once: the shortest way when the next step is to join it.
void in_sequence(std::uint64_t ops) {
  for (std::uint64_t n = 0; n < ops; ++n) {
    boost::fibers::fiber{boost::fibers::launch::dispatch, std::allocator_arg, stacks, [] { ++ran; }}.join();
  }
}

/// Each fiber has started before the first one ends.
void alive_at_once(std::uint64_t ops) {
  std::vector<boost::fibers::fiber> all(100'000);
  for (std::uint64_t n = 0; n < ops; n += all.size()) {
    for (auto& one : all) {
      one = boost::fibers::fiber{std::allocator_arg, stacks, [] {
                                   boost::this_fiber::yield();
                                   ++ran;
                                 }};
    }
    for (auto& one : all) one.join();
  }
}

}  // namespace

int main(int argc, char** argv) {
  bench::cases cases{argc, argv, "spawn", "fiber", bench::figure::nanoseconds_each};
  cases.run("tasks=10", 1'000'000, 10, 1000, batch_of_ten);
  cases.run("tasks=seq", 1'000'000, 1, 1000, in_sequence);
  cases.run("tasks=100000", 100'000, 100'000, 100'000, alive_at_once);
  return ran == 0 ? 1 : 0;
}
