// SPDX-License-Identifier: MIT
// What a backend that waits for readiness must get right beside the laws: registrations, numbers that change hands, descriptors that
// cannot be asked not to wait, and threads.
#include <laws/backend.hpp>
#include <support/child.hpp>
#include <support/readiness_models.hpp>
#include <support/scripted_os.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <thread>
#include <tuple>
#include <vector>

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <termios.h>

namespace {

namespace aio = sluice::aio;
namespace op = sluice::op;
using namespace std::chrono_literals;
using laws::backend::canceled;
using laws::backend::failed;
using laws::backend::gave;
using laws::backend::session;
using laws::backend::succeeded;
using sluice::started;
using support::bytes_of;
using support::put;
using support::script;
using support::take;
using steady = std::chrono::steady_clock;

template <sluice::readiness_options O = {}>
using scripted_epoll = sluice::backend::epoll<O, support::scripted_os>;
template <sluice::readiness_options O = {}>
using scripted_poll = sluice::backend::poll<O, support::scripted_os>;

struct by_epoll : sluice::config<scripted_epoll<>, sluice::trace::counters> {};
struct by_poll : sluice::config<scripted_poll<>, sluice::trace::counters> {};
struct few_threads
    : sluice::config<scripted_epoll<{.pool = {.threads = 1, .idle = std::chrono::milliseconds{20}}}>, sluice::trace::counters> {};
using both = std::tuple<by_epoll, by_poll>;

template <class Config, class Op>
using operation = typename session<Config>::template operation<Op>;

template <class Config>
auto receive(session<Config>&, const support::descriptor& from, support::buffer<>& into) {
  return op::recv{.socket = from.socket(), .buffer = into.span()};
}

/// A file that gives no data without a device, as far as the script is asked.
void without_cached_data() {
  script::always("preadv2", [](const support::system_call& call) -> script::answer {
    if ((call.second & RWF_NOWAIT) != 0) return -EAGAIN;
    return {};
  });
}

/// A thread that opens a FIFO stays in it until the other end is opened.
struct stuck_open {
  support::temporary_folder folder;
  std::string path = folder / "fifo";
  stuck_open() { BOOST_REQUIRE(::mkfifo(path.c_str(), 0600) == 0); }
  [[nodiscard]] auto description() const { return op::open_at{.path = path, .flags = sluice::open_flags::read}; }
  [[nodiscard]] auto other_end() const { return support::descriptor{::open(path.c_str(), O_WRONLY | O_CLOEXEC)}; }
};

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

BOOST_AUTO_TEST_CASE_TEMPLATE(an_error_or_a_hang_up_gives_the_calls_own_error, config, both) {
  session<config> s;
  support::buffer buffer;
  for (const bool reading : {true, false}) {
    auto pair = support::tcp_pair();
    const std::string big(1'000'000, 'x');
    while (::send(pair.near.get(), big.data(), big.size(), MSG_DONTWAIT) > 0) {}
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

/// Another process may take the connection that a listener was reported ready for. The listener blocks, so a thread waits for the next one.
BOOST_AUTO_TEST_CASE_TEMPLATE(a_connection_that_somebody_else_takes_does_not_block_the_loop, config, both) {
  // As often as this the system's word that the listener is ready is true too early.
  for (const int lies : {1, 2}) {
    script::clear();
    session<config> s;
    const support::listener server;
    operation<config, op::accept> accept{op::accept{.socket = server.socket.socket()}};
    operation<config, op::accept> behind{op::accept{.socket = server.socket.socket()}};
    s.ring.start(accept);
    s.ring.start(behind);
    s.poll(sluice::wait::none);
    std::atomic<int> left{lies};
    script::always("poll", [&](const support::system_call& call) -> script::answer {
      if (call.first != 1 || call.second != 0 || left == 0) return {};
      --left;
      return 1;
    });
    const auto client = server.client();
    const support::descriptor thief{::accept4(server.socket.get(), nullptr, nullptr, SOCK_CLOEXEC)};
    BOOST_TEST(thief.get() >= 0);
    const auto begin = steady::now();
    s.linger(20ms);
    succeeded(s.run_alone(op::timeout{.after = 1ms}));
    BOOST_TEST((steady::now() - begin < 1s));
    script::clear();
    const auto second = server.client();
    const auto third = server.client();
    s.finish(accept, behind);
    for (auto* one : {&accept, &behind}) {
      BOOST_TEST_REQUIRE(one->result().has_value());
      ::close(one->result()->socket.native());
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_listener_that_does_not_block_needs_no_thread, config, both) {
  session<config> s;
  const support::listener server;
  ::fcntl(server.socket.get(), F_SETFL, O_NONBLOCK);
  for (int i = 0; i < 3; ++i) {
    operation<config, op::accept> accept{op::accept{.socket = server.socket.socket()}};
    BOOST_TEST((s.ring.start(accept) == started::pending));
    s.poll(sluice::wait::none);
    const auto client = server.client();
    s.finish(accept);
    BOOST_TEST_REQUIRE(accept.result().has_value());
    ::close(accept.result()->socket.native());
  }
  BOOST_TEST(s.ring.backend().pool().threads == 0U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(connecting_a_socket_of_ours_needs_no_thread, config, both) {
  session<config> s;
  const support::listener server;
  const auto made = s.run_alone(op::socket{});
  BOOST_TEST_REQUIRE(made.has_value());
  const support::descriptor client{made->native()};
  succeeded(s.run_alone(op::connect{.socket = *made, .address = sluice::ip::endpoint{sluice::ip::loopback, server.port}}));
  failed(s.run_alone(op::connect{.socket = *made, .address = sluice::ip::endpoint{sluice::ip::loopback, server.port}}),
         std::errc::already_connected);
  BOOST_TEST(s.ring.backend().pool().threads == 0U);
  const support::descriptor packets{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  succeeded(s.run_alone(op::connect{.socket = packets.socket(), .address = sluice::ip::endpoint{sluice::ip::loopback, server.port}}));
  BOOST_TEST(s.ring.backend().pool().threads == 0U);
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

BOOST_AUTO_TEST_CASE_TEMPLATE(what_cannot_be_asked_not_to_wait_is_waited_for_and_then_called_by_a_thread, config, both) {
  for (const int error : {EOPNOTSUPP, ENOSYS}) {
    script::clear();
    for (const auto* name : {"preadv2", "pwritev2"})
      script::always(name, [error](const support::system_call& call) -> script::answer {
        if ((call.second & RWF_NOWAIT) != 0) return -error;
        return {};
      });
    session<config> s;
    support::buffer buffer;
    const auto pipe = support::pipe_pair();
    const auto pair = support::socket_pair();
    const auto file = support::temporary_file("file");
    for (int i = 0; i < 3; ++i) {
      operation<config, op::read> read{op::read{.file = pipe.near.file(), .buffer = buffer.span()}};
      operation<config, op::read> from_socket{op::read{.file = pair.near.file(), .buffer = buffer.span()}};
      s.ring.start(read);
      s.ring.start(from_socket);
      s.linger(2ms);
      BOOST_TEST((!read.is_done() && !from_socket.is_done()));
      BOOST_TEST(s.ring.backend().pool().busy == 0U);  // no thread waits for a peer
      gave(s.run_alone(op::write{.file = pipe.far.file(), .buffer = bytes_of("abc")}), 3U);
      s.finish(read);
      gave(read.result(), 3U);
      gave(s.run_alone(op::write{.file = pair.far.file(), .buffer = bytes_of("de")}), 2U);
      s.finish(from_socket);
      gave(from_socket.result(), 2U);
      s.ring.start(read);
      s.ring.cancel(read);
      s.finish(read);
      canceled(read.result());
      gave(s.run_alone(op::read{.file = file.file(), .buffer = buffer.span(), .offset = 0}), 4U);
      gave(s.run_alone(op::write{.file = file.file(), .buffer = bytes_of("file"), .offset = 0}), 4U);
    }
    ::fcntl(pipe.near.get(), F_SETFL, O_NONBLOCK);  // the user's own choice
    operation<config, op::read> read{op::read{.file = pipe.near.file(), .buffer = buffer.span()}};
    s.ring.start(read);
    put(pipe.far, "xyz");
    s.finish(read);
    gave(read.result(), 3U);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_terminal_is_read_without_blocking_the_loop, config, both) {
  session<config> s;
  const support::descriptor master{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
  BOOST_REQUIRE(master.get() >= 0);
  BOOST_REQUIRE((::grantpt(master.get()) == 0 && ::unlockpt(master.get()) == 0));
  support::descriptor terminal{::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC)};
  BOOST_REQUIRE(terminal.get() >= 0);
  ::termios raw{};
  ::tcgetattr(terminal.get(), &raw);
  ::cfmakeraw(&raw);
  ::tcsetattr(terminal.get(), TCSANOW, &raw);
  support::buffer buffer;
  operation<config, op::read> key{op::read{.file = terminal.file(), .buffer = buffer.span()}};
  for (int i = 0; i < 3; ++i) {
    s.ring.start(key);
    s.linger(2ms);
    BOOST_TEST(!key.is_done());
    put(master, "q");
    s.finish(key);
    gave(key.result(), 1U);
  }
  s.ring.start(key);
  s.linger(2ms);
  s.ring.cancel(key);
  s.finish(key);
  canceled(key.result());
  gave(s.run_alone(op::write{.file = terminal.file(), .buffer = bytes_of("out")}), 3U);
  operation<config, op::read> from_master{op::read{.file = master.file(), .buffer = buffer.span()}};
  if (s.ring.start(from_master) == started::pending) s.finish(from_master);
  gave(from_master.result(), 3U);
  s.ring.start(from_master);
  s.linger(2ms);
  terminal.reset();
  s.finish(from_master);
  failed(from_master.result(), std::errc::io_error);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(cached_data_of_a_file_are_read_without_a_thread, config, both) {
  session<config> s;
  support::buffer buffer;
  const auto file = support::temporary_file("hello");
  gave(s.run_alone(op::read{.file = file.file(), .buffer = buffer.span(5), .offset = 0}), 5U);
  gave(s.run_alone(op::read{.file = file.file(), .buffer = buffer.span(), .offset = 0}), 5U);  // to its end
  BOOST_TEST(s.ring.backend().pool().threads == 0U);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_file_gives_all_that_was_asked_for_whatever_lies_in_memory, config, both) {
  session<config> s;
  const auto file = support::temporary_file("0123456789");
  support::buffer<4> first;
  support::buffer<8> second;
  const sluice::mutable_buffer parts[] = {first.span(), second.span()};
  // Bytes come one by one, then a thread has to go on.
  for (const bool chained : {false, true}) {
    ::lseek(file.get(), 0, SEEK_SET);
    for (const auto offset : {std::uint64_t{0}, sluice::current_position}) {
      script::clear();
      int calls = 0;
      script::always("preadv2", [&](const support::system_call& call) -> script::answer {
        if ((call.second & RWF_NOWAIT) == 0) return {};
        if (++calls != 1) return -EAGAIN;
        std::byte some[3];
        const ::iovec into{.iov_base = some, .iov_len = sizeof(some)};
        const auto count = ::preadv2(static_cast<int>(call.first), &into, 1, offset == 0 ? 0 : -1, 0);
        std::copy_n(some, 3, first.bytes.data());
        return count;
      });
      const auto readv = op::readv{.file = file.file(), .buffers = parts, .offset = offset};
      if (chained)
        gave(std::get<0>(s.run(op::hard(readv), op::nop{})), 10U);
      else
        gave(s.run_alone(readv), 10U);
      BOOST_TEST(first.text(4) + second.text(6) == "0123456789");
    }
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_position_means_nothing_to_what_has_none, config, both) {
  session<config> s;
  support::buffer buffer;
  const auto pipe = support::pipe_pair();
  gave(s.run_alone(op::write{.file = pipe.far.file(), .buffer = bytes_of("abc"), .offset = 0}), 3U);
  gave(s.run_alone(op::read{.file = pipe.near.file(), .buffer = buffer.span(), .offset = 0}), 3U);
}

BOOST_AUTO_TEST_CASE(work_of_threads_is_bounded_and_can_be_seen_and_cancelled) {
  session<few_threads> s;
  const stuck_open stuck;
  const auto file = support::temporary_file("abc");
  BOOST_TEST(s.ring.backend().pool().threads == 0U);
  operation<few_threads, op::open_at> open{stuck.description()};
  operation<few_threads, op::fsync> queued{op::fsync{.file = file.file()}};
  operation<few_threads, op::fsync> second{op::fsync{.file = file.file()}};
  s.ring.start(open);
  s.until([&] { return s.ring.backend().pool().busy == 1; });
  s.ring.start(queued);
  s.ring.start(second);
  s.poll(sluice::wait::none);
  const auto seen = s.ring.backend().pool();
  BOOST_TEST(seen.threads == 1U);
  BOOST_TEST(seen.busy == 1U);
  BOOST_TEST(seen.queued == 2U);
  s.ring.cancel(queued);
  s.finish(queued);
  canceled(queued.result());
  failed(s.run_alone(op::cancel{.operation = &open}), sluice::errc::in_progress);
  succeeded(s.run_alone(op::cancel{.operation = &second}));
  s.finish(second);
  canceled(second.result());
  BOOST_TEST(!open.is_done());
  // A deadline over what can't be interrupted: the result stands, and the deadline has passed.
  auto bounded = s.call(op::soft(stuck.description()), op::link_timeout{.after = 1ms});
  s.ring.start(bounded);
  s.linger();
  const auto other_end = stuck.other_end();
  s.finish(open, bounded);
  BOOST_TEST_REQUIRE(open.result().has_value());
  ::close(open.result()->native());
  const auto [late, deadline] = bounded.results();
  if (late) ::close(late->native());
  failed(deadline, sluice::errc::timed_out);
  const auto end = steady::now() + 10s;
  while (s.ring.backend().pool().threads != 0 && steady::now() < end) std::this_thread::sleep_for(1ms);
  BOOST_TEST(s.ring.backend().pool().threads == 0U);
  succeeded(s.run_alone(op::fsync{.file = file.file()}));
}

BOOST_AUTO_TEST_CASE(without_a_thread_one_operation_fails) {
  session<by_epoll> s;
  const auto file = support::temporary_file("abc");
  script::next("thread_create", {-EAGAIN, -EAGAIN});
  failed(s.run_alone(op::fsync{.file = file.file()}), std::errc::resource_unavailable_try_again);
  const auto [a, b] = s.run(op::soft(op::fsync{.file = file.file()}), op::nop{});
  failed(a, std::errc::resource_unavailable_try_again);
  canceled(b);
  without_cached_data();
  script::next("thread_create", {-ENOMEM});
  support::buffer buffer;
  failed(s.run_alone(op::read{.file = file.file(), .buffer = buffer.span(), .offset = 0}), std::errc::not_enough_memory);
  gave(s.run_alone(op::read{.file = file.file(), .buffer = buffer.span(), .offset = 0}), 3U);
  BOOST_TEST(s.ring.backend().pool().threads == 1U);
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

BOOST_AUTO_TEST_CASE_TEMPLATE(threads_end_with_their_ring, config, both) {
  const auto threads = [] {
    std::size_t count = 0;
    ::DIR* const folder = ::opendir("/proc/self/task");
    while (const auto* row = ::readdir(folder)) count += row->d_name[0] != '.' ? 1U : 0U;
    ::closedir(folder);
    return count;
  };
  const auto before = threads();
  {
    session<config> s;
    const auto file = support::temporary_file("abc");
    succeeded(s.run_alone(op::fsync{.file = file.file()}));
    BOOST_TEST(threads() == before + 1);
    const auto end = support::in_child([&] {
      s.ring.~ring();
      session<config> mine;
#if defined(__SANITIZE_THREAD__)
      return mine.run_alone(op::nop{}) ? 0 : 1;  // it allows no new threads here
#else
      return mine.run_alone(op::fsync{.file = file.file()}) ? 0 : 1;
#endif
    });
    BOOST_TEST(end.code == 0);
  }
  BOOST_TEST(threads() == before);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
