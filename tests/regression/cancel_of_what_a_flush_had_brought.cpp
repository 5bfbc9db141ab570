// SPDX-License-Identifier: MIT
// A full queue is flushed in the middle of a tick, and what completes by that waits in a list for the next poll. A cancel of a handle's
// operations put one of those into the list of operations that are to be asked to end: both lists go through the same link, so that
// whatever waited behind it was never delivered.
#include <laws/backend.hpp>
#include <sluice/backend/io_uring.hpp>
#include <sluice/native.hpp>

#include <boost/test/unit_test.hpp>

namespace {

namespace op = sluice::op;

struct app : sluice::config<sluice::backend::io_uring<{.entries = 2, .completions = 4}>> {};

}  // namespace

BOOST_AUTO_TEST_SUITE(regression)

BOOST_AUTO_TEST_CASE(cancel_of_what_a_flush_had_brought) {
  laws::backend::session<app> s;
  const auto pair = support::socket_pair();
  support::put(pair.far, "x");
  support::buffer buffer;
  laws::backend::session<app>::operation<op::recv> receive{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
  laws::backend::session<app>::operation<op::nop> behind{op::nop{}};
  laws::backend::session<app>::operation<op::nop> flushes{op::nop{}};
  laws::backend::session<app>::operation<op::cancel_handle> cancel{op::cancel_handle{.handle = pair.near.socket()}};
  s.ring.start(receive);
  s.ring.start(behind);
  s.ring.start(flushes);
  s.ring.start(cancel);
  s.finish(receive, behind, flushes);
  laws::backend::gave(receive.result(), 1U);
  BOOST_TEST(s.ring.in_flight() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
