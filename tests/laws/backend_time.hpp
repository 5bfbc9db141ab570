// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Laws of backends: time, signals, the end, and a system that says no. Sections 7, 9 and 12.

#include <laws/backend.hpp>

#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <thread>

#include <pthread.h>

namespace laws::backend {

using steady = std::chrono::steady_clock;

template <class Config>
void a_timeout_is_never_early() {
  covers("7.1", "7.2");
  exercises<op::timeout>(real);
  session<Config> s;
  for (const auto span :
       {std::chrono::microseconds{1}, std::chrono::microseconds{100}, std::chrono::microseconds{1500}, std::chrono::microseconds{7000}}) {
    for (const auto clock : {sluice::clock_kind::steady, sluice::clock_kind::boot, sluice::clock_kind::wall}) {
      const auto begin = steady::now();
      succeeded(s.run_alone(op::timeout{.after = span, .clock = clock}));
      BOOST_TEST((steady::now() - begin >= span));
      using os = typename session<Config>::ring_type::os;
      const auto target = os::now(clock) + span;
      succeeded(s.run_alone(op::timeout{.at = target, .clock = clock}));
      BOOST_TEST((os::now(clock) >= target));
    }
    const auto begin = steady::now();
    s.poll(sluice::wait::at_most(span));
    BOOST_TEST((steady::now() - begin >= span));
    const auto pair = support::socket_pair();
    support::buffer buffer;
    const auto bounded = steady::now();
    failed(s.run_alone(op::timed(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}, span)), sluice::errc::timed_out);
    BOOST_TEST((steady::now() - bounded >= span));
  }
}

template <class Config>
void zero_and_negative_spans_end_at_the_next_poll_and_the_largest_never() {
  covers("7.3");
  session<Config> s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  const auto recv = op::recv{.socket = pair.near.socket(), .buffer = buffer.span()};
  for (const auto span : {interval{0s}, interval{-5s}, interval{std::chrono::hours::min()}}) {
    succeeded(s.run_alone(op::timeout{.after = span}));
    failed(s.run_alone(op::timed(recv, span)), sluice::errc::timed_out);
    const auto [a, b] = s.run(op::soft(recv), op::link_timeout{.after = span});
    canceled(a);
    failed(b, sluice::errc::timed_out);
    s.poll(sluice::wait::at_most(span));
  }
  typename session<Config>::template operation<op::timeout> never{op::timeout{.after = interval::max()}};
  typename session<Config>::template operation<op::timeout> never_at{op::timeout{.at = sluice::time_point::never()}};
  typename session<Config>::template operation<op::timeout> ages{op::timeout{.after = std::chrono::hours::max()}};
  typename session<Config>::template operation<op::timed<op::recv>> unbounded{op::timed(recv, interval::max())};
  s.ring.start(never);
  s.ring.start(never_at);
  s.ring.start(ages);
  s.ring.start(unbounded);
  s.linger();
  BOOST_TEST(!never.is_done());
  BOOST_TEST(!never_at.is_done());
  BOOST_TEST(!ages.is_done());
  BOOST_TEST(!unbounded.is_done());
  put(pair.far, "abc");
  s.finish(unbounded);
  gave(unbounded.result(), 3U);
  s.ring.cancel(never);
  s.ring.cancel(never_at);
  s.ring.cancel(ages);
  s.finish(never, never_at, ages);
}

template <class Config>
void equal_deadlines_fire_in_the_order_in_which_they_were_set() {
  covers("7.3");
  session<Config> s;
  const auto pair = support::socket_pair();
  std::vector<support::buffer<4>> buffers(20);
  using bounded = typename session<Config>::template operation<op::timed<op::recv>>;
  std::vector<std::unique_ptr<bounded>> all;
  std::vector<aio::timer> timers(20);
  const auto when = s.ring.now() + 3ms;
  for (std::size_t i = 0; i < 20; ++i) {
    all.push_back(std::make_unique<bounded>(op::timed(op::recv{.socket = pair.near.socket(), .buffer = buffers[i].span()}, 3ms)));
    s.ring.start(*all.back());
    timers[i].deadline = when;
    BOOST_TEST_REQUIRE(s.ring.arm(timers[i]).has_value());
  }
  s.ring.disarm(timers[7]);
  s.until([&] { return s.ring.in_flight() == 0 && s.ring.timers() == 0; });
  BOOST_TEST((s.ring.now() >= when));
  for (std::size_t i = 0; i < 20; ++i) {
    failed(all[i]->result(), sluice::errc::timed_out);
    BOOST_TEST(s.place(*all[i]) == i);
  }
  BOOST_TEST(s.fired.size() == 19U);
  for (std::size_t i = 0; i < s.fired.size(); ++i) BOOST_TEST((s.fired[i] == &timers[i < 7 ? i : i + 1]));
}

