// SPDX-License-Identifier: MIT
// How often a registration is asked for that may have gone with its file: seldom, once it was found to hold, and soon enough all the same.
#include <laws/backend.hpp>
#include <sluice/aio/facade.hpp>
#include <sluice/backend/epoll.hpp>
#include <sluice/config.hpp>
#include <sluice/native.hpp>
#include <sluice/trace/counters.hpp>
#include <support/descriptors.hpp>
#include <support/scripted_os.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstddef>

#include <poll.h>
#include <unistd.h>

namespace {

namespace op = sluice::op;
using namespace std::chrono_literals;
using laws::backend::gave;
using laws::backend::session;
using sluice::started;
using steady = std::chrono::steady_clock;
using support::put;
using support::script;

struct model : sluice::config<sluice::backend::epoll<{.recheck = 1ms}, support::scripted_os>, sluice::trace::counters>,
               laws::backend::readiness_facts<> {};

/// A receive that waits for so long before its byte comes.
struct slow_peer {
  session<model> s;
  support::ends pair = support::socket_pair();
  support::buffer<> buffer;
  typename session<model>::template operation<op::recv> receive{op::recv{.socket = pair.near.socket(), .buffer = buffer.span(1)}};

  slow_peer() { script::clear(); }
  ~slow_peer() { script::clear(); }

  void wait(sluice::interval time) {
    BOOST_TEST_REQUIRE((s.ring.start(receive) == started::pending));
    const auto end = steady::now() + time.to_chrono();
    while (steady::now() < end) s.poll(sluice::wait::at_most(end - steady::now()));
    BOOST_TEST(!receive.is_done());
    put(pair.far, "x");
    s.finish(receive);
    gave(receive.result(), 1U);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_AUTO_TEST_SUITE(readiness_trust)

BOOST_AUTO_TEST_CASE(long_waits_on_one_descriptor_stop_asking_for_it) {
  slow_peer peer;
  for (int i = 0; i < 20; ++i) peer.wait(3ms);
  const std::size_t before = script::calls("epoll_ctl");
  for (int i = 0; i < 50; ++i) peer.wait(3ms);
  // The machine may hold a wait up for so long that the next proof is due; not again and again.
  BOOST_TEST(script::calls("epoll_ctl") - before <= 6U);
}

BOOST_AUTO_TEST_CASE(a_wait_that_lasts_wakes_the_loop_ever_more_seldom_and_then_not_at_all) {
  slow_peer peer;
  for (int i = 0; i < 20; ++i) peer.wait(3ms);
  const std::size_t before = script::calls("epoll_wait_exactly");
  peer.wait(400ms);
  BOOST_TEST(script::calls("epoll_wait_exactly") - before <= 16U);
}

BOOST_AUTO_TEST_CASE(a_number_that_was_trusted_and_is_reused_elsewhere_is_found_out) {
  slow_peer peer;
  for (int i = 0; i < 20; ++i) peer.wait(3ms);
  const int number = peer.pair.near.get();
  auto other = support::socket_pair();
  BOOST_TEST_REQUIRE(::dup2(other.near.get(), number) == number);
  other.near.reset();
  peer.pair.far = std::move(other.far);
  const auto begin = steady::now();
  peer.wait(2ms);
  BOOST_TEST((steady::now() - begin < 2s));
  // It is as any other that is new, then: found out at once the next time.
  auto third = support::socket_pair();
  BOOST_TEST_REQUIRE(::dup2(third.near.get(), number) == number);
  third.near.reset();
  peer.pair.far = std::move(third.far);
  peer.wait(2ms);
}

BOOST_AUTO_TEST_CASE(what_is_read_elsewhere_by_now_does_not_wake_the_loop_for_ever) {
  slow_peer peer;
  support::ends used = support::socket_pair();
  support::buffer<> buffer;
  const auto receive_one = [&] {
    session<model>::operation<op::recv> one{op::recv{.socket = used.near.socket(), .buffer = buffer.span(1)}};
    BOOST_TEST_REQUIRE((peer.s.ring.start(one) == started::pending));
    put(used.far, "x");
    peer.s.finish(one);
    gave(one.result(), 1U);
  };
  const auto is_reported = [&] {
    put(used.far, "x");
    ::pollfd loop{.fd = peer.s.ring.native_handle().value(), .events = POLLIN, .revents = 0};
    const bool is_readable = ::poll(&loop, 1, 0) != 0;
    peer.s.poll(sluice::wait::none);
    char elsewhere = 0;
    BOOST_TEST_REQUIRE(::read(used.near.get(), &elsewhere, 1) == 1);
    return is_readable;
  };
  receive_one();
  // Somebody waits for another one, as ever.
  peer.wait(1ms);
  BOOST_TEST_REQUIRE((peer.s.ring.start(peer.receive) == started::pending));
  BOOST_TEST(is_reported());
  const std::size_t before = script::calls("epoll_ctl");
  int reports = 0;
  while (reports != 5000 && is_reported()) ++reports;
  BOOST_TEST(reports < 5000);
  BOOST_TEST(script::calls("epoll_ctl") - before < 10U);
  // Who waits for it again is told.
  receive_one();
  put(peer.pair.far, "x");
  peer.s.finish(peer.receive);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
