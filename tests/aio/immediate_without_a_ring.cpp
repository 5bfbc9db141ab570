// SPDX-License-Identifier: MIT
// One operation that is one call of the system needs no ring, and gives what a ring would.
#include <sluice/aio/facade.hpp>
#include <sluice/backend/epoll.hpp>
#include <sluice/backend/with_fallback.hpp>
#include <sluice/native.hpp>
#include <support/descriptors.hpp>
#include <support/scripted_os.hpp>

#include <boost/test/unit_test.hpp>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <span>
#include <string_view>
#include <system_error>
#include <thread>
#include <tuple>

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>

namespace {

namespace op = sluice::op;
using namespace std::chrono_literals;

struct uring : sluice::config<sluice::backend::io_uring<>> {};
struct epoll : sluice::config<sluice::backend::epoll<>> {};
struct both : sluice::config<sluice::backend::with_fallback<sluice::backend::io_uring<>, sluice::backend::epoll<>>> {};
using models = std::tuple<uring, epoll, both>;
struct scripted : sluice::config<sluice::backend::io_uring<{}, support::scripted_os>> {};

/// Runs `f` on a thread of its own, which has no ring yet, and says whether it made one.
template <class Config, class F>
auto makes_a_ring(F&& f) -> bool {
  bool made = false;
  std::thread{[&] {
    f();
    made = sluice::aio::has_blocking_ring<Config>;
  }}.join();
  return made;
}

/// From any thread: what goes wrong here is missed by whoever receives.
void send_late(const support::descriptor& end) { (void)::send(end.get(), "late", 4, MSG_NOSIGNAL); }

void make_non_blocking(int descriptor) { BOOST_TEST_REQUIRE(::fcntl(descriptor, F_SETFL, ::fcntl(descriptor, F_GETFL) | O_NONBLOCK) == 0); }

}  // namespace

BOOST_AUTO_TEST_SUITE(aio)
BOOST_AUTO_TEST_SUITE(immediate_without_a_ring)

