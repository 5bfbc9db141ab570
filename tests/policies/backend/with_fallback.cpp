// SPDX-License-Identifier: MIT
// The laws on a ring whose kernel says that it has no opcode at all, and each operation without its own one.
#include <laws/backend_cancel.hpp>
#include <laws/backend_links.hpp>
#include <laws/backend_order.hpp>
#include <laws/backend_results.hpp>
#include <laws/backend_threads.hpp>
#include <laws/backend_time.hpp>
#include <sluice/coro/facade.hpp>
#include <support/fallback_models.hpp>

#include <chrono>
#include <cstdint>
#include <string>
#include <tuple>

#include <sys/resource.h>

namespace {

namespace op = sluice::op;
using namespace std::chrono_literals;
using laws::backend::gave;
using laws::backend::session;
using laws::backend::succeeded;
using sluice::service;
using sluice::started;
using support::denial;
using support::put;

using models::app;
using models::everything;
using models::how;
using models::nothing_there;
using models::strict;

/// One of everything, and a chain of some.
void run_each() {
  session<strict> s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  succeeded(s.run_alone(op::nop{}));
  put(pair.far, "abcdef");
  gave(s.run_alone(op::recv{.socket = pair.near.socket(), .buffer = buffer.span(2)}), 2U);
  gave(s.run_alone(op::read{.file = sluice::file_handle{pair.near.get()}, .buffer = buffer.span(1)}), 1U);
  gave(s.run_alone(op::send{.socket = pair.near.socket(), .buffer = support::bytes_of("xyz")}), 3U);
  gave(s.run_alone(op::write{.file = sluice::file_handle{pair.near.get()}, .buffer = support::bytes_of("12")}), 2U);
  BOOST_TEST(support::take(pair.far) == "xyz12");
  session<strict>::operation<op::recv> left{op::recv{.socket = pair.near.socket(), .buffer = buffer.span(3)}};
  if (s.ring.start(left) == started::pending) s.finish(left);
  gave(left.result(), 3U);
  session<strict>::operation<op::recv> waiting{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
  BOOST_REQUIRE((s.ring.start(waiting) == started::pending));
  s.poll(sluice::wait::none);
  gave(s.run_alone(op::send{.socket = pair.far.socket(), .buffer = support::bytes_of("late")}), 4U);
  s.finish(waiting);
  gave(waiting.result(), 4U);
  s.ring.start(waiting);
  s.poll(sluice::wait::none);
  s.ring.cancel(waiting);
  s.finish(waiting);
  laws::backend::canceled(waiting.result());
  s.ring.start(waiting);
  s.poll(sluice::wait::none);
  succeeded(s.run_alone(op::cancel{.operation = &waiting}));
  s.finish(waiting);
  laws::backend::canceled(waiting.result());
  succeeded(s.run_alone(op::timeout{.after = 1ms}));
  laws::backend::failed(s.run_alone(op::timed(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}, 2ms)), std::errc::timed_out);
  const auto [out, in, end] = s.run(op::soft(op::send{.socket = pair.far.socket(), .buffer = support::bytes_of("q")}),
                                    op::soft(op::recv{.socket = pair.near.socket(), .buffer = buffer.span(1)}), op::nop{});
  gave(out, 1U);
  gave(in, 1U);
  succeeded(end);
  const auto file = s.run_alone(op::open_at{.path = "/proc/self/status"});
  BOOST_TEST_REQUIRE(file.has_value());
  BOOST_TEST(s.run_alone(op::read{.file = *file, .buffer = buffer.span(), .offset = 0}).value_or(0) > 0U);
  succeeded(s.run_alone(op::close_file{.file = *file}));
  const auto server = s.run_alone(op::socket{.domain = sluice::socket_domain::ipv4});
  BOOST_TEST_REQUIRE(server.has_value());
  succeeded(s.run_alone(op::bind{.socket = *server, .address = sluice::ip::endpoint{sluice::ip::loopback, 0}}));
  succeeded(s.run_alone(op::listen{.socket = *server}));
  const auto here = s.run_alone(op::getsockname{.socket = *server});
  BOOST_TEST_REQUIRE(here.has_value());
  const auto client = s.run_alone(op::socket{.domain = sluice::socket_domain::ipv4});
  BOOST_TEST_REQUIRE(client.has_value());
  session<strict>::operation<op::accept> accept{op::accept{.socket = *server}};
  BOOST_REQUIRE((s.ring.start(accept) == started::pending));
  succeeded(s.run_alone(op::connect{.socket = *client, .address = *here}));
  s.finish(accept);
  BOOST_TEST_REQUIRE(accept.result().has_value());
  succeeded(s.run_alone(op::shutdown{.socket = accept.result()->socket}));
  gave(s.run_alone(op::recv{.socket = *client, .buffer = buffer.span()}), 0U);
  for (const auto socket : {*server, *client, accept.result()->socket}) succeeded(s.run_alone(op::close_socket{.socket = socket}));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_AUTO_TEST_SUITE(with_fallback)

BOOST_AUTO_TEST_CASE(a_kernel_that_has_all_is_used_alone) {
  const denial none{0};
  session<app> s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  put(pair.far, "abc");
  gave(s.run(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}), 3U);
  BOOST_TEST(!s.ring.backend().is_open());
  BOOST_TEST((how(s.ring, "recv") == service::ring));
  BOOST_TEST((how(s.ring, "getsockname") == service::call));
}

BOOST_AUTO_TEST_CASE(each_opcode_may_be_missing) {
  const int descriptors = static_cast<int>(support::count_descriptors());
  for (unsigned code = 0; code < 64; ++code) {
    BOOST_TEST_CONTEXT("without opcode " << code) {
      const denial one{std::uint64_t{1} << code};
      run_each();
    }
  }
  BOOST_TEST(static_cast<int>(support::count_descriptors()) == descriptors);
}

BOOST_AUTO_TEST_CASE(all_of_them_may_be_missing) {
  const denial all{everything};
  run_each();
}

BOOST_AUTO_TEST_CASE(the_report_says_how_each_operation_is_served) {
  const denial some{std::uint64_t{1} << IORING_OP_RECV | std::uint64_t{1} << IORING_OP_FSYNC | std::uint64_t{1} << IORING_OP_SHUTDOWN |
                    std::uint64_t{1} << IORING_OP_TIMEOUT};
  session<app> s;
  BOOST_TEST((how(s.ring, "recv") == service::readiness));
  BOOST_TEST((how(s.ring, "fsync") == service::thread));
  BOOST_TEST((how(s.ring, "shutdown") == service::call));
  BOOST_TEST((how(s.ring, "timeout") == service::library));
  BOOST_TEST((how(s.ring, "send") == service::ring));
  for (const auto& one : s.ring.report()) BOOST_TEST((one.how != service::nowhere), one.operation);
}

BOOST_AUTO_TEST_CASE(without_cancels_nothing_that_waits_is_given_to_the_kernel) {
  const denial cancels{std::uint64_t{1} << IORING_OP_ASYNC_CANCEL};
  session<app> s;
  BOOST_TEST((how(s.ring, "recv") == service::readiness));
  BOOST_TEST((how(s.ring, "nop") == service::ring));
}

BOOST_AUTO_TEST_CASE(what_lies_with_both_is_awaited_and_cancelled_at_once) {
  const denial receives{std::uint64_t{1} << IORING_OP_RECV};
  session<app> s;
  const auto pair = support::socket_pair();
  const auto pipe = support::pipe_pair();
  support::buffer one;
  support::buffer two;
  session<app>::operation<op::recv> by_second{op::recv{.socket = pair.near.socket(), .buffer = one.span()}};
  session<app>::operation<op::read> by_first{op::read{.file = pipe.near.file(), .buffer = two.span()}};
  for (int round = 0; round < 3; ++round) {
    s.ring.start(by_second);
    s.ring.start(by_first);
    s.poll(sluice::wait::none);
    put(round == 0 ? pipe.far : pair.far, "x");
    s.until([&] { return by_first.is_done() || by_second.is_done(); });
    BOOST_TEST((round == 0 ? by_first.is_done() : by_second.is_done()));
    BOOST_REQUIRE(s.ring.drain(s).has_value());
    BOOST_TEST(by_first.is_done());
    BOOST_TEST(by_second.is_done());
  }
}

BOOST_AUTO_TEST_CASE(without_descriptors_for_the_second_one_its_operations_fail_and_others_go_on) {
  const denial receives{std::uint64_t{1} << IORING_OP_RECV};
  session<app> s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  ::rlimit before{};
  BOOST_REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  const ::rlimit none{.rlim_cur = 3, .rlim_max = before.rlim_max};
  BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &none) == 0);
  const auto refused = s.run_alone(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()});
  const auto served = s.run_alone(op::send{.socket = pair.far.socket(), .buffer = support::bytes_of("abc")});
  BOOST_REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  laws::backend::failed(refused, std::errc::too_many_files_open);
  gave(served, 3U);
  gave(s.run_alone(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}), 3U);
}

