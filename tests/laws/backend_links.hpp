// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Laws of backends: operations that are linked. Section 4, whose table has the rows 4.a to 4.i. Each law is checked on chains that the
/// kernel may run, and on the same chains with a member that only the library's own executor can serve.

#include <laws/backend.hpp>

#include <memory>
#include <span>

namespace laws::backend {

/// Leaves the last member of a chain as it is.
struct by_the_system {
  static constexpr auto last = [](auto op) { return op; };
};
/// Gives it a deadline that never comes, which no kernel knows.
struct by_the_library {
  static constexpr auto last = [](auto op) { return op::timed(std::move(op), interval::max()); };
};

inline auto failing_read() { return op::read{.file = sluice::file_handle{7777}, .buffer = {}}; }

template <class Config, class Run>
void a_failure_behind_a_soft_link_cuts_the_chain() {
  covers("4.a", "4.2");
  session<Config> s;
  const auto pipe = support::pipe_pair();
  const auto [a, b, c, d] = s.run(op::soft(op::nop{}), op::soft(failing_read()),
                                  op::soft(op::write{.file = pipe.far.file(), .buffer = bytes_of("x")}), Run::last(op::nop{}));
  succeeded(a);
  failed(b, std::errc::bad_file_descriptor);
  canceled(c);
  canceled(d);
  const auto [e, f, g, h] = s.run(op::soft(failing_read()), op::hard(op::write{.file = pipe.far.file(), .buffer = bytes_of("x")}),
                                  op::hard(op::write{.file = pipe.far.file(), .buffer = bytes_of("y")}), Run::last(op::nop{}));
  failed(e, std::errc::bad_file_descriptor);
  canceled(f);
  canceled(g);
  canceled(h);
  BOOST_TEST(take(pipe.near).empty());
}

template <class Config, class Run>
void a_failure_behind_a_hard_link_does_not() {
  covers("4.b");
  session<Config> s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  const auto [a, b, c] = s.run(op::hard(failing_read()), op::soft(op::send{.socket = pair.near.socket(), .buffer = bytes_of("b")}),
                               Run::last(op::send{.socket = pair.near.socket(), .buffer = bytes_of("c")}));
  failed(a, std::errc::bad_file_descriptor);
  gave(b, 1U);
  gave(c, 1U);
  BOOST_TEST(take(pair.far) == "bc");
  auto batch = s.call(op::hard(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}),
                      Run::last(op::send{.socket = pair.near.socket(), .buffer = bytes_of("d")}));
  s.ring.start(batch);
  s.poll(sluice::wait::none);
  s.ring.cancel(batch.template get<0>());
  s.finish(batch);
  canceled(std::get<0>(batch.results()));
  gave(std::get<1>(batch.results()), 1U);
}

template <class Config, class Run>
void a_short_transfer_cuts_the_chain_where_it_counts_as_a_failure() {
  covers("4.c", "4.d");
  session<Config> s;
  support::buffer buffer;
  support::buffer other;
  const auto file = support::temporary_file("abc");
  const auto [a, b] = s.run(op::soft(op::read{.file = file.file(), .buffer = buffer.span(10), .offset = 0}), Run::last(op::nop{}));
  gave(a, 3U);
  canceled(b);
  const sluice::mutable_buffer parts[] = {buffer.span(2), other.span(2)};
  const auto [c, d] = s.run(op::soft(op::readv{.file = file.file(), .buffers = parts, .offset = 0}), Run::last(op::nop{}));
  gave(c, 3U);
  canceled(d);
  const auto pipe = support::pipe_pair();
  put(pipe.far, "ab");
  const auto [e, f] = s.run(op::soft(op::read{.file = pipe.near.file(), .buffer = buffer.span(3)}), Run::last(op::nop{}));
  gave(e, 2U);
  canceled(f);
  const auto [g, h] = s.run(op::hard(op::read{.file = file.file(), .buffer = buffer.span(10), .offset = 0}), Run::last(op::nop{}));
  gave(g, 3U);
  succeeded(h);
  const auto [whole, after] = s.run(op::soft(op::read{.file = file.file(), .buffer = buffer.span(3), .offset = 0}), Run::last(op::nop{}));
  gave(whole, 3U);
  succeeded(after);

  auto pair = support::socket_pair();
  put(pair.far, "ab");
  const auto [i, j] = s.run(op::soft(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}), Run::last(op::nop{}));
  gave(i, 2U);
  succeeded(j);
  const std::string big(4'000'000, 'x');
  const auto [k, l] =
      s.run(op::soft(op::send{.socket = pair.near.socket(), .buffer = bytes_of(big), .flags = sluice::send_flags::dont_wait}),
            Run::last(op::nop{}));
  BOOST_TEST((k.has_value() && *k < big.size()));
  succeeded(l);
  put(pair.far, "ab");
  pair.far.reset();
  const auto [m, n] =
      s.run(op::soft(op::recv{.socket = pair.near.socket(), .buffer = buffer.span(), .flags = sluice::recv_flags::wait_all}),
            Run::last(op::nop{}));
  if (m) {
    gave(m, 2U);
  } else {
    failed(m, std::errc::connection_reset);  // what was not received by the peer is lost with it
  }
  canceled(n);
}