BOOST_AUTO_TEST_CASE_TEMPLATE(files_are_opened_read_written_and_closed, config, models) {
  using facade = sluice::aio_of<config>;
  const auto before = support::count_descriptors();
  BOOST_TEST(!makes_a_ring<config>([] {
    const auto made = support::temporary_file("abcdef");
    support::buffer buffer;
    const auto read = facade::run(op::read{.file = made.file(), .buffer = buffer.span(3), .offset = 2});
    BOOST_TEST(read.value() == 3U);
    BOOST_TEST(buffer.text(3) == "cde");
    BOOST_TEST(facade::run(op::write{.file = made.file(), .buffer = support::bytes_of("xy"), .offset = 0}).value() == 2U);
    BOOST_TEST(facade::run(op::fsync{.file = made.file()}).has_value());
    BOOST_TEST(facade::run(op::read{.file = made.file(), .buffer = buffer.span(9)}).value() == 6U);
    BOOST_TEST(buffer.text(6) == "xycdef");
    const sluice::mutable_buffer parts[] = {buffer.span(1), buffer.span(1)};
    BOOST_TEST(facade::run(op::readv{.file = made.file(), .buffers = parts, .offset = 1}).value() == 2U);
    const auto null = facade::run(op::open_at{.path = "/dev/null", .flags = sluice::open_flags::write});
    BOOST_TEST_REQUIRE(null.has_value());
    BOOST_TEST((facade::run(op::stat_at{.path = "/dev/null"}).value().kind == sluice::file_kind::character_device));
    BOOST_TEST(facade::run(op::close_file{.file = *null}).has_value());
    BOOST_TEST((facade::run(op::close_file{.file = *null}).error() == std::errc::bad_file_descriptor));
    BOOST_TEST((facade::run(op::open_at{.path = "/nowhere/at/all"}).error() == std::errc::no_such_file_or_directory));
    BOOST_TEST((facade::run(op::read{.file = sluice::file_handle{-1}, .buffer = buffer.span()}).error() == std::errc::bad_file_descriptor));
  }));
  BOOST_TEST(support::count_descriptors() == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(sockets_connect_and_converse, config, models) {
  using facade = sluice::aio_of<config>;
  const auto before = support::count_descriptors();
  // A listener that blocks; what the library itself opens for readiness never does.
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sluice::socket_handle listens{listener};
  BOOST_TEST(!makes_a_ring<config>([&] {
    BOOST_TEST_REQUIRE(facade::run(op::bind{.socket = listens, .address = sluice::ip::endpoint{sluice::ip::loopback, 0}}).has_value());
    BOOST_TEST_REQUIRE(facade::run(op::listen{.socket = listens}).has_value());
    const auto where = facade::run(op::getsockname{.socket = listens});
    const auto client = facade::run(op::socket{});
    BOOST_TEST_REQUIRE(client.has_value());
    BOOST_TEST_REQUIRE(facade::run(op::connect{.socket = *client, .address = where.value()}).has_value());
    const auto accepted = facade::run(op::accept{.socket = listens});
    BOOST_TEST_REQUIRE(accepted.has_value());
    const auto own = facade::run(op::getsockname{.socket = *client});
    BOOST_TEST((accepted->peer == own.value()));
    BOOST_TEST(facade::run(op::send{.socket = *client, .buffer = support::bytes_of("hello")}).value() == 5U);
    support::buffer buffer;
    BOOST_TEST(facade::run(op::recv{.socket = accepted->socket, .buffer = buffer.span(5), .flags = sluice::recv_flags::wait_all}).value() ==
               5U);
    BOOST_TEST(facade::run(op::shutdown{.socket = *client, .how = sluice::shutdown_how::send}).has_value());
    BOOST_TEST(facade::run(op::recv{.socket = accepted->socket, .buffer = buffer.span()}).value() == 0U);
    BOOST_TEST((facade::run(op::recv{.socket = *client, .buffer = buffer.span(), .flags = sluice::recv_flags::dont_wait}).error() ==
                std::errc::resource_unavailable_try_again));
    BOOST_TEST(facade::run(op::close_socket{.socket = accepted->socket}).has_value());
    BOOST_TEST(facade::run(op::close_socket{.socket = *client}).has_value());
    BOOST_TEST(facade::run(op::close_socket{.socket = listens}).has_value());
  }));
  BOOST_TEST(support::count_descriptors() == before);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_refused_connect_says_so_whether_the_socket_blocks_or_not, config, models) {
  using facade = sluice::aio_of<config>;
  BOOST_TEST(!makes_a_ring<config>([&] {
    // Bound and never listening: nobody answers there.
    const auto deaf = facade::run(op::socket{});
    BOOST_TEST_REQUIRE(facade::run(op::bind{.socket = deaf.value(), .address = sluice::ip::endpoint{sluice::ip::loopback, 0}}).has_value());
    const auto where = facade::run(op::getsockname{.socket = *deaf});
    for (const bool blocks : {true, false}) {
      const auto client = facade::run(op::socket{});
      if (!blocks) make_non_blocking(client.value().native());
      BOOST_TEST((facade::run(op::connect{.socket = *client, .address = where.value()}).error() == std::errc::connection_refused));
      (void)facade::run(op::close_socket{.socket = *client});
    }
    (void)facade::run(op::close_socket{.socket = *deaf});
  }));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(times_pass_and_are_never_early, config, models) {
  using facade = sluice::aio_of<config>;
  BOOST_TEST(!makes_a_ring<config>([] {
    for (const auto clock : {sluice::clock_kind::steady, sluice::clock_kind::boot, sluice::clock_kind::wall}) {
      const auto begin = std::chrono::steady_clock::now();
      BOOST_TEST(facade::run(op::timeout{.after = 2ms, .clock = clock}).has_value());
      BOOST_TEST((std::chrono::steady_clock::now() - begin >= 2ms));
    }
    const auto begin = std::chrono::steady_clock::now();
    BOOST_TEST(facade::run(op::timeout{.at = sluice::aio::ring<config>::now() + 2ms}).has_value());
    BOOST_TEST((std::chrono::steady_clock::now() - begin >= 2ms));
    BOOST_TEST(facade::run(op::timeout{.after = -1s}).has_value());
    BOOST_TEST(facade::run(op::timeout{}).has_value());
  }));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_write_to_nobody_raises_no_signal, config, models) {
  using facade = sluice::aio_of<config>;
  // With its usual action the signal would end the program.
  BOOST_TEST(!makes_a_ring<config>([] {
    ::sigset_t before;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &before);
    BOOST_TEST(::sigismember(&before, SIGPIPE) == 0);
    auto pipe = support::pipe_pair();
    pipe.near.reset();
    BOOST_TEST((facade::run(op::write{.file = pipe.far.file(), .buffer = support::bytes_of("x")}).error() == std::errc::broken_pipe));
    auto pair = support::socket_pair();
    pair.near.reset();
    BOOST_TEST((facade::run(op::send{.socket = pair.far.socket(), .buffer = support::bytes_of("x")}).error() == std::errc::broken_pipe));
    ::sigset_t after;
    ::pthread_sigmask(SIG_SETMASK, nullptr, &after);
    BOOST_TEST(::sigismember(&after, SIGPIPE) == 0);
    ::sigset_t pending;
    ::sigpending(&pending);
    BOOST_TEST(::sigismember(&pending, SIGPIPE) == 0);
  }));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_one_call_cannot_wait_for_takes_a_ring, config, models) {
  using facade = sluice::aio_of<config>;
  const auto pair = support::socket_pair();
  make_non_blocking(pair.near.get());
  support::buffer buffer;
  const auto soon = [&](auto&& act) {
    return std::jthread{[act] {
      std::this_thread::sleep_for(5ms);
      act();
    }};
  };
  BOOST_TEST(makes_a_ring<config>([&] {
    const auto sender = soon([&] { send_late(pair.far); });
    BOOST_TEST(facade::run(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}).value() == 4U);
  }));
  BOOST_TEST(makes_a_ring<config>([&] {
    (void)facade::run(op::timed(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}, 1ms));
    // From then on the ring sees all that is opened and closed.
    const auto null = facade::run(op::open_at{.path = "/dev/null"});
    BOOST_TEST(facade::run(op::close_file{.file = null.value()}).has_value());
  }));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(signals_with_handlers_do_not_end_a_call_early, config, models) {
  using facade = sluice::aio_of<config>;
  struct ::sigaction interrupts{};
  interrupts.sa_handler = [](int) {};
  struct ::sigaction before{};
  BOOST_TEST_REQUIRE(::sigaction(SIGUSR2, &interrupts, &before) == 0);
  const auto pair = support::socket_pair();
  support::buffer buffer;
  const auto self = ::pthread_self();
  {
    const std::jthread storm{[&] {
      for (int i = 0; i < 20; ++i) {
        std::this_thread::sleep_for(1ms);
        ::pthread_kill(self, SIGUSR2);
      }
      send_late(pair.far);
    }};
    const auto begin = std::chrono::steady_clock::now();
    BOOST_TEST(facade::run(op::timeout{.after = 10ms}).has_value());
    BOOST_TEST((std::chrono::steady_clock::now() - begin >= 10ms));
    BOOST_TEST(facade::run(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}).value() == 4U);
  }
  ::sigaction(SIGUSR2, &before, nullptr);
}

BOOST_AUTO_TEST_CASE(a_machine_without_rings_still_serves_it) {
  std::thread{[] {
    support::script::clear();
    support::script::always("uring_queue_init", [](const support::system_call&) -> support::script::answer { return -EPERM; });
    using facade = sluice::aio_of<scripted>;
    const auto null = facade::run(op::open_at{.path = "/dev/null"});
    BOOST_TEST_REQUIRE(null.has_value());
    BOOST_TEST(facade::run(op::close_file{.file = *null}).has_value());
    BOOST_TEST((facade::run(op::nop{}).error() == sluice::errc::ring_forbidden));
    support::script::clear();
  }}.join();
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