BOOST_AUTO_TEST_CASE(tasks_see_no_difference) {
  const denial receives{std::uint64_t{1} << IORING_OP_RECV};
  using coro = sluice::coro_of<app>;
  const auto pair = support::socket_pair();
  constexpr int messages = 1000;
  int echoed = 0;
  const auto outcome = coro::run([&] {
    coro::scope both;
    both.spawn([&] {
      support::buffer buffer;
      while (const auto got = coro::io(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()})) {
        if (*got == 0) break;
        (void)coro::io(op::send{.socket = pair.near.socket(), .buffer = buffer.span(*got)});
      }
    });
    both.spawn([&] {
      support::buffer buffer;
      for (int i = 0; i < messages; ++i) {
        const auto [sent, got] = coro::io(op::send{.socket = pair.far.socket(), .buffer = support::bytes_of("abcdefgh")},
                                          op::recv{.socket = pair.far.socket(), .buffer = buffer.span()});
        if (sent && got.value_or(0) == 8) ++echoed;
        if (i % 100 == 0) (void)coro::sleep(100us);
      }
      (void)coro::io(op::shutdown{.socket = pair.far.socket()});
    });
  });
  BOOST_TEST(outcome.has_value());
  BOOST_TEST(echoed == messages);
}

using model = std::tuple<app>;
BOOST_AUTO_TEST_SUITE(nothing_there_at_all, *boost::unit_test::fixture<nothing_there>())
LAWS_OF_BACKEND_RESULTS(model)
LAWS_OF_BACKEND_ORDER(model)
LAWS_OF_BACKEND_LINKS(model)
LAWS_OF_BACKEND_CANCEL(model)
LAWS_OF_BACKEND_TIME(model)
LAWS_OF_BACKEND_THREADS(model)
BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
