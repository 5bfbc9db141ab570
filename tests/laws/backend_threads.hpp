// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Laws of backends: waking, other threads, foreign loops and forks. Section 8.

#include <laws/backend.hpp>
#include <support/child.hpp>

#include <atomic>
#include <thread>
#include <vector>

namespace laws::backend {

template <class Config>
void another_thread_may_only_wake() {
  covers("8.1");
#ifndef NDEBUG
  const auto end = support::in_child([] {
    session<Config> s;
    std::thread{[&] { (void)s.ring.poll(s, sluice::wait::none); }}.join();
    return 0;
  });
  BOOST_TEST(end.signal == SIGABRT);
  BOOST_TEST(end.said.find("a ring is used by the thread that made it") != std::string::npos);
#endif
  session<Config> s;
  std::thread{[&] { s.ring.wake(); }}.join();
  const auto begin = std::chrono::steady_clock::now();
  s.poll(sluice::wait::one);  // comes back although there is nothing
  BOOST_TEST((std::chrono::steady_clock::now() - begin < 10s));
}

template <class Config>
void no_wake_up_is_lost_and_none_is_needed_twice() {
  covers("8.2");
  constexpr int rounds = 3000;
  session<Config> s;
  std::atomic<int> posted{0};
  std::atomic<int> seen{0};
  std::thread waker{[&] {
    for (int i = 1; i <= rounds; ++i) {
      posted = i;
      s.ring.wake();
      if (i % 7 == 0) std::this_thread::sleep_for(20us);
      while (seen != i) std::this_thread::yield();
    }
  }};
  const auto begin = std::chrono::steady_clock::now();
  while (seen != rounds) {
    if (posted == seen) s.poll(sluice::wait::one);
    seen = posted.load();
    if (std::chrono::steady_clock::now() - begin > 60s) give_up("a wake-up was lost");
  }
  waker.join();
  s.poll(sluice::wait::none);
  const auto quiet = std::chrono::steady_clock::now();
  s.poll(sluice::wait::at_most(2ms));
  BOOST_TEST((std::chrono::steady_clock::now() - quiet >= 2ms));
}

template <class Config>
void tokens_of_other_threads_are_counted() {
  covers("8.2", "8.3");
  constexpr int threads = 3;
  constexpr int each = 500;
  session<Config> s;
  typename session<Config>::event_source source;
  std::vector<std::thread> all;
  for (int t = 0; t < threads; ++t) {
    all.emplace_back([&] {
      for (int i = 0; i < each; ++i) source.notify();
    });
  }
  for (int i = 0; i < threads * each; ++i) succeeded(s.run_alone(op::wait_event{.source = source}));
  for (auto& one : all) one.join();
  failed(s.run_alone(op::timed(op::wait_event{.source = source}, 1ms)), sluice::errc::timed_out);
}

template <class Config>
void a_foreign_loop_sees_when_there_is_something_to_poll() {
  covers("8.2");
  session<Config> s;
  const auto handle = s.ring.native_handle();
  if (!Config::has_handle) {
    failed(handle, sluice::errc::no_handle);
    failed(handle, std::errc::not_supported);
    return;
  }
  BOOST_TEST_REQUIRE(handle.has_value());
  BOOST_TEST(*handle == *s.ring.native_handle());
  const auto pair = support::socket_pair();
  support::buffer buffer;
  const auto readable = [&](int milliseconds) { return support::readable(*handle, milliseconds); };
  typename session<Config>::template operation<op::recv> recv{op::recv{.socket = pair.near.socket(), .buffer = buffer.span(1)}};
  for (int round = 0; round < 300; ++round) {
    s.ring.start(recv);
    s.poll(sluice::wait::none);
    std::thread sender;
    if (round % 10 == 0) {
      sender = std::thread{[&] { put(pair.far, "x"); }};
    } else {
      put(pair.far, "x");
    }
    while (!recv.is_done()) {
      if (!readable(10'000)) give_up("a completion did not make the handle readable");
      s.poll(sluice::wait::none);
    }
    if (sender.joinable()) sender.join();
    gave(recv.result(), 1U);
  }
  for (int round = 0; round < 200; ++round) {  // wakes, one after the other
    s.poll(sluice::wait::none);
    std::thread{[&] { s.ring.wake(); }}.join();
    if (!readable(10'000)) give_up("a wake-up did not make the handle readable");
    s.poll(sluice::wait::none);
  }
  s.poll(sluice::wait::none);
  s.poll(sluice::wait::none);
  BOOST_TEST(!readable(0));
}

template <class Config>
void a_forked_child_has_no_ring_and_can_make_its_own() {
  covers("8.4");
  session<Config> s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  typename session<Config>::template operation<op::recv> recv{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
  s.ring.start(recv);
  s.poll(sluice::wait::none);
  typename session<Config>::template operation<op::nop> unsubmitted{op::nop{}};
  s.ring.start(unsubmitted);
  const auto end = support::in_child([&] {
    if (!s.ring.in_child()) return 1;
    const auto before = support::count_descriptors();
    s.ring.~ring();
    if (support::count_descriptors() >= before) return 2;
    session<Config> mine;
    if (mine.ring.in_child()) return 3;
    if (!mine.run_alone(op::timeout{.after = 1ms})) return 4;
    if (!mine.run_alone(op::nop{})) return 5;
    return 0;
  });
  BOOST_TEST(end.code == 0);
  BOOST_TEST(!s.ring.in_child());
  put(pair.far, "abc");
  s.finish(recv, unsubmitted);
  gave(recv.result(), 3U);
}

}  // namespace laws::backend

// clang-format off
#define LAWS_OF_BACKEND_THREADS(models)                                       \
  LAW_OF_BACKENDS(another_thread_may_only_wake, models)                       \
  LAW_OF_BACKENDS(no_wake_up_is_lost_and_none_is_needed_twice, models)        \
  LAW_OF_BACKENDS(tokens_of_other_threads_are_counted, models)                \
  LAW_OF_BACKENDS(a_foreign_loop_sees_when_there_is_something_to_poll, models) \
  LAW_OF_BACKENDS(a_forked_child_has_no_ring_and_can_make_its_own, models)
// clang-format on