template <class Config, class Run>
void a_deadline_that_is_not_needed_is_no_failure() {
  covers("4.e");
  session<Config> s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  put(pair.far, "abc");
  const auto [a, b] =
      s.run(op::soft(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}), Run::last(op::link_timeout{.after = 10s}));
  gave(a, 3U);
  canceled(b);
  put(pair.far, "abc");
  const auto [c, d, e, f] =
      s.run(op::soft(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}), op::soft(op::link_timeout{.after = 10s}),
            op::soft(op::send{.socket = pair.near.socket(), .buffer = bytes_of("x")}), Run::last(op::nop{}));
  gave(c, 3U);
  canceled(d);
  gave(e, 1U);
  succeeded(f);
  const auto [g, h, i] = s.run(op::soft(failing_read()), op::soft(op::link_timeout{.after = 10s}), Run::last(op::nop{}));
  failed(g, std::errc::bad_file_descriptor);
  canceled(h);
  canceled(i);
}

template <class Config, class Run>
void a_deadline_ends_what_it_bounds() {
  covers("4.f", "4.g");
  exercises<op::link_timeout>(real);
  session<Config> s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  const auto recv = op::recv{.socket = pair.near.socket(), .buffer = buffer.span()};
  const auto begin = std::chrono::steady_clock::now();
  const auto [a, b] = s.run(op::soft(recv), Run::last(op::link_timeout{.after = 3ms}));
  BOOST_TEST((std::chrono::steady_clock::now() - begin >= 3ms));
  canceled(a);
  failed(b, sluice::errc::timed_out);
  const auto [c, d, e, f] = s.run(op::soft(recv), op::soft(op::link_timeout{.after = 3ms}), op::hard(op::nop{}), Run::last(op::nop{}));
  canceled(c);
  failed(d, sluice::errc::timed_out);
  canceled(e);
  canceled(f);
  const auto [g, h, i, j] = s.run(op::hard(recv), op::soft(op::link_timeout{.after = 3ms}),
                                  op::soft(op::send{.socket = pair.near.socket(), .buffer = bytes_of("x")}), Run::last(op::nop{}));
  canceled(g);
  failed(h, sluice::errc::timed_out);
  gave(i, 1U);
  succeeded(j);
  // A deadline in the middle is measured from the start of what it bounds.
  const auto middle = std::chrono::steady_clock::now();
  const auto [k, l, m] = s.run(op::soft(op::timeout{.after = 5ms}), op::soft(recv), Run::last(op::link_timeout{.after = 5ms}));
  BOOST_TEST((std::chrono::steady_clock::now() - middle >= 10ms));
  succeeded(k);
  canceled(l);
  failed(m, sluice::errc::timed_out);
}

template <class Config, class Run>
void the_expiry_of_a_timeout_is_success() {
  covers("4.i");
  session<Config> s;
  const auto begin = std::chrono::steady_clock::now();
  const auto [a, b, c] = s.run(op::soft(op::timeout{.after = 2ms}), op::soft(op::timeout{.after = 2ms}), Run::last(op::nop{}));
  BOOST_TEST((std::chrono::steady_clock::now() - begin >= 4ms));
  succeeded(a);
  succeeded(b);
  succeeded(c);
  auto batch = s.call(op::soft(op::timeout{.after = 100s}), Run::last(op::nop{}));
  s.ring.start(batch);
  s.poll(sluice::wait::none);
  s.ring.cancel(batch.template get<0>());
  s.finish(batch);
  canceled(std::get<0>(batch.results()));
  canceled(std::get<1>(batch.results()));
}

