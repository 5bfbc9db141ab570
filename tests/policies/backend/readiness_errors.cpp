// SPDX-License-Identifier: MIT
// Each system call of a backend that waits for readiness answers with one error of each class, and descriptors give theirs.
#include <support/scripted_readiness.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include <sys/socket.h>

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
using steady = std::chrono::steady_clock;

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_FIXTURE_TEST_SUITE(readiness_errors, support::script_fixture)

BOOST_AUTO_TEST_CASE_TEMPLATE(an_error_or_a_hang_up_gives_the_calls_own_error, config, both) {
  session<config> s;
  support::buffer buffer;
  for (const bool reading : {true, false}) {
    auto pair = support::tcp_pair();
    support::fill(pair.near);
    operation<config, op::recv> recv{receive(s, pair.near, buffer)};
    operation<config, op::send> send{op::send{.socket = pair.near.socket(), .buffer = bytes_of("x")}};
    if (reading)
      s.ring.start(recv);
    else
      s.ring.start(send);
    s.poll(sluice::wait::none);
    support::reset_connection(pair.far);
    if (reading) {
      s.finish(recv);
      failed(recv.result(), std::errc::connection_reset);
    } else {
      s.finish(send);
      BOOST_TEST(!send.result().has_value());
      BOOST_TEST((send.result().error() == std::errc::connection_reset || send.result().error() == std::errc::broken_pipe));
    }
  }
  auto pipe = support::pipe_pair();
  operation<config, op::read> read{op::read{.file = pipe.near.file(), .buffer = buffer.span()}};
  s.ring.start(read);
  s.poll(sluice::wait::none);
  pipe.far.reset();
  s.finish(read);
  gave(read.result(), 0U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(each_class_of_error_at_each_call_of_the_poller, config, both) {
  constexpr bool epoll = std::is_same_v<config, by_epoll>;
  const auto wait_name = epoll ? "epoll_wait_exactly" : "poll";
  const auto pair = support::socket_pair();
  support::buffer buffer;
  {  // what a loop needs is refused
    for (const int error : {EMFILE, ENFILE, ENOMEM}) {
      const auto before = support::count_descriptors();
      script::next("eventfd", {-error});
      const auto refused = session<config>::ring_type::make();
      const auto why = error == ENOMEM ? std::errc::not_enough_memory : std::errc::too_many_files_open;
      failed(refused, why);
      if (epoll) {
        script::next("epoll_create", {-error});
        failed(session<config>::ring_type::make(), why);
      }
      script::clear();
      BOOST_TEST(support::count_descriptors() == before);
    }
  }
  session<config> s;
  operation<config, op::recv> one{receive(s, pair.near, buffer)};
  s.ring.start(one);
  script::next(wait_name, {-EINTR, -EINTR});
  put(pair.far, "abc");
  s.finish(one);
  gave(one.result(), 3U);
  for (const int error : {EBADF, EFAULT}) {
    s.ring.start(one);
    script::next(wait_name, {-error});
    failed(s.ring.poll(s, sluice::wait::one), std::error_code(error, std::system_category()));
    BOOST_TEST(!one.is_done());
    put(pair.far, "abc");
    s.finish(one);
    gave(one.result(), 3U);
  }
  if (epoll) {  // a registration is refused
    const auto fresh = support::socket_pair();
    operation<config, op::recv> other{receive(s, fresh.near, buffer)};
    for (const int error : {ENOMEM, ENOSPC, EBADF}) {
      script::next("epoll_ctl", {-error});
      BOOST_TEST((s.ring.start(other) == started::done));
      failed(other.result(), std::error_code(error, std::system_category()));
      script::next("epoll_ctl", {-error});
      const auto [a, b] = s.run(op::soft(op::recv{.socket = fresh.near.socket(), .buffer = buffer.span()}), op::nop{});
      failed(a, std::error_code(error, std::system_category()));
      canceled(b);
    }
    script::next("epoll_ctl", {-EEXIST});                // registered although we think that it is not
    BOOST_TEST((s.ring.start(other) == started::done));  // and not so after all
    failed(other.result(), std::errc::no_such_file_or_directory);
    BOOST_TEST((s.ring.start(other) == started::pending));
    put(fresh.far, "x");
    s.finish(other);
    gave(other.result(), 1U);
  }
  BOOST_TEST(s.ring.in_flight() == 0U);
}

BOOST_AUTO_TEST_CASE(without_the_exact_wait_milliseconds_are_rounded_up) {
  for (const int error : {ENOSYS, EPERM}) {
    script::clear();
    script::always("epoll_wait_exactly", [error](const support::system_call&) -> script::answer { return -error; });
    session<by_epoll> s;
    for (const auto span : {std::chrono::microseconds{10}, std::chrono::microseconds{1500}, std::chrono::microseconds{5000}}) {
      const auto begin = steady::now();
      succeeded(s.run_alone(op::timeout{.after = span}));
      BOOST_TEST((steady::now() - begin >= span));
      s.poll(sluice::wait::at_most(span));
    }
    BOOST_TEST(script::calls("epoll_wait_exactly") == 1U);
    s.poll(sluice::wait::none);
    std::thread{[&] { s.ring.wake(); }}.join();
    s.poll(sluice::wait::one);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(clocks_are_looked_at_where_the_system_has_no_timer_for_them, config, both) {
  session<config> s;
  for (const int error : {EMFILE, EINVAL}) {
    script::always("timer_create", [error](const support::system_call&) -> script::answer { return -error; });
    using os = support::scripted_os;
    for (const auto clock : {sluice::clock_kind::boot, sluice::clock_kind::wall}) {
      const auto target = os::now(clock) + 15ms;
      succeeded(s.run_alone(op::timeout{.at = target, .clock = clock}));
      BOOST_TEST((os::now(clock) >= target));
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(plain_calls_that_are_interrupted_are_tried_again_and_others_fail_alone, config, both) {
  session<config> s;
  const auto pair = support::socket_pair();
  const auto file = support::temporary_file("abc");
  const support::listener server;
  ::fcntl(server.socket.get(), F_SETFL, O_NONBLOCK);
  support::buffer buffer;
  const auto each = [&](std::string_view name, const auto& description) {
    BOOST_TEST_CONTEXT(name) {
      for (const int error : {EIO, ENOBUFS, EACCES}) {
        script::next(name, {-error});
        failed(s.run_alone(description), std::error_code(error, std::system_category()));
      }
      script::next(name, {-EINTR, -EINTR});
      const auto before = script::calls(name);
      (void)s.run_alone(description);
      BOOST_TEST(script::calls(name) >= before + 3);
    }
  };
  put(pair.far, "abcdefgh");
  each("recv", op::recv{.socket = pair.near.socket(), .buffer = buffer.span(1)});
  each("send", op::send{.socket = pair.near.socket(), .buffer = bytes_of("x")});
  each("preadv2", op::read{.file = file.file(), .buffer = buffer.span(), .offset = 0});
  each("fsync", op::fsync{.file = file.file()});
  each("fdatasync", op::fsync{.file = file.file(), .data_only = true});
  each("getsockname", op::getsockname{.socket = pair.near.socket()});
  each("setsockopt", op::setsockopt{.socket = pair.near.socket()});
  each("getsockopt", op::getsockopt{.socket = pair.near.socket()});
  each("bind", op::bind{.socket = server.socket.socket(), .address = sluice::ip::endpoint{sluice::ip::loopback, 0}});
  each("listen", op::listen{.socket = server.socket.socket()});
  each("shutdown", op::shutdown{.socket = pair.near.socket()});
  const auto client = server.client();
  script::next("accept4", {-EINTR, -ECONNABORTED});
  failed(s.run_alone(op::accept{.socket = server.socket.socket()}), std::errc::connection_aborted);
  script::next("accept4", {-EINTR});
  const auto taken = s.run_alone(op::accept{.socket = server.socket.socket()});
  BOOST_TEST_REQUIRE(taken.has_value());
  ::close(taken->socket.native());
  auto closed = support::socket_pair();
  script::next("close", {-EINTR});
  succeeded(s.run_alone(op::close_socket{.socket = closed.near.socket()}));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(without_memory_for_a_descriptors_row_one_operation_fails, config, both) {
  session<config> s;
  const auto pair = support::socket_pair();
  const support::descriptor high{::fcntl(pair.near.get(), F_DUPFD_CLOEXEC, 300)};
  support::buffer buffer;
  put(pair.far, "abc");
  for (int skip = 0; skip < 2; ++skip) {
    script::next("map", skip == 0 ? std::initializer_list<script::answer>{-ENOMEM} : std::initializer_list<script::answer>{{}, -ENOMEM});
    failed(s.run_alone(op::recv{.socket = high.socket(), .buffer = buffer.span()}), std::errc::not_enough_memory);
    script::clear();
  }
  gave(s.run_alone(op::recv{.socket = high.socket(), .buffer = buffer.span()}), 3U);
  BOOST_TEST(s.ring.in_flight() == 0U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_position_means_nothing_to_what_has_none, config, both) {
  session<config> s;
  support::buffer buffer;
  const auto pipe = support::pipe_pair();
  gave(s.run_alone(op::write{.file = pipe.far.file(), .buffer = bytes_of("abc"), .offset = 0}), 3U);
  gave(s.run_alone(op::read{.file = pipe.near.file(), .buffer = buffer.span(), .offset = 0}), 3U);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
