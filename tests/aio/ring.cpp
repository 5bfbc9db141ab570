// SPDX-License-Identifier: MIT
#include <laws/backend.hpp>
#include <sluice/native.hpp>
#include <support/child.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace {

namespace op = sluice::op;
using namespace std::chrono_literals;
using laws::backend::canceled;
using laws::backend::failed;
using laws::backend::gave;
using laws::backend::succeeded;
using sluice::started;
using support::put;

struct app : sluice::config<sluice::trace::counters> {};
using session = laws::backend::session<app>;
template <class Op>
using operation = session::operation<Op>;
using steady = std::chrono::steady_clock;

}  // namespace

BOOST_AUTO_TEST_SUITE(aio)
BOOST_AUTO_TEST_SUITE(ring)

BOOST_AUTO_TEST_CASE(a_poll_sleeps_only_as_long_as_it_may) {
  session s;
  const auto begin = steady::now();
  BOOST_TEST(s.poll(sluice::wait::none) == 0U);
  BOOST_TEST((steady::now() - begin < 5s));
  const auto bounded = steady::now();
  BOOST_TEST(s.poll(sluice::wait::at_most(3ms)) == 0U);
  BOOST_TEST((steady::now() - bounded >= 3ms));
  operation<op::timeout> one{op::timeout{.after = 3ms}};
  s.ring.start(one);
  BOOST_TEST(s.ring.in_flight() == 1U);
  BOOST_TEST(s.poll(sluice::wait::one) == 1U);
  BOOST_TEST(s.ring.in_flight() == 0U);
}

BOOST_AUTO_TEST_CASE(a_timer_of_the_callers_ends_a_poll_and_one_of_an_operation_does_not) {
  session s;
  sluice::aio::timer mine;
  BOOST_TEST((s.ring.next_deadline() == sluice::time_point::never()));
  mine.deadline = s.ring.now() + 2ms;
  BOOST_TEST_REQUIRE(s.ring.arm(mine).has_value());
  BOOST_TEST((s.ring.next_deadline() == mine.deadline));
  BOOST_TEST(s.ring.pending());
  BOOST_TEST(s.poll(sluice::wait::one) == 0U);
  BOOST_TEST((s.ring.now() >= mine.deadline));
  BOOST_TEST_REQUIRE(s.fired.size() == 1U);
  BOOST_TEST((s.fired.front() == &mine));
  s.ring.disarm(mine);  // harmless

  const auto pair = support::socket_pair();
  support::buffer buffer;
  operation<op::timed<op::recv>> recv{op::timed(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}, 2ms)};
  s.ring.start(recv);
  BOOST_TEST(s.ring.timers() == 1U);
  BOOST_TEST(s.poll(sluice::wait::one) == 1U);
  BOOST_TEST(s.ring.timers() == 0U);
  failed(recv.result(), sluice::errc::timed_out);
}

BOOST_AUTO_TEST_CASE(a_cancel_before_the_deadline_is_no_time_out) {
  session s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  operation<op::timed<op::recv>> recv{op::timed(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}, 0s)};
  s.ring.start(recv);
  s.ring.cancel(recv);
  s.finish(recv);
  canceled(recv.result());
  recv.limit = 1ms;  // the same operation again
  s.ring.start(recv);
  s.finish(recv);
  failed(recv.result(), sluice::errc::timed_out);
}

BOOST_AUTO_TEST_CASE(a_sink_may_start_operations) {
  session s;
  operation<op::nop> first{op::nop{}};
  operation<op::nop> second{op::nop{}};
  s.ring.start(first);
  std::size_t seen = 0;
  const auto sink = [&](sluice::aio::record& done) noexcept {
    ++seen;
    if (done.is(first)) s.ring.start(second);
  };
  while (!second.is_done()) BOOST_TEST_REQUIRE(s.ring.poll(sink, sluice::wait::one).has_value());
  BOOST_TEST(seen == 2U);
}

BOOST_AUTO_TEST_CASE(a_span_of_operations_is_one_batch) {
  session s;
  const auto pair = support::socket_pair();
  std::array<support::buffer<1>, 3> buffers;
  using receive = operation<op::recv>;
  std::array<receive, 3> all{receive{op::recv{.socket = pair.near.socket(), .buffer = buffers[0].span()}},
                             receive{op::recv{.socket = pair.near.socket(), .buffer = buffers[1].span()}},
                             receive{op::recv{.socket = pair.near.socket(), .buffer = buffers[2].span()}}};
  BOOST_TEST(s.ring.start(std::span<receive>{all}) == 0U);
  put(pair.far, "abc");
  s.finish(all[0], all[1], all[2]);
  BOOST_TEST(buffers[0].text(1) + buffers[1].text(1) + buffers[2].text(1) == "abc");
  BOOST_TEST(s.ring.start(std::span<receive>{}) == 0U);
}