template <class Config>
void success_wins_against_a_deadline() {
  covers("4.3");
  session<Config> s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  put(pair.far, "abc");
  gave(s.run_alone(op::timed(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}, 0s)), 3U);
  BOOST_TEST(s.ring.timers() == 0U);
  std::size_t received = 0;
  for (int i = 0; i < 200; ++i) {  // the data and the deadline come together
    typename session<Config>::template operation<op::timed<op::recv>> one{
        op::timed(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}, 20us)};
    s.ring.start(one);
    s.poll(sluice::wait::none);
    const auto begin = steady::now();
    while (steady::now() - begin < 19us) {}
    put(pair.far, "x");
    s.finish(one);
    const auto left = take(pair.near).size();
    if (one.result()) {
      ++received;
      BOOST_TEST(left == 0U);
    } else {
      failed(one.result(), sluice::errc::timed_out);
      BOOST_TEST(left == 1U);
    }
  }
  BOOST_TEST_MESSAGE(received << " of 200 receives won against their deadline");
}

inline std::atomic<int> signals_seen{0};

template <class Config>
void signals_are_not_seen_by_operations_and_do_not_shorten_them() {
  covers("1.3", "7.2");
  for (const int flags : {0, SA_RESTART}) {
    struct ::sigaction action{};
    struct ::sigaction before{};
    action.sa_handler = [](int) { ++signals_seen; };
    action.sa_flags = flags;
    ::sigaction(SIGUSR1, &action, &before);
    session<Config> s;
    signals_seen = 0;
    const auto pair = support::socket_pair();
    support::buffer buffer;
    std::atomic<bool> stop{false};
    const auto target = ::pthread_self();
    std::thread pest{[&] {
      while (!stop) {
        ::pthread_kill(target, SIGUSR1);
        std::this_thread::sleep_for(200us);
      }
    }};
    while (signals_seen == 0) std::this_thread::yield();
    const auto begin = steady::now();
    failed(s.run_alone(op::timed(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}, 8ms)), sluice::errc::timed_out);
    succeeded(s.run_alone(op::timeout{.after = 8ms}));
    BOOST_TEST((steady::now() - begin >= 16ms));
    const auto polled = steady::now();
    s.poll(sluice::wait::at_most(8ms));
    BOOST_TEST((steady::now() - polled >= 8ms));
    typename session<Config>::template operation<op::recv> recv{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
    s.ring.start(recv);
    s.linger(8ms);
    put(pair.far, "abc");
    s.finish(recv);
    gave(recv.result(), 3U);
    for (int i = 0; i < 200; ++i) {
      const auto file = s.run_alone(op::open_at{.path = "/dev/null"});
      succeeded(file);
      succeeded(s.run_alone(op::close_file{.file = *file}));
    }
    stop = true;
    pest.join();
    ::sigaction(SIGUSR1, &before, nullptr);
  }
}

template <class Config>
void destroying_a_ring_cancels_what_is_pending_and_waits_for_it() {
  covers("9.1");
  const auto pair = support::socket_pair();
  const support::listener server;
  support::buffer buffer;
  const auto before = support::count_descriptors();
  std::optional<session<Config>> s{std::in_place};
  typename session<Config>::template operation<op::recv> recv{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
  typename session<Config>::template operation<op::accept> accept{op::accept{.socket = server.socket.socket()}};
  typename session<Config>::template operation<op::timeout> timeout{op::timeout{.after = 100s}};
  typename session<Config>::template operation<op::timed<op::recv>> timed{
      op::timed(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}, 100s)};
  auto chain = s->call(op::hard(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}), op::hard(op::timeout{.after = 100s}),
                       op::timeout{.after = 100s});
  auto linked = s->call(op::soft(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}), op::nop{});
  s->ring.start(recv);
  s->ring.start(accept);
  s->ring.start(chain);
  s->poll(sluice::wait::none);
  s->ring.start(linked);
  s->ring.start(timeout);
  s->ring.start(timed);
  s.reset();
  canceled(recv.result());
  canceled(accept.result());
  canceled(timeout.result());
  canceled(timed.result());
  std::apply([](const auto&... outcome) { (canceled(outcome), ...); }, chain.results());
  std::apply([](const auto&... outcome) { (canceled(outcome), ...); }, linked.results());
  BOOST_TEST(support::count_descriptors() == before);
  put(pair.far, "x");
  BOOST_TEST(take(pair.near) == "x");
}

