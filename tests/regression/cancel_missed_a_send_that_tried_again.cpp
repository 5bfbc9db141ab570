// SPDX-License-Identifier: MIT
// Over a connection whose other side has ended its own half, a send that finds no room is tried again by the kernel over and over, since
// what it polls for, a hangup of one half, is there already; after 128 times one of its threads waits. A cancel that came in the middle was
// told that there is no such operation, and nobody asked again: the task that was asked to end waited as long as nobody read.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cstddef>
#include <vector>

#include <coro/fixture.hpp>

namespace {

using namespace std::chrono_literals;
namespace op = sluice::op;

using coro = sluice::coro_of<fixture::app>;

/// A writer is asked to end after so many entries into the kernel. Whether it did.
auto ends_when_asked_after(int turns) -> bool {
  bool ended = false;
  BOOST_TEST(coro::run([&] {
               auto [writer, reader] = coro::unix_stream::pair().value();
               BOOST_TEST(reader.shutdown().has_value());
               const std::vector<std::byte> much(4'000'000);
               auto task = coro::spawn([&] { return writer.write_all(much); });
               for (int i = 0; i != turns; ++i) BOOST_TEST(coro::io(op::nop{}).has_value());
               task.request_cancel();
               fixture::run_others_until<coro>([&] { return task.done(); });
               ended = task.done();
               BOOST_TEST(reader.close().has_value());
               BOOST_TEST(!task.join().has_value());
             }).has_value());
  return ended;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(regression)

BOOST_AUTO_TEST_CASE(cancel_missed_a_send_that_tried_again, *needs::ring()) {
  for (int turns = 0; turns != 20; ++turns) BOOST_TEST_REQUIRE(ends_when_asked_after(turns), "not after " << turns << " turns");
}

BOOST_AUTO_TEST_SUITE_END()