BOOST_AUTO_TEST_CASE(the_waiter_of_a_call_is_left_in_each_record) {
  session s;
  auto batch = s.call(op::soft(op::nop{}), op::nop{}, op::timeout{.after = 1ms});
  int me = 0;
  s.ring.start(batch, &me);
  s.finish(batch);
  BOOST_TEST_REQUIRE(s.done.size() == 3U);
  for (const auto* one : s.done) BOOST_TEST((one->waiter == &me));
}

/// Story: a loop that had enough to do never polled, for it was told that there was nothing to poll for.
BOOST_AUTO_TEST_CASE(a_wake_up_is_something_to_poll_for) {
  session s;
  s.poll(sluice::wait::none);
  BOOST_TEST(!s.ring.pending());
  s.ring.wake();
  BOOST_TEST(s.ring.pending());
  s.poll(sluice::wait::one);
  BOOST_TEST(!s.ring.pending());
}

BOOST_AUTO_TEST_CASE(an_operation_must_outlive_its_flight) {
#ifndef NDEBUG
  const auto end = support::in_child([] {
    session s;
    {
      operation<op::timeout> one{op::timeout{.after = 100s}};
      s.ring.start(one);
    }
    return 0;
  });
  BOOST_TEST(end.signal == SIGABRT);
  BOOST_TEST(end.said.find("an operation was destroyed while it was in flight") != std::string::npos);
  const auto twice = support::in_child([] {
    session s;
    operation<op::timeout> one{op::timeout{.after = 100s}};
    s.ring.start(one);
    s.ring.start(one);
    return 0;
  });
  BOOST_TEST(twice.signal == SIGABRT);
  BOOST_TEST(twice.said.find("an operation was started while it was in flight") != std::string::npos);
#endif
}

/// A member is taken out of the middle of a chain that the kernel runs, again and again, while what runs may finish at any moment.
BOOST_AUTO_TEST_CASE(members_are_taken_out_of_chains_that_the_kernel_runs) {
  session s;
  const auto pair = support::socket_pair();
  const auto pipe = support::pipe_pair();
  support::buffer first;
  support::buffer second;
  for (int round = 0; round < 200; ++round) {
    auto batch = s.call(op::soft(op::recv{.socket = pair.near.socket(), .buffer = first.span(1)}),
                        op::soft(op::recv{.socket = pair.near.socket(), .buffer = second.span(1)}),
                        op::soft(op::write{.file = pipe.far.file(), .buffer = support::bytes_of("w")}), op::nop{});
    s.ring.start(batch);
    if (round % 2 == 0) s.poll(sluice::wait::none);
    if (round % 4 < 2) put(pair.far, "a");
    s.ring.cancel(batch.get<2>());
    if (round % 3 == 0) s.poll(sluice::wait::none);
    if (round % 4 >= 2) put(pair.far, "a");
    put(pair.far, "b");
    s.finish(batch);
    const auto [a, b, c, d] = batch.results();
    gave(a, 1U);
    gave(b, 1U);
    BOOST_TEST(first.text(1) + second.text(1) == "ab");
    const auto written = support::take(pipe.near);
    if (c) {
      BOOST_TEST(written == "w");
      succeeded(d);
    } else {
      BOOST_TEST(written.empty());
      canceled(c);
      canceled(d);
    }
    BOOST_TEST(!s.ring.pending());
  }
}

BOOST_AUTO_TEST_CASE(a_failure_in_a_chain_that_is_taken_back_stays_one) {
  session s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  auto batch = s.call(op::soft(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}),
                      op::soft(op::fsync{.file = sluice::file_handle{7777}}), op::soft(op::nop{}), op::soft(op::nop{}), op::nop{});
  s.ring.start(batch);
  s.poll(sluice::wait::none);
  s.ring.cancel(batch.get<4>());
  s.finish(batch.get<4>());
  s.ring.cancel(batch.get<3>());
  s.finish(batch.get<3>());
  BOOST_TEST(!batch.get<0>().is_done());
  put(pair.far, "abc");
  s.finish(batch);
  const auto [a, b, c, d, e] = batch.results();
  gave(a, 3U);
  failed(b, std::errc::bad_file_descriptor);
  canceled(c);
  canceled(d);
  canceled(e);
  BOOST_TEST(s.ring.in_flight() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