template <class Config>
void draining_hands_each_operation_to_its_sink() {
  covers("9.1");
  session<Config> s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  typename session<Config>::template operation<op::recv> recv{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
  typename session<Config>::template operation<op::nop> nop{op::nop{}};
  s.ring.start(recv);
  s.ring.start(nop);
  std::set<const aio::record*> seen;
  const auto count = s.ring.drain([&](aio::record& one) noexcept { seen.insert(&one); });
  gave(count, 2U);
  BOOST_TEST(seen.size() == 2U);
  canceled(recv.result());
  succeeded(s.run_alone(op::nop{}));
}

template <class Config>
void without_descriptors_single_operations_fail_and_the_loop_goes_on() {
  covers("12.2");
  exercises<op::accept, op::socket, op::open_at, op::wait_event>(failure);
  session<Config> s;
  const support::listener server;
  const auto client = server.client();
  typename session<Config>::event_source source;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  typename session<Config>::template operation<op::recv> recv{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
  typename session<Config>::template operation<op::accept> accept{op::accept{.socket = server.socket.socket()}};
  s.ring.start(recv);
  s.poll(sluice::wait::none);
  {
    const support::limit_guard none{RLIMIT_NOFILE, 0};
    for (int round = 0; round < 3; ++round) {
      const auto polled = s.ring.trace().snapshot().polled;
      s.ring.start(accept);
      s.finish(accept);
      failed(accept.result(), std::errc::too_many_files_open);
      BOOST_TEST(s.ring.trace().snapshot().polled - polled < 50U);
      failed(s.run_alone(op::socket{}), std::errc::too_many_files_open);
      const auto [in_batch, nothing] = s.run(op::socket{}, op::nop{});
      failed(in_batch, std::errc::too_many_files_open);
      failed(s.run_alone(op::open_at{.path = "/dev/null"}), std::errc::too_many_files_open);
      failed(s.run_alone(op::wait_event{.source = source}), std::errc::too_many_files_open);
      const auto [opened, written] = s.run(op::soft(op::open_at{.path = "/dev/null"}), op::nop{});
      failed(opened, std::errc::too_many_files_open);
      canceled(written);
    }
    put(pair.far, "abc");
    s.finish(recv);
    gave(recv.result(), 3U);
  }
  const auto taken = s.run_alone(op::accept{.socket = server.socket.socket()});
  BOOST_TEST_REQUIRE(taken.has_value());
  ::close(taken->socket.native());
}

template <class Config>
void a_ring_that_the_system_refuses_is_an_error_that_says_why() {
  covers("12.1");
  (void)support::count_descriptors();
  const auto before = support::count_descriptors();
  {
    const support::limit_guard none{RLIMIT_NOFILE, 0};
    const auto refused = session<Config>::ring_type::make();
    failed(refused, std::errc::too_many_files_open);
    BOOST_TEST(refused.error().message().find("RLIMIT_NOFILE") != std::string::npos);
  }
  BOOST_TEST(support::count_descriptors() == before);
  BOOST_TEST(session<Config>::ring_type::make().has_value());
}

}  // namespace laws::backend

// clang-format off
#define LAWS_OF_BACKEND_TIME(models)                                          \
  LAW_OF_BACKENDS(a_timeout_is_never_early, models)                           \
  LAW_OF_BACKENDS(zero_and_negative_spans_end_at_the_next_poll_and_the_largest_never, models) \
  LAW_OF_BACKENDS(equal_deadlines_fire_in_the_order_in_which_they_were_set, models) \
  LAW_OF_BACKENDS(success_wins_against_a_deadline, models)                    \
  LAW_OF_BACKENDS(signals_are_not_seen_by_operations_and_do_not_shorten_them, models) \
  LAW_OF_BACKENDS(destroying_a_ring_cancels_what_is_pending_and_waits_for_it, models) \
  LAW_OF_BACKENDS(draining_hands_each_operation_to_its_sink, models)          \
  LAW_OF_BACKENDS(without_descriptors_single_operations_fail_and_the_loop_goes_on, models) \
  LAW_OF_BACKENDS(a_ring_that_the_system_refuses_is_an_error_that_says_why, models)
// clang-format on
