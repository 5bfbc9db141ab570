// SPDX-License-Identifier: MIT
// A thread of a runtime for which there was no memory, which is another exception than that of a system without threads, ended the program
// while the threads before it waited.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <system_error>

#include <coro/fixture.hpp>

namespace {

// So many more allocations of this thread go well; any number while it is negative.
thread_local int allocations_left = -1;

// What the whole program calls.
auto allocate(std::size_t bytes) noexcept -> void* {
  if (allocations_left == 0) return nullptr;
  if (allocations_left > 0) --allocations_left;
  return std::malloc(bytes);
}

}  // namespace

[[gnu::noinline]] auto operator new(std::size_t bytes) -> void* {
  if (void* const memory = allocate(bytes)) return memory;
  throw std::bad_alloc{};
}
[[gnu::noinline]] auto operator new(std::size_t bytes, const std::nothrow_t&) noexcept -> void* { return allocate(bytes); }
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

BOOST_AUTO_TEST_CASE(thread_of_a_core_out_of_memory, *needs::ring()) {
  using coro = sluice::coro_of<fixture::app>;
  bool went_well = false;
  for (int limit = 0; !went_well; ++limit) {
    BOOST_REQUIRE(limit < 1000);
    allocations_left = limit;
    try {
      const auto outcome = coro::runtime::run({.threads = 3}, [](auto&) {});
      allocations_left = -1;
      went_well = outcome.has_value();
      if (!went_well) BOOST_TEST((outcome.error() == std::errc::not_enough_memory));
    } catch (const std::bad_alloc&) { allocations_left = -1; }
  }
}