template <class Config>
void a_close_is_never_skipped() {
  covers("4.2");
  session<Config> s;
  {
    auto file = support::temporary_file();
    auto pair = support::socket_pair();
    const auto number = file.release();
    const auto other = pair.near.release();
    const auto [a, b, c, d] = s.run(op::soft(failing_read()), op::soft(op::close_file{.file = sluice::file_handle{number}}),
                                    op::soft(op::nop{}), op::close_socket{.socket = sluice::socket_handle{other}});
    failed(a, std::errc::bad_file_descriptor);
    succeeded(b);
    canceled(c);
    succeeded(d);
    BOOST_TEST(!support::is_open(number));
    BOOST_TEST(!support::is_open(other));
  }
  {  // a deadline in front of it
    auto pair = support::socket_pair();
    support::buffer buffer;
    const auto number = pair.near.release();
    const auto [a, b, c] = s.run(op::soft(op::recv{.socket = sluice::socket_handle{number}, .buffer = buffer.span()}),
                                 op::soft(op::link_timeout{.after = 1ms}), op::close_socket{.socket = sluice::socket_handle{number}});
    canceled(a);
    failed(b, sluice::errc::timed_out);
    succeeded(c);
    BOOST_TEST(!support::is_open(number));
  }
  {  // the whole call is cancelled
    auto pair = support::socket_pair();
    support::buffer buffer;
    const auto number = pair.near.release();
    auto batch = s.call(op::soft(op::recv{.socket = sluice::socket_handle{number}, .buffer = buffer.span()}), op::soft(op::nop{}),
                        op::close_socket{.socket = sluice::socket_handle{number}});
    s.ring.start(batch);
    s.poll(sluice::wait::none);
    batch.cancel(s.ring);
    s.finish(batch);
    const auto [a, b, c] = batch.results();
    canceled(a);
    canceled(b);
    succeeded(c);
    BOOST_TEST(!support::is_open(number));
  }
  {  // the ring ends
    auto pair = support::socket_pair();
    support::buffer buffer;
    const auto number = pair.near.release();
    session<Config> mine;
    auto batch = mine.call(op::soft(op::recv{.socket = sluice::socket_handle{number}, .buffer = buffer.span()}), op::soft(op::nop{}),
                           op::close_socket{.socket = sluice::socket_handle{number}});
    mine.ring.start(batch);
    mine.poll(sluice::wait::none);
    BOOST_TEST(mine.ring.drain([](auto&) {}).has_value());
    canceled(std::get<0>(batch.results()));
    succeeded(std::get<2>(batch.results()));
    BOOST_TEST(!support::is_open(number));
  }
}

template <class Config, class Run>
void a_chain_reaches_the_system_whole() {
  covers("4.4");
  using nops = typename session<Config>::template operation<op::nop>;
  session<Config> s;
  constexpr auto entries = Config::entries;
  for (std::size_t before = 0; before < 3; ++before) {
    std::vector<std::unique_ptr<nops>> filling;
    for (std::size_t i = before; i < entries; ++i) s.ring.start(*filling.emplace_back(std::make_unique<nops>(op::nop{})));
    const auto [a, b, c, d] = s.run(op::soft(op::nop{}), op::soft(failing_read()), op::soft(op::nop{}), Run::last(op::nop{}));
    succeeded(a);
    failed(b, std::errc::bad_file_descriptor);
    canceled(c);
    canceled(d);
    for (auto& one : filling) s.finish(*one);
  }
  const auto pipe = support::pipe_pair();
  const auto letter = [&](const char* text) { return op::write{.file = pipe.far.file(), .buffer = bytes_of(text)}; };
  const auto all =
      s.run(op::soft(letter("a")), op::soft(letter("b")), op::soft(letter("c")), op::soft(letter("d")), op::soft(letter("e")),
            op::soft(letter("f")), op::soft(letter("g")), op::soft(letter("h")), op::soft(letter("i")), Run::last(letter("j")));
  gave(std::get<9>(all), 1U);
  BOOST_TEST(take(pipe.near) == "abcdefghij");
  // Two chains and a single operation in one call.
  const auto [a, b, c, d, e] = s.run(op::soft(failing_read()), op::nop{}, op::nop{}, op::soft(letter("k")), Run::last(letter("l")));
  canceled(b);
  succeeded(c);
  gave(d, 1U);
  gave(e, 1U);
  BOOST_TEST(take(pipe.near) == "kl");
}

