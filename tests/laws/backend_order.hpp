// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Laws of backends: order, batches and inline attempts. Section 3.

#include <laws/backend.hpp>
#include <support/child.hpp>

#include <array>
#include <memory>
#include <span>

namespace laws::backend {

template <class Config>
void unlinked_operations_start_in_the_order_in_which_they_were_queued() {
  covers("3.1");
  session<Config> s;
  const auto pair = support::socket_pair();
  std::array<support::buffer<1>, 10> buffers;
  using receive = typename session<Config>::template operation<op::recv>;
  std::vector<std::unique_ptr<receive>> all;
  put(pair.far, "0123456789");
  for (auto& buffer : buffers) all.push_back(std::make_unique<receive>(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}));
  for (auto& one : all) s.ring.start(*one);
  for (auto& one : all) s.finish(*one);
  for (std::size_t i = 0; i < buffers.size(); ++i) BOOST_TEST(buffers[i].text(1) == std::to_string(i));
}

template <class Config>
void operations_between_two_polls_reach_the_kernel_in_one_submission() {
  covers("3.2");
  using nops = typename session<Config>::template operation<op::nop>;
  constexpr std::size_t count = 12;
  session<Config> s;
  s.poll(sluice::wait::none);
  s.ring.trace().reset();
  std::array<nops, count> all{nops{op::nop{}}, nops{op::nop{}}, nops{op::nop{}}, nops{op::nop{}}, nops{op::nop{}}, nops{op::nop{}},
                              nops{op::nop{}}, nops{op::nop{}}, nops{op::nop{}}, nops{op::nop{}}, nops{op::nop{}}, nops{op::nop{}}};
  BOOST_TEST(s.ring.start(std::span<nops>{all}) == 0U);
  s.until([&] { return s.done.size() == count; });
  constexpr auto entries = Config::entries;
  const auto seen = s.ring.trace().snapshot();
  if (!Config::submits_later) {
    BOOST_TEST(seen.submissions == count);
    BOOST_TEST(seen.submitted == (count + entries - 1) / entries);
  }
  for (std::size_t i = 0; i < count; ++i) BOOST_TEST((s.done[i] == &all[i]));
}

template <class Config>
void a_batch_is_never_tried_inline() {
  covers("3.2", "3.5");
  session<Config> s;
  const auto one = support::socket_pair();
  const auto two = support::socket_pair();
  support::buffer first;
  support::buffer second;
  put(one.far, "a");
  put(two.far, "b");
  const auto [a, b, c, d] =
      s.run(op::recv{.socket = one.near.socket(), .buffer = first.span()}, op::recv{.socket = two.near.socket(), .buffer = second.span()},
            op::send{.socket = one.near.socket(), .buffer = bytes_of("c")}, op::shutdown{.socket = two.far.socket()});
  gave(a, 1U);
  gave(b, 1U);
  gave(c, 1U);
  succeeded(d);
  BOOST_TEST(s.ring.trace().snapshot().op_inline == 0U);
}

template <class Config>
void an_inline_attempt_does_not_overtake() {
  covers("3.5");
  session<Config> s;
  const auto pair = support::socket_pair();
  support::buffer first;
  support::buffer second;
  typename session<Config>::template operation<op::recv> early{op::recv{.socket = pair.near.socket(), .buffer = first.span(1)}};
  typename session<Config>::template operation<op::recv> late{op::recv{.socket = pair.near.socket(), .buffer = second.span(1)}};
  s.ring.start(early);
  put(pair.far, "ab");
  s.ring.start(late);
  s.finish(early, late);
  BOOST_TEST(first.text(1) + second.text(1) == "ab");

  // A send that could go at once waits behind one that could not.
  const std::string big(6'000'000, 'x');
  const auto [sent, last] = [&] {
    std::string got;
    auto batch = s.call(op::soft(op::send{.socket = pair.near.socket(), .buffer = bytes_of(big), .flags = sluice::send_flags::wait_all}),
                        op::send{.socket = pair.near.socket(), .buffer = bytes_of("last")});
    s.ring.start(batch);
    s.until([&] {
      for (auto part = take(pair.far, 65536); !part.empty(); part = take(pair.far, 65536)) got += part;
      return batch.unfinished() == 0;
    });
    for (auto part = take(pair.far, 65536); !part.empty(); part = take(pair.far, 65536)) got += part;
    BOOST_TEST((got == big + "last"));
    return batch.results();
  }();
  gave(sent, big.size());
  gave(last, 4U);

  // What is queued and not yet submitted is not overtaken by a plain call either.
  typename session<Config>::template operation<op::recv> pending{op::recv{.socket = pair.near.socket(), .buffer = first.span()}};
  typename session<Config>::template operation<op::shutdown> end{op::shutdown{.socket = pair.near.socket()}};
  s.ring.start(pending);
  s.ring.start(end);
  s.finish(pending, end);
  gave(pending.result(), 0U);
  succeeded(end.result());
}

