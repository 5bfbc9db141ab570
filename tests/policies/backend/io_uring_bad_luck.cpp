// SPDX-License-Identifier: MIT
// Queues that overflow, limits that are reached, peers that vanish: errors for single operations, and the loop goes on.
#include <laws/backend.hpp>
#include <support/child.hpp>
#include <support/uring_models.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <csignal>
#include <memory>
#include <optional>
#include <vector>

#include <sys/resource.h>

namespace {

namespace aio = sluice::aio;
namespace op = sluice::op;
namespace ring = sluice::ring;
using namespace std::chrono_literals;
using laws::backend::canceled;
using laws::backend::failed;
using laws::backend::gave;
using laws::backend::session;
using laws::backend::succeeded;
using sluice::started;
using support::bytes_of;
using support::put;
using support::take;

using model = std::tuple<models::deferred, models::plain, models::polled_submission>;

template <class Config, class Op>
using operation = typename session<Config>::template operation<Op>;

/// How many descriptors a case may have at once.
auto room_for_descriptors(std::size_t wanted) -> std::size_t {
  ::rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
  return std::min<std::size_t>(wanted, limit.rlim_cur - 100);
}

/// Restarts itself whenever it is done.
template <class Config>
struct restarting {
  session<Config>& s;
  std::size_t left;
  void operator()(aio::record& one) noexcept {
    if (left == 0) return;
    --left;
    s.ring.start(one.template as<operation<Config, op::nop>>());
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_AUTO_TEST_SUITE(io_uring_bad_luck)

BOOST_AUTO_TEST_CASE_TEMPLATE(ten_thousand_receives_are_in_flight_on_a_ring_of_64, config, model) {
  constexpr std::size_t count = 10'000;
  session<config> s{{.entries = 64, .completions = 128}};
  const auto pairs = std::min<std::size_t>(count, room_for_descriptors(2 * count) / 2);
  std::vector<support::ends> sockets;
  for (std::size_t i = 0; i < pairs; ++i) sockets.push_back(support::socket_pair());
  std::vector<support::buffer<4>> buffers(count);
  using receive = operation<config, op::recv>;
  std::vector<std::unique_ptr<receive>> all;
  for (std::size_t i = 0; i < count; ++i) {
    all.push_back(std::make_unique<receive>(op::recv{.socket = sockets[i % pairs].near.socket(), .buffer = buffers[i].span(1)}));
    BOOST_TEST_REQUIRE((s.ring.start(*all.back()) == started::pending));
  }
  s.poll(sluice::wait::none);
  BOOST_TEST(s.ring.in_flight() == count);
  BOOST_TEST(s.done.empty());
  for (std::size_t i = 0; i < count; i += 2) put(sockets[i % pairs].far, "x");
  s.until([&] { return s.done.size() == count / 2; });
  for (std::size_t i = 1; i < count; i += 4) s.ring.cancel(*all[i]);
  std::size_t cancelled = 0;
  for (std::size_t i = 1; i < count; i += 4) {
    s.finish(*all[i]);
    cancelled += all[i]->result() ? 0U : 1U;
  }
  BOOST_TEST(cancelled == count / 4);
  BOOST_TEST(s.ring.drain(s).has_value());
  BOOST_TEST(s.done.size() == count);
  BOOST_TEST(std::set<aio::record*>(s.done.begin(), s.done.end()).size() == count);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_full_completion_queue_loses_nothing, config, model) {
  session<config> s{{.entries = 8, .completions = 8}};
  std::vector<std::unique_ptr<operation<config, op::timeout>>> all;
  const auto when = s.ring.now() + 5ms;
  for (int i = 0; i < 1000; ++i) {
    all.push_back(std::make_unique<operation<config, op::timeout>>(op::timeout{.at = when}));
    s.ring.start(*all.back());
  }
  std::vector<std::unique_ptr<operation<config, op::nop>>> nops;
  for (int i = 0; i < 1000; ++i) {
    nops.push_back(std::make_unique<operation<config, op::nop>>(op::nop{}));
    s.ring.start(*nops.back());
  }
  s.until([&] { return s.ring.in_flight() == 0; });
  BOOST_TEST(s.done.size() == 2000U);
  for (const auto& one : all) succeeded(one->result());
  for (const auto& one : nops) succeeded(one->result());
  BOOST_TEST(s.ring.trace().snapshot().queue_full > 0U);
  BOOST_TEST_MESSAGE(s.ring.trace().snapshot().completion_overflow << " overflows");
}

/// Story: a poll handed out what each flush of the full queue had brought, whose sink filled the queue again, for ever.
BOOST_AUTO_TEST_CASE(a_sink_that_starts_operations_for_ever_does_not_hold_a_poll) {
  struct narrow : sluice::config<models::uring<{.entries = 2}>, models::counters> {};
  session<narrow> s;
  using nops = operation<narrow, op::nop>;
  std::vector<std::unique_ptr<nops>> all;
  for (int i = 0; i < 50; ++i) s.ring.start(*all.emplace_back(std::make_unique<nops>(op::nop{})));
  restarting<narrow> sink{s, 1'000'000};
  for (int i = 0; i < 100; ++i) {
    const auto count = s.ring.poll(sink, sluice::wait::one);
    BOOST_TEST_REQUIRE(count.has_value());
    if (*count >= 1000) BOOST_FAIL("a poll came back only after a thousand completions");
  }
  sink.left = 0;
  for (const auto& one : all) s.finish(*one);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(peers_that_reset_in_the_middle_end_only_their_own_operations, config, model) {
  session<config> s;
  support::buffer buffer;
  const std::string big(8'000'000, 'x');
  const auto before = support::count_descriptors();
  for (int round = 0; round < 50; ++round) {
    auto pair = support::tcp_pair();
    auto calm = support::tcp_pair();
    operation<config, op::recv> recv{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
    operation<config, op::send> send{
        op::send{.socket = pair.near.socket(), .buffer = bytes_of(big), .flags = sluice::send_flags::wait_all}};
    operation<config, op::recv> other{op::recv{.socket = calm.near.socket(), .buffer = buffer.span()}};
    s.ring.start(recv);
    s.ring.start(send);
    s.ring.start(other);
    if (round % 2 == 0) s.poll(sluice::wait::none);
    support::reset_connection(pair.far);
    s.finish(recv, send);
    const auto is_end = [](const auto& outcome) {
      return !outcome && (outcome.error() == std::errc::connection_reset || outcome.error() == std::errc::broken_pipe);
    };
    BOOST_TEST((is_end(recv.result()) || recv.result() == std::size_t{0}));
    BOOST_TEST((is_end(send.result()) || (send.result() && *send.result() < big.size())));
    BOOST_TEST(!other.is_done());
    put(calm.far, "abc");
    s.finish(other);
    gave(other.result(), 3U);
    const auto number = pair.near.release();
    succeeded(s.run_alone(op::close_socket{.socket = sluice::socket_handle{number}}));
  }
  BOOST_TEST(support::count_descriptors() == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(clients_that_close_at_once_leave_no_descriptor, config, model) {
  session<config> s;
  const support::listener server{1024};
  const auto before = support::count_descriptors();
  support::buffer buffer;
  constexpr std::size_t count = 500;
  for (std::size_t i = 0; i < count; ++i) {
    auto client = server.client();
    if (i % 2 == 0)
      client.reset();
    else
      support::reset_connection(client);
    const auto taken = s.run_alone(op::accept{.socket = server.socket.socket()});
    BOOST_TEST_REQUIRE(taken.has_value());
    const auto [received, closed] = s.run(op::soft(op::timed(op::recv{.socket = taken->socket, .buffer = buffer.span()}, 10s)),
                                          op::close_socket{.socket = taken->socket});
    BOOST_TEST(received.value_or(0) == 0U);
    succeeded(closed);
  }
  BOOST_TEST(support::count_descriptors() == before);
}

/// Story: the first ring to write blocked SIGPIPE for its thread and allowed it at its end, while another ring still relied on it.
BOOST_AUTO_TEST_CASE(a_ring_that_ends_leaves_sigpipe_blocked_for_the_others) {
  const auto end = support::in_child([] {
    auto pipe = support::pipe_pair();
    pipe.near.reset();
    const auto write = op::write{.file = pipe.far.file(), .buffer = bytes_of("x")};
    std::optional<session<models::deferred>> first{std::in_place};
    std::optional<session<models::plain>> second{std::in_place};
    (void)first->run_alone(write);
    (void)second->run_alone(write);
    first.reset();
    if (second->run_alone(write).error() != std::errc::broken_pipe) return 1;
    second.reset();
    ::sigset_t blocked;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
    if (sigismember(&blocked, SIGPIPE) == 1) return 2;
    ::sigset_t pending;
    ::sigpending(&pending);
    return sigismember(&pending, SIGPIPE) == 1 ? 3 : 0;
  });
  BOOST_TEST(end.signal == 0);
  BOOST_TEST(end.code == 0);
}

BOOST_AUTO_TEST_CASE(a_mask_that_blocked_sigpipe_before_stays_as_it_was) {
  for (const bool pending_before : {false, true}) {
    const auto end = support::in_child([=] {
      ::sigset_t set;
      sigemptyset(&set);
      sigaddset(&set, SIGPIPE);
      ::pthread_sigmask(SIG_BLOCK, &set, nullptr);
      if (pending_before) ::raise(SIGPIPE);
      auto pipe = support::pipe_pair();
      pipe.near.reset();
      {
        session<models::deferred> s;
        (void)s.run_alone(op::write{.file = pipe.far.file(), .buffer = bytes_of("x")});
      }
      ::sigset_t blocked;
      ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
      if (sigismember(&blocked, SIGPIPE) != 1) return 1;
      ::sigset_t pending;
      ::sigpending(&pending);
      return (sigismember(&pending, SIGPIPE) == 1) == pending_before ? 0 : 2;
    });
    BOOST_TEST(end.code == 0);
  }
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
