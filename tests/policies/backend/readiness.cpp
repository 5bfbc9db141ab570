// SPDX-License-Identifier: MIT
// What a backend that waits for readiness must get right beside the laws: registrations, numbers that change hands, and what is not its
// own.
#include <sluice/sluice.hpp>
#include <support/scripted_readiness.hpp>

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

namespace {

namespace op = sluice::op;
using namespace std::chrono_literals;
using laws::backend::canceled;
using laws::backend::failed;
using laws::backend::gave;
using laws::backend::session;
using laws::backend::succeeded;
using scripted::both;
using scripted::by_epoll;
using scripted::operation;
using scripted::receive;
using sluice::started;
using support::bytes_of;
using support::put;
using support::script;
using support::take;
using steady = std::chrono::steady_clock;

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_FIXTURE_TEST_SUITE(readiness, support::script_fixture)

BOOST_AUTO_TEST_CASE(messages_in_steady_state_cost_one_call_each_and_the_wait) {
  session<by_epoll> s;
  const auto pair = support::tcp_pair();
  support::buffer buffer;
  const auto message = [&] {
    operation<by_epoll, op::recv> one{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
    BOOST_TEST_REQUIRE((s.ring.start(one) == started::pending));
    put(pair.far, "ping");
    s.finish(one);
    gave(one.result(), 4U);
    gave(s.run_alone(op::send{.socket = pair.near.socket(), .buffer = bytes_of("pong")}), 4U);
    BOOST_TEST(take(pair.far) == "pong");
  };
  for (int i = 0; i < 3; ++i) message();
  script::clear();
  for (int i = 0; i < 100; ++i) message();
  BOOST_TEST(script::calls("epoll_ctl") == 0U);
  BOOST_TEST(script::calls("status_flags") == 0U);
  BOOST_TEST(script::calls("recv") == 100U);
  BOOST_TEST(script::calls("send") == 100U);
  BOOST_TEST(script::calls("epoll_wait_exactly") == 100U);
  BOOST_TEST(script::calls() == 300U);
}

BOOST_AUTO_TEST_CASE(what_wakes_the_loop_is_watched_only_where_somebody_may_wake_it) {
  using coro = sluice::coro_of<by_epoll>;
  const auto waits_for_a_peer = [] {
    const auto pair = support::tcp_pair();
    support::buffer buffer;
    coro::scope both_ends;
    both_ends.spawn([&] { gave(coro::io(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}), 4U); });
    both_ends.spawn([&] {
      (void)coro::sleep(1ms);
      gave(coro::io(op::send{.socket = pair.far.socket(), .buffer = bytes_of("ping")}), 4U);
    });
    (void)both_ends.join();
  };
  const auto registrations = [&](auto root) {
    script::clear();
    BOOST_TEST(coro::run(root).has_value());
    return script::calls("epoll_ctl");
  };
  BOOST_TEST(registrations(waits_for_a_peer) == 1U);
  const auto for_work_of_a_thread = registrations([&] {
    BOOST_TEST(coro::blocking([] { return 3; }).value() == 3);
    waits_for_a_peer();
  });
  BOOST_TEST(for_work_of_a_thread == 2U);
  const auto for_another_thread = registrations([&] {
    coro::remote_event told;
    std::jthread other;
    // Runs when this one waits.
    coro::spawn([&] { other = std::jthread{[&] { told.set(); }}; }).detach();
    BOOST_TEST(told.wait().has_value());
    waits_for_a_peer();
  });
  BOOST_TEST(for_another_thread == 2U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(waiters_of_one_direction_are_served_first_in_first_out, config, both) {
  session<config> s;
  const auto pair = support::socket_pair();
  std::array<support::buffer<1>, 8> buffers;
  std::vector<std::unique_ptr<operation<config, op::recv>>> all;
  for (auto& one : buffers) {
    all.push_back(std::make_unique<operation<config, op::recv>>(op::recv{.socket = pair.near.socket(), .buffer = one.span()}));
    BOOST_TEST((s.ring.start(*all.back()) == started::pending));
  }
  s.ring.cancel(*all[3]);
  put(pair.far, "abc");
  s.linger(2ms);
  put(pair.far, "defg");
  for (auto& one : all) s.finish(*one);
  canceled(all[3]->result());
  std::string got;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (i != 3) got += buffers[i].text(1);
  BOOST_TEST(got == "abcdefg");
  // The other direction is not held up by those who read.
  operation<config, op::recv> reader{op::recv{.socket = pair.near.socket(), .buffer = buffers[0].span()}};
  s.ring.start(reader);
  operation<config, op::send> writer{op::send{.socket = pair.near.socket(), .buffer = bytes_of("x")}};
  BOOST_TEST((s.ring.start(writer) == started::done));
  put(pair.far, "y");
  s.finish(reader);
}

/// Story: what is registered is the file, not its number; after a close behind the backend's back the number's next file was waited for in
/// vain.
BOOST_AUTO_TEST_CASE_TEMPLATE(a_number_that_was_closed_elsewhere_and_reused_is_found_out, config, both) {
  session<config> s;
  support::buffer buffer;
  for (int round = 0; round < 20; ++round) {
    auto pair = round % 2 == 0 ? support::tcp_pair() : support::socket_pair();
    operation<config, op::recv> one{receive(s, pair.near, buffer)};
    BOOST_TEST_REQUIRE((s.ring.start(one) == started::pending));
    s.poll(sluice::wait::none);
    put(pair.far, "abc");
    s.finish(one);
    gave(one.result(), 3U);
    BOOST_TEST((s.ring.start(one) == started::pending));
    const auto begin = steady::now();
    put(pair.far, "d");
    s.finish(one);
    BOOST_TEST((steady::now() - begin < 1s));
  }  // the destructors close with plain calls, each time with something registered
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_number_that_is_closed_while_an_operation_waits_ends_it_when_it_turns_up_again, config, both) {
  session<config> s;
  support::buffer buffer;
  auto pair = support::socket_pair();
  operation<config, op::recv> stale{receive(s, pair.near, buffer)};
  s.ring.start(stale);
  s.poll(sluice::wait::none);
  const int number = pair.near.get();
  pair.near.reset();
  if (!stale.is_done()) {
    const auto made = s.run_alone(op::socket{});
    BOOST_TEST_REQUIRE(made.has_value());
    BOOST_TEST(made->native() == number);
    s.finish(stale);
    failed(stale.result(), std::errc::bad_file_descriptor);
    succeeded(s.run_alone(op::close_socket{.socket = *made}));
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(duplicates_of_one_file_wait_on_their_own, config, both) {
  session<config> s;
  auto pair = support::socket_pair();
  const support::descriptor duplicate{::fcntl(pair.near.get(), F_DUPFD_CLOEXEC, 0)};
  support::buffer first;
  support::buffer second;
  operation<config, op::recv> one{receive(s, pair.near, first)};
  operation<config, op::recv> two{receive(s, duplicate, second)};
  s.ring.start(one);
  s.ring.start(two);
  s.poll(sluice::wait::none);
  put(pair.far, "x");
  s.until([&] { return one.is_done() || two.is_done(); });
  put(pair.far, "y");
  s.finish(one, two);
  gave(one.result(), 1U);
  gave(two.result(), 1U);
  // The number goes, its file stays; the same number comes back for the same file.
  const int number = pair.near.release();
  succeeded(s.run_alone(op::close_socket{.socket = sluice::socket_handle{number}}));
  BOOST_TEST(::dup2(duplicate.get(), number) == number);
  const support::descriptor again{number};
  s.ring.start(one);
  s.poll(sluice::wait::none);
  put(pair.far, "z");
  s.finish(one);
  gave(one.result(), 1U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(given_descriptors_keep_their_blocking_mode, config, both) {
  session<config> s;
  support::buffer buffer;
  const auto pair = support::socket_pair();
  const auto pipe = support::pipe_pair();
  const support::listener server;
  const support::descriptor client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  operation<config, op::recv> recv{receive(s, pair.near, buffer)};
  operation<config, op::read> read{op::read{.file = pipe.near.file(), .buffer = buffer.span()}};
  operation<config, op::accept> accept{op::accept{.socket = server.socket.socket()}};
  s.ring.start(recv);
  s.ring.start(read);
  s.ring.start(accept);
  s.poll(sluice::wait::none);
  const auto blocks = [](const support::descriptor& one) { return (::fcntl(one.get(), F_GETFL) & O_NONBLOCK) == 0; };
  BOOST_TEST((blocks(pair.near) && blocks(pipe.near) && blocks(server.socket)));
  succeeded(s.run_alone(op::connect{.socket = client.socket(), .address = sluice::ip::endpoint{sluice::ip::loopback, server.port}}));
  BOOST_TEST((blocks(client)));
  s.finish(accept);
  BOOST_TEST_REQUIRE(accept.result().has_value());
  const support::descriptor taken{accept.result()->socket.native()};
  BOOST_TEST((blocks(taken) && blocks(server.socket)));
  put(pair.far, "x");
  put(pipe.far, "x");
  s.finish(recv, read);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_local_listener_whose_backlog_is_full_is_waited_for, config, both) {
  session<config> s;
  const support::temporary_folder folder;
  const auto path = folder / "socket";
  ::sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof(address.sun_path) - 1);
  const support::descriptor server{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  BOOST_REQUIRE(::bind(server.get(), reinterpret_cast<::sockaddr*>(&address), sizeof(address)) == 0);
  BOOST_REQUIRE(::listen(server.get(), 0) == 0);
  const auto to = *sluice::unix_path::from_bytes(path);
  const auto first = s.run_alone(op::socket{.domain = sluice::socket_domain::local});
  const auto second = s.run_alone(op::socket{.domain = sluice::socket_domain::local});
  const auto third = s.run_alone(op::socket{.domain = sluice::socket_domain::local});
  succeeded(s.run_alone(op::connect{.socket = *first, .address = to}));
  operation<config, op::connect> waits{op::connect{.socket = *second, .address = to}};
  operation<config, op::connect> given_up{op::connect{.socket = *third, .address = to}};
  s.ring.start(waits);
  s.ring.start(given_up);
  s.linger();
  BOOST_TEST(!waits.is_done());
  s.ring.cancel(given_up);
  s.finish(given_up);
  canceled(given_up.result());
  const support::descriptor one{::accept4(server.get(), nullptr, nullptr, SOCK_CLOEXEC)};
  s.finish(waits);
  succeeded(waits.result());
  for (const auto& made : {first, second, third}) succeeded(s.run_alone(op::close_socket{.socket = *made}));
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
