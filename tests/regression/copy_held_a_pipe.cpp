// SPDX-License-Identifier: MIT
// A copy from a pipe to a connection whose other side had ended its half, and did not read, moved bytes for which there was no room: the
// kernel tells of such a connection at once, whatever it is polled for. The move waited in a thread of the kernel's and held the pipe, and
// the next write to that pipe stopped the scheduler's own thread, beyond the reach of any signal but one that ends the program.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <span>
#include <vector>

#include <coro/fixture.hpp>
#include <unistd.h>

namespace {

using coro = sluice::coro_of<fixture::app>;

/// Whether all that is written to the pipe while nobody reads behind it comes through once somebody does.
auto comes_through() -> bool {
  constexpr std::size_t much = 50'000;
  constexpr std::size_t pieces = 100;
  std::size_t all = 0;
  const auto outcome = coro::run([&]() -> sluice::result<void> {
    auto way = coro::pipe::make().value();
    auto [left, right] = coro::unix_stream::pair().value();
    (void)left.set(sluice::socket_option::send_buffer, 4096);
    (void)right.shutdown();
    auto copy = coro::spawn([&] { return coro::copy(way.reader, left); });
    const std::vector<std::byte> some(much);
    (void)way.writer.write_all(some);
    for (std::size_t i = 0; i != pieces; ++i) {
      (void)way.writer.write_all(std::span{some}.first(1));
      (void)coro::sleep(std::chrono::microseconds{200});
    }
    (void)way.close_write();
    std::array<std::byte, 4096> buffer;
    while (all != much + pieces) {
      const auto got = right.read_some(buffer);
      if (!got || *got == 0) break;
      all += *got;
    }
    const auto copied = copy.join();
    if (!copied) return std::unexpected{copied.error()};
    return {};
  });
  return outcome && all == much + pieces;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(regression)

BOOST_AUTO_TEST_CASE(copy_held_a_pipe, *needs::ring()) {
  // In a child, which its alarm ends whatever its thread waits for.
  const auto child = fixture::in_child([] {
    ::alarm(60);
    return comes_through() ? 0 : 1;
  });
  BOOST_TEST(fixture::status_of(child) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