template <class Config>
void two_sends_in_flight_on_a_stream_are_refused_unless_linked() {
  covers("3.4");
  session<Config> s;
  const auto stream = support::socket_pair();
  const auto packets = support::socket_pair(SOCK_DGRAM);
  const auto send = [](const support::descriptor& to, std::string_view text) {
    return op::send{.socket = to.socket(), .buffer = bytes_of(text)};
  };
  const auto [a, b, c] = s.run(op::soft(send(stream.near, "a")), op::soft(send(stream.near, "b")), send(stream.near, "c"));
  gave(c, 1U);
  const auto [d, e] = s.run(op::hard(send(stream.near, "d")), send(stream.near, "e"));
  gave(e, 1U);
  BOOST_TEST(take(stream.far) == "abcde");
  const auto [f, g] = s.run(send(packets.near, "f"), send(packets.near, "g"));
  gave(g, 1U);
#ifndef NDEBUG
  const auto end = support::in_child([&] {
    session<Config> mine;
    auto batch = mine.call(send(stream.near, "x"), send(stream.near, "y"));
    mine.ring.start(batch);
    return 0;
  });
  BOOST_TEST(end.signal == SIGABRT);
  BOOST_TEST(end.said.find("two sends in flight on one stream socket") != std::string::npos);
#endif
}

template <class Config>
void each_token_lets_exactly_one_waiter_pass() {
  covers("3.3", "8.3");
  exercises<op::notify_event, op::wait_event>(real);
  session<Config> s;
  typename session<Config>::event_source source;
  using waits = typename session<Config>::template operation<op::wait_event>;
  for (int i = 0; i < 3; ++i) source.notify();
  std::array<waits, 3> early{waits{op::wait_event{.source = source}}, waits{op::wait_event{.source = source}},
                             waits{op::wait_event{.source = source}}};
  for (auto& one : early) {
    if (s.ring.start(one) == started::pending) s.finish(one);
    succeeded(one.result());
  }
  std::array<waits, 5> late{waits{op::wait_event{.source = source}}, waits{op::wait_event{.source = source}},
                            waits{op::wait_event{.source = source}}, waits{op::wait_event{.source = source}},
                            waits{op::wait_event{.source = source}}};
  s.done.clear();
  s.ring.start(std::span<waits>{late});
  s.linger();
  BOOST_TEST(s.done.empty());
  for (int i = 0; i < 3; ++i) source.notify();
  s.until([&] { return s.done.size() >= 3; });
  s.linger();
  BOOST_TEST(s.done.size() == 3U);
  succeeded(s.run_alone(op::notify_event{.source = source}));
  const auto [told] = std::tuple{s.run(op::notify_event{.source = source})};
  succeeded(told);
  s.until([&] { return s.done.size() == late.size() + 2 || s.ring.in_flight() == 0; });
  for (auto& one : late) succeeded(one.result());
  for (int i = 0; i < 100; ++i) source.notify();
  for (int i = 0; i < 100; ++i) succeeded(s.run_alone(op::wait_event{.source = source}));
  const auto none = s.run_alone(op::timed(op::wait_event{.source = source}, 2ms));
  failed(none, sluice::errc::timed_out);
  const auto [notified, passed] = s.run(op::soft(op::notify_event{.source = source}), op::wait_event{.source = source});
  succeeded(notified);
  succeeded(passed);
}

}  // namespace laws::backend

// clang-format off
#define LAWS_OF_BACKEND_ORDER(models)                                         \
  LAW_OF_BACKENDS(unlinked_operations_start_in_the_order_in_which_they_were_queued, models) \
  LAW_OF_BACKENDS(operations_between_two_polls_reach_the_kernel_in_one_submission, models)  \
  LAW_OF_BACKENDS(a_batch_is_never_tried_inline, models)                      \
  LAW_OF_BACKENDS(an_inline_attempt_does_not_overtake, models)                \
  LAW_OF_BACKENDS(two_sends_in_flight_on_a_stream_are_refused_unless_linked, models) \
  LAW_OF_BACKENDS(each_token_lets_exactly_one_waiter_pass, models)
// clang-format on
