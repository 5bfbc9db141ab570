// SPDX-License-Identifier: MIT
// The laws of waits, for all that tasks wait for, over io_uring and epoll.
#include <laws/waits.hpp>
#include <laws/waits_models.hpp>
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdlib>
#include <new>

#include <coro/fixture.hpp>

namespace {

struct by_ring : sluice::config<sluice::backend::io_uring<>, fixture::counted_stacks> {};
struct by_epoll : sluice::config<sluice::backend::epoll<>, fixture::counted_stacks> {};
using ring_coro = sluice::coro_of<by_ring>;
using epoll_coro = sluice::coro_of<by_epoll>;

}  // namespace

[[gnu::noinline]] auto operator new(std::size_t bytes) -> void* {
  ++laws::waits::allocations;
  if (void* const memory = std::malloc(bytes)) return memory;
  throw std::bad_alloc{};
}
[[gnu::noinline]] auto operator new(std::size_t bytes, const std::nothrow_t& /*tag*/) noexcept -> void* {
  ++laws::waits::allocations;
  return laws::waits::is_out_of_memory ? nullptr : std::malloc(bytes);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

BOOST_AUTO_TEST_SUITE(waiting)

BOOST_AUTO_TEST_SUITE(on_a_ring, *needs::ring())
LAWS_OF_WAITS(ring_coro, laws::waits::models_of<ring_coro>::every)
BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(through_readiness)
LAWS_OF_WAITS(epoll_coro, laws::waits::models_of<epoll_coro>::every)
BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE_END()
