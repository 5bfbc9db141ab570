// SPDX-License-Identifier: MIT
// What a backend that waits for readiness must get right beside the laws: descriptors that cannot be asked not to wait, and threads.
#include <sluice/detail/sanitizer.hpp>
#include <support/child.hpp>
#include <support/scripted_readiness.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <termios.h>

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
using sluice::started;
using support::bytes_of;
using support::put;
using support::script;
using support::take;
using steady = std::chrono::steady_clock;

struct few_threads
    : sluice::config<sluice::backend::epoll<{.pool = {.threads = 1, .idle = std::chrono::milliseconds{20}}}, support::scripted_os>,
                     sluice::trace::counters> {};

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
};

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_FIXTURE_TEST_SUITE(readiness_threads, support::script_fixture)

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
  succeeded(s.run_alone(op::cancel{.operation = &second}));
  s.finish(second);
  canceled(second.result());
  BOOST_TEST(!open.is_done());
  // A deadline over one that no thread has begun, since the only one is in another.
  auto bounded = s.call(op::soft(stuck.description()), op::link_timeout{.after = 1ms});
  s.ring.start(bounded);
  s.finish(bounded);
  const auto [late, deadline] = bounded.results();
  canceled(late);
  failed(deadline, sluice::errc::timed_out);
  BOOST_TEST(!open.is_done());
  // An open of a FIFO lets go of its thread when it is asked to end.
  succeeded(s.run_alone(op::cancel{.operation = &open}));
  s.finish(open);
  canceled(open.result());
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

BOOST_AUTO_TEST_CASE_TEMPLATE(threads_end_with_their_ring, config, both) {
  const auto threads = [] {
    std::size_t count = 0;
    ::DIR* const folder = ::opendir("/proc/self/task");
    while (const auto* row = ::readdir(folder)) count += row->d_name[0] != '.' ? 1U : 0U;
    ::closedir(folder);
    return count;
  };
  std::thread{[] {}}.join();  // a sanitizer may start one of its own beside the first
  const auto before = threads();
  {
    session<config> s;
    const auto file = support::temporary_file("abc");
    succeeded(s.run_alone(op::fsync{.file = file.file()}));
    BOOST_TEST(threads() == before + 1);
    const auto end = support::in_child([&] {
      s.ring.~ring();
      session<config> mine;
      // The thread sanitizer allows no new threads here.
      if constexpr (sluice::detail::thread_sanitizer) return mine.run_alone(op::nop{}) ? 0 : 1;
      return mine.run_alone(op::fsync{.file = file.file()}) ? 0 : 1;
    });
    BOOST_TEST(end.code == 0);
  }
  BOOST_TEST(threads() == before);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
