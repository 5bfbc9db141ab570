// SPDX-License-Identifier: MIT
// Rings that are woken, and what other loops wait for, where the system refuses what that takes.
#include <support/descriptors.hpp>
#include <support/scripted_uring.hpp>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <cerrno>
#include <chrono>
#include <thread>

namespace {

namespace op = sluice::op;
using namespace std::chrono_literals;
using laws::backend::canceled;
using laws::backend::failed;
using laws::backend::session;
using laws::backend::succeeded;
using scripted::app;
using scripted::operation;
using scripted::refuse_register;
using scripted::register_eventfd;
using scripted::register_send_msg_ring;
using support::script;

/// The next ring is woken through an event descriptor.
void without_messages() {
  script::next("missing_features", {1U << 16U});
  refuse_register(register_send_msg_ring, EINVAL);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_FIXTURE_TEST_SUITE(io_uring_scripted_wakes, support::script_fixture)

BOOST_AUTO_TEST_CASE(without_a_descriptor_for_an_event_source_one_wait_fails) {
  session<app> s;
  session<app>::event_source source;
  script::next("eventfd", {-EMFILE, -ENFILE});
  failed(s.run_alone(op::wait_event{.source = source}), std::errc::too_many_files_open);
  const auto [a, b] = s.run(op::soft(op::wait_event{.source = source}), op::nop{});
  failed(a, std::errc::too_many_files_open_in_system);
  canceled(b);
  source.notify();  // counted without a descriptor
  succeeded(s.run_alone(op::wait_event{.source = source}));
  BOOST_TEST(script::calls("eventfd") == 2U);
  operation<op::wait_event> wait{op::wait_event{.source = source}};
  s.ring.start(wait);
  script::next("write", {-EINTR, -EINTR});
  source.notify();
  s.finish(wait);
  succeeded(wait.result());
}

BOOST_AUTO_TEST_CASE(a_native_handle_that_is_refused_is_an_error_that_leaves_nothing) {
  session<app> s;
  const auto before = support::count_descriptors();
  script::next("eventfd", {-EMFILE});
  failed(s.ring.native_handle(), std::errc::too_many_files_open);
  refuse_register(register_eventfd, ENOMEM);
  failed(s.ring.native_handle(), std::errc::not_enough_memory);
  BOOST_TEST(support::count_descriptors() == before);
  script::clear();
  succeeded(s.ring.native_handle());
}

BOOST_AUTO_TEST_CASE(waking_costs_no_call_while_the_ring_is_awake) {
  for (const bool messages : {true, false}) {
    script::clear();
    if (!messages) without_messages();
    session<app> s;
    s.poll(sluice::wait::none);
    const auto before = script::calls();
    for (int i = 0; i < 10; ++i) s.ring.wake();
    BOOST_TEST(script::calls() == before);
    s.poll(sluice::wait::one);
    const auto begin = std::chrono::steady_clock::now();
    s.poll(sluice::wait::at_most(1ms));
    BOOST_TEST((std::chrono::steady_clock::now() - begin >= 1ms));
  }
}

/// Story: the descriptor that wakes was armed at the end of the first poll, so that nobody could end that one.
BOOST_AUTO_TEST_CASE(the_first_poll_can_be_ended_without_messages) {
  without_messages();
  session<app> s;
  std::thread other{[&] {
    std::this_thread::sleep_for(10ms);
    s.ring.wake();
    s.ring.wake();
  }};
  const auto begin = std::chrono::steady_clock::now();
  s.poll(sluice::wait::at_most(10s));
  BOOST_TEST((std::chrono::steady_clock::now() - begin < 5s));
  other.join();
  s.poll(sluice::wait::none);
  script::next("write", {-EINTR});
  for (int i = 0; i < 50; ++i) {
    std::thread again{[&] { s.ring.wake(); }};
    s.poll(sluice::wait::one);
    again.join();
  }
}

BOOST_AUTO_TEST_CASE(a_foreign_loop_works_without_messages) {
  without_messages();
  session<app> s;
  const auto handle = s.ring.native_handle();
  BOOST_TEST_REQUIRE(handle.has_value());
  s.poll(sluice::wait::none);
  for (int i = 0; i < 100; ++i) {
    std::thread{[&] { s.ring.wake(); }}.join();
    if (!support::readable(*handle, 10'000)) laws::backend::give_up("a wake-up was lost");
    s.poll(sluice::wait::none);
  }
}

/// Story: a poll took the signal after it had looked at the completions, and with it the signal of one that came in between.
BOOST_AUTO_TEST_CASE(a_completion_that_comes_while_a_signal_is_taken_is_not_slept_through) {
  session<app> s;
  const auto handle = s.ring.native_handle();
  BOOST_TEST_REQUIRE(handle.has_value());
  const auto pair = support::socket_pair();
  support::buffer buffer;
  operation<op::recv> recv{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
  s.ring.start(recv);
  s.poll(sluice::wait::none);
  script::always("read", [&](const support::system_call& call) -> script::answer {
    if (static_cast<int>(call.first) == *handle && ::write(pair.far.get(), "x", 1) != 1) return -EIO;
    return {};
  });
  s.poll(sluice::wait::none);
  script::clear();
  BOOST_TEST((recv.is_done() || support::readable(*handle, 1000)));
  s.finish(recv);
}

BOOST_AUTO_TEST_CASE(a_refused_wake_message_is_tried_again_if_interrupted) {
  session<app> s;
  std::atomic<bool> asleep{false};
  script::always("uring_enter", [&](const support::system_call& call) -> script::answer {
    if (call.second != 0) asleep = true;
    return {};
  });
  std::thread other{[&] {
    while (!asleep) std::this_thread::yield();
    script::next("uring_register", {-EINTR, -EINTR});
    s.ring.wake();
  }};
  s.poll(sluice::wait::at_most(10s));
  other.join();
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
