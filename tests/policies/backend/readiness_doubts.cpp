// SPDX-License-Identifier: MIT
// Receives that are not tried at once, because the last ones that were would have waited: none sleeps beside data that are there.
#include <support/descriptors.hpp>
#include <support/scripted_readiness.hpp>

#include <boost/test/unit_test.hpp>

#include <string>

namespace {

namespace op = sluice::op;
using laws::backend::gave;
using laws::backend::session;
using scripted::both;
using scripted::by_epoll;
using sluice::started;
using support::put;
using support::script;

/// A socket on which the last receive was tried in vain, and beside it an operation that waits and keeps the loop polling.
template <class Config>
struct hopeless {
  session<Config> s;
  support::ends pair = support::socket_pair();
  support::ends other = support::socket_pair();
  support::buffer<> buffer;
  support::buffer<> beside;
  typename session<Config>::template operation<op::recv> receive{op::recv{.socket = pair.near.socket(), .buffer = buffer.span(1)}};
  typename session<Config>::template operation<op::recv> waits{op::recv{.socket = other.near.socket(), .buffer = beside.span()}};

  hopeless() {
    script::clear();
    s.ring.start(waits);
    for (int i = 0; i < 2; ++i) {
      BOOST_TEST_REQUIRE((s.ring.start(receive) == started::pending));
      s.poll(sluice::wait::none);
      put(pair.far, "x");
      s.finish(receive);
      gave(receive.result(), 1U);
    }
  }
  ~hopeless() {
    s.ring.cancel(waits);
    s.finish(waits);
    script::clear();
  }

  /// Data come, and the poller reports them while nobody waits.
  void report_data() {
    put(pair.far, "ab");
    s.linger();
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_AUTO_TEST_SUITE(readiness_doubts)

BOOST_AUTO_TEST_CASE_TEMPLATE(messages_that_fill_their_buffer_are_seldom_tried_in_vain, config, both) {
  hopeless<config> h;
  script::clear();
  constexpr unsigned messages = 320;
  for (unsigned i = 0; i < messages; ++i) {
    BOOST_TEST_REQUIRE((h.s.ring.start(h.receive) == started::pending));
    put(h.pair.far, "x");
    h.s.finish(h.receive);
    gave(h.receive.result(), 1U);
  }
  BOOST_TEST(script::calls("recv") <= messages + messages / 40);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(data_that_were_there_before_end_a_wait, config, both) {
  hopeless<config> h;
  for (int i = 0; i < 40; ++i) {
    h.report_data();
    for (const char letter : {'a', 'b'}) {
      if (h.s.ring.start(h.receive) == started::pending) h.s.finish(h.receive);
      gave(h.receive.result(), 1U);
      BOOST_TEST(h.buffer.text(1) == std::string(1, letter));
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_loop_that_never_sleeps_finds_them_too, config, both) {
  hopeless<config> h;
  h.report_data();
  for (int i = 0; i < 2; ++i) {
    if (h.s.ring.start(h.receive) == started::pending)
      for (int polls = 0; polls < 1000 && !h.receive.is_done(); ++polls) h.s.poll(sluice::wait::none);
    gave(h.receive.result(), 1U);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_loop_that_others_keep_busy_finds_them_too, config, both) {
  hopeless<config> h;
  for (int i = 0; i < 40; ++i) {
    h.report_data();
    for (int k = 0; k < 2; ++k) {
      const bool waits = h.s.ring.start(h.receive) == started::pending;
      int turns = 0;
      for (; waits && !h.receive.is_done() && turns < 200; ++turns) {
        put(h.other.far, "y");
        h.s.finish(h.waits);
        h.s.ring.start(h.waits);
      }
      BOOST_TEST_REQUIRE(h.receive.is_done());
      gave(h.receive.result(), 1U);
      BOOST_TEST(turns <= 64);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_foreign_loop_finds_them_too) {
  hopeless<by_epoll> h;
  const auto handle = h.s.ring.native_handle();
  BOOST_REQUIRE(handle.has_value());
  for (int i = 0; i < 40; ++i) {
    h.report_data();
    for (int k = 0; k < 2; ++k) {
      if (h.s.ring.start(h.receive) == started::pending) {
        h.s.poll(sluice::wait::none);
        for (int rounds = 0; rounds < 10 && !h.receive.is_done(); ++rounds) {
          BOOST_TEST(support::readable(*handle, 1000));
          h.s.poll(sluice::wait::none);
        }
      }
      gave(h.receive.result(), 1U);
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_cancel_and_a_close_end_them, config, both) {
  hopeless<config> h;
  BOOST_TEST_REQUIRE((h.s.ring.start(h.receive) == started::pending));
  h.s.ring.cancel(h.receive);
  h.s.finish(h.receive);
  laws::backend::canceled(h.receive.result());
  h.s.linger();
  BOOST_TEST_REQUIRE((h.s.ring.start(h.receive) == started::pending));
  const auto number = h.pair.near.release();
  laws::backend::succeeded(h.s.run_alone(op::close_socket{.socket = sluice::socket_handle{number}}));
  laws::backend::canceled(h.receive.result());
  // The next owner of the number begins anew.
  const auto next = support::socket_pair();
  const support::descriptor same{::dup2(next.near.get(), number)};
  put(next.far, "z");
  support::buffer buffer;
  gave(h.s.run_alone(op::recv{.socket = same.socket(), .buffer = buffer.span()}), 1U);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