template <class Config, class Run>
void cancelling_a_member_follows_the_table() {
  covers("4.5");
  exercises<op::link_timeout>(cancel);
  session<Config> s;
  const auto pair = support::socket_pair();
  const auto pipe = support::pipe_pair();
  support::buffer buffer;
  const auto recv = op::recv{.socket = pair.near.socket(), .buffer = buffer.span()};
  const auto write = op::write{.file = pipe.far.file(), .buffer = bytes_of("x")};
  {  // one that runs
    auto batch = s.call(op::soft(recv), op::soft(write), Run::last(op::nop{}));
    s.ring.start(batch);
    s.poll(sluice::wait::none);
    s.ring.cancel(batch.template get<0>());
    s.finish(batch);
    canceled(std::get<0>(batch.results()));
    canceled(std::get<1>(batch.results()));
    canceled(std::get<2>(batch.results()));
  }
  {  // one that has not started is done, and the others go on
    auto batch = s.call(op::soft(recv), op::soft(write), Run::last(op::nop{}));
    s.ring.start(batch);
    s.poll(sluice::wait::none);
    s.ring.cancel(batch.template get<1>());
    s.finish(batch.template get<1>());
    canceled(batch.template get<1>().result());
    BOOST_TEST(!batch.template get<0>().is_done());
    put(pair.far, "abc");
    s.finish(batch);
    gave(std::get<0>(batch.results()), 3U);
    canceled(std::get<2>(batch.results()));
  }
  {  // the last one, before anything was submitted
    auto batch = s.call(op::soft(recv), op::soft(op::nop{}), Run::last(write));
    s.ring.start(batch);
    s.ring.cancel(batch.template get<2>());
    s.linger();
    put(pair.far, "abc");
    s.finish(batch);
    gave(std::get<0>(batch.results()), 3U);
    succeeded(std::get<1>(batch.results()));
    canceled(std::get<2>(batch.results()));
  }
  {  // a deadline: what it bounds goes on without it
    auto batch = s.call(op::soft(recv), op::soft(op::link_timeout{.after = 100ms}), Run::last(op::nop{}));
    s.ring.start(batch);
    s.poll(sluice::wait::none);
    s.ring.cancel(batch.template get<1>());
    s.linger(120ms);
    BOOST_TEST(!batch.template get<0>().is_done());
    put(pair.far, "abc");
    s.finish(batch);
    gave(std::get<0>(batch.results()), 3U);
    canceled(std::get<1>(batch.results()));
    succeeded(std::get<2>(batch.results()));
  }
  BOOST_TEST(take(pipe.near).empty());
}

template <class Config, class Run>
void cancelling_the_call_cancels_the_chain() {
  covers("4.5");
  session<Config> s;
  const auto pair = support::socket_pair();
  const auto pipe = support::pipe_pair();
  support::buffer buffer;
  const auto recv = op::recv{.socket = pair.near.socket(), .buffer = buffer.span()};
  const auto write = op::write{.file = pipe.far.file(), .buffer = bytes_of("x")};
  for (const bool submitted : {false, true}) {
    auto soft = s.call(op::soft(recv), op::soft(write), Run::last(write));
    auto hard = s.call(op::hard(recv), op::hard(write), Run::last(write));
    auto bounded = s.call(op::soft(recv), op::soft(op::link_timeout{.after = 10s}), Run::last(write));
    s.ring.start(soft);
    s.ring.start(hard);
    s.ring.start(bounded);
    if (submitted) s.poll(sluice::wait::none);
    soft.cancel(s.ring);
    hard.cancel(s.ring);
    bounded.cancel(s.ring);
    s.finish(soft, hard, bounded);
    std::apply([](const auto&... outcome) { (canceled(outcome), ...); }, soft.results());
    std::apply([](const auto&... outcome) { (canceled(outcome), ...); }, hard.results());
    std::apply([](const auto&... outcome) { (canceled(outcome), ...); }, bounded.results());
  }
  BOOST_TEST(take(pipe.near).empty());

  // The head wins against the cancel: what follows has not started and never will.
  for (int round = 0; round < 20; ++round) {
    auto batch = s.call(op::soft(recv), op::soft(recv), Run::last(write));
    s.ring.start(batch);
    s.poll(sluice::wait::none);
    put(pair.far, "a");
    batch.cancel(s.ring);
    s.finish(batch);
    const auto [a, b, c] = batch.results();
    BOOST_TEST(!c.has_value());
    BOOST_TEST(a.value_or(0) + b.value_or(0) + take(pair.near).size() == 1U);
  }
  BOOST_TEST(take(pipe.near).empty());
}

template <class Config, class Run>
void a_close_of_a_handle_ends_members_of_chains_that_wait_for_it() {
  covers("5.1", "5.2");
  session<Config> s;
  const auto first = support::socket_pair();
  auto second = support::socket_pair();
  support::buffer buffer;
  auto batch = s.call(op::soft(op::recv{.socket = first.near.socket(), .buffer = buffer.span()}),
                      Run::last(op::send{.socket = second.near.socket(), .buffer = bytes_of("x")}));
  s.ring.start(batch);
  s.poll(sluice::wait::none);
  const auto number = second.near.release();
  succeeded(s.run_alone(op::close_socket{.socket = sluice::socket_handle{number}}));
  const auto next = support::socket_pair();
  BOOST_TEST_REQUIRE(next.near.get() == number);
  put(first.far, "abc");
  s.finish(batch);
  gave(std::get<0>(batch.results()), 3U);
  BOOST_TEST(!std::get<1>(batch.results()).has_value());
  BOOST_TEST(take(next.far).empty());
}

/// Story: the kernel does not count it as a failure of the chain when these fail, and went on.
template <class Config>
void a_failed_sync_or_shutdown_breaks_a_soft_link() {
  covers("4.a");
  exercises<op::fsync, op::shutdown>(failure);
  session<Config> s;
  const auto pipe = support::pipe_pair();
  const support::descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const auto [synced, after] = s.run(op::soft(op::fsync{.file = pipe.near.file()}), op::nop{});
  failed(synced, std::errc::invalid_argument);
  canceled(after);
  const auto [first, shut, next] = s.run(op::soft(op::nop{}), op::soft(op::shutdown{.socket = socket.socket()}), op::nop{});
  succeeded(first);
  failed(shut, std::errc::not_connected);
  canceled(next);
  const auto [before, last] = s.run(op::soft(op::nop{}), op::fsync{.file = pipe.near.file()});
  succeeded(before);
  failed(last, std::errc::invalid_argument);
}

}  // namespace laws::backend

/// Two cases of a law for each config of a tuple: chains that the kernel may run, and chains that it may not.
#define LAW_OF_CHAINS(law, models)                                                                 \
  BOOST_FIXTURE_TEST_CASE_TEMPLATE(law, config, models, support::leftovers) {                      \
    laws::backend::law<config, laws::backend::by_the_system>();                                    \
  }                                                                                                \
  BOOST_FIXTURE_TEST_CASE_TEMPLATE(law##_run_by_the_library, config, models, support::leftovers) { \
    laws::backend::law<config, laws::backend::by_the_library>();                                   \
  }

// clang-format off
#define LAWS_OF_BACKEND_LINKS(models)                                         \
  LAW_OF_BACKENDS(a_failed_sync_or_shutdown_breaks_a_soft_link, models)       \
  LAW_OF_CHAINS(a_failure_behind_a_soft_link_cuts_the_chain, models)          \
  LAW_OF_CHAINS(a_failure_behind_a_hard_link_does_not, models)                \
  LAW_OF_CHAINS(a_short_transfer_cuts_the_chain_where_it_counts_as_a_failure, models) \
  LAW_OF_CHAINS(a_deadline_that_is_not_needed_is_no_failure, models)          \
  LAW_OF_CHAINS(a_deadline_ends_what_it_bounds, models)                       \
  LAW_OF_CHAINS(the_expiry_of_a_timeout_is_success, models)                   \
  LAW_OF_BACKENDS(a_close_is_never_skipped, models)                           \
  LAW_OF_CHAINS(a_chain_reaches_the_system_whole, models)                     \
  LAW_OF_CHAINS(cancelling_a_member_follows_the_table, models)                \
  LAW_OF_CHAINS(cancelling_the_call_cancels_the_chain, models)                \
  LAW_OF_CHAINS(a_close_of_a_handle_ends_members_of_chains_that_wait_for_it, models)
// clang-format on
