// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Laws of backends: other ends that are not there, hang up, reset, or are gone before something is written.

#include <laws/backend.hpp>
#include <support/storm.hpp>

#include <memory>
#include <string>
#include <type_traits>
#include <vector>

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>

namespace laws::backend {

template <class Config>
void an_open_of_a_fifo_waits_without_the_loop_and_can_be_ended() {
  covers("9.3", "6.2");
  using flags = sluice::open_flags;
  session<Config> s;
  const support::temporary_folder folder;
  const auto path = folder / "fifo";
  BOOST_REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  succeeded(s.run_alone(op::nop{}));
  using opening = typename session<Config>::template operation<op::open_at>;
  for (const auto& [mine, others] : {std::pair{flags::read, O_WRONLY}, std::pair{flags::write, O_RDONLY}}) {
    BOOST_TEST_CONTEXT((mine == flags::read ? "for reading" : "for writing")) {
      {  // the other end comes
        opening one{op::open_at{.path = path, .flags = mine}};
        BOOST_TEST((s.ring.start(one) == started::pending));
        succeeded(s.run_alone(op::timeout{.after = 5ms}));
        s.linger(10ms);
        if (one.is_done()) {
          BOOST_TEST(!Config::waits_for_fifos);
          if (mine == flags::read)
            succeeded(one.result());
          else
            failed(one.result(), std::errc::no_such_device_or_address);
          if (one.result()) ::close(one.result()->native());
          continue;
        }
        support::descriptor other;
        s.until([&] {  // for writing it opens only once there is a reader
          other = support::descriptor{::open(path.c_str(), others | O_NONBLOCK | O_CLOEXEC)};
          return other.get() >= 0;
        });
        s.finish(one);
        BOOST_TEST_REQUIRE(one.result().has_value());
        const support::descriptor made{one.result()->native()};
        BOOST_TEST((::fcntl(made.get(), F_GETFL) & O_NONBLOCK) == 0);
      }
      const auto before = support::count_descriptors();
      for (const bool submitted : {false, true}) {
        opening one{op::open_at{.path = path, .flags = mine}};
        s.ring.start(one);
        if (submitted) s.linger(3ms);
        s.ring.cancel(one);
        s.finish(one);
        canceled(one.result());
      }
      failed(s.run_alone(op::timed(op::open_at{.path = path, .flags = mine}, 3ms)), sluice::errc::timed_out);
      // In a chain, and more at once than there are threads.
      const auto [cut, late] = s.run(op::soft(op::open_at{.path = path, .flags = mine}), op::link_timeout{.after = 3ms});
      canceled(cut);
      failed(late, sluice::errc::timed_out);
      std::vector<std::unique_ptr<opening>> many;
      for (int i = 0; i < 12; ++i) {
        many.push_back(std::make_unique<opening>(op::open_at{.path = path, .flags = mine}));
        s.ring.start(*many.back());
      }
      s.linger(3ms);
      for (auto& one : many) s.ring.cancel(*one);
      for (auto& one : many) s.finish(*one);
      // The end of one lets others on the same FIFO go.
      for (auto& one : many) {
        if (one->result())
          ::close(one->result()->native());
        else
          canceled(one->result());
      }
      BOOST_TEST(support::count_descriptors() == before);
    }
  }
  failed(s.run_alone(op::open_at{.path = path, .flags = flags::write | flags::non_blocking}), std::errc::no_such_device_or_address);
  const auto at_once = s.run_alone(op::open_at{.path = path, .flags = flags::read | flags::non_blocking});
  BOOST_TEST_REQUIRE(at_once.has_value());
  ::close(at_once->native());
  // A ring that ends does not wait for the other end.
  opening left{op::open_at{.path = path}};
  {
    session<Config> other;
    other.ring.start(left);
    other.poll(sluice::wait::none);
  }
  if (left.result())
    ::close(left.result()->native());
  else
    canceled(left.result());
}

template <class Config>
void a_terminal_that_hangs_up_ends_what_waits_for_it() {
  covers("10.6");
  session<Config> s;
  const auto open_pair = [] {
    support::descriptor master{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
    BOOST_REQUIRE((master.get() >= 0 && ::grantpt(master.get()) == 0 && ::unlockpt(master.get()) == 0));
    support::descriptor slave{::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC)};
    BOOST_REQUIRE(slave.get() >= 0);
    return support::ends{std::move(master), std::move(slave)};
  };
  const auto is_end = [](const auto& outcome) {
    if (outcome)
      BOOST_TEST(*outcome == 0U);
    else
      failed(outcome, std::errc::io_error);
  };
  support::buffer buffer;
  {  // the terminal's user waits, and the master goes
    auto pty = open_pair();
    typename session<Config>::template operation<op::read_tty> one{op::read_tty{.file = pty.far.file(), .buffer = buffer.span()}};
    typename session<Config>::template operation<op::poll_once> two{
        op::poll_once{.handle = pty.far.file(), .events = sluice::poll_events::none}};
    s.ring.start(one);
    s.ring.start(two);
    s.linger(2ms);
    BOOST_TEST(!one.is_done());
    BOOST_TEST(!two.is_done());
    pty.near.reset();
    s.finish(one, two);
    is_end(one.result());
    BOOST_TEST_REQUIRE(two.result().has_value());
    BOOST_TEST(has(*two.result(), sluice::poll_events::hung_up));
    failed(s.run_alone(op::write{.file = pty.far.file(), .buffer = bytes_of("x")}), std::errc::io_error);
    is_end(s.run_alone(op::read_tty{.file = pty.far.file(), .buffer = buffer.span()}));
  }
  {  // the master waits, and the last user goes
    auto pty = open_pair();
    typename session<Config>::template operation<op::read> one{op::read{.file = pty.near.file(), .buffer = buffer.span()}};
    s.ring.start(one);
    s.linger(2ms);
    BOOST_TEST(!one.is_done());
    pty.far.reset();
    s.finish(one);
    is_end(one.result());
  }
  failed(s.run_alone(op::read_tty{.file = sluice::file_handle{7777}, .buffer = buffer.span()}), std::errc::bad_file_descriptor);
}

template <class Config>
void a_peer_that_resets_ends_what_waits_for_it() {
  covers("1.1", "1.4");
  session<Config> s;
  const std::string big(4'000'000, 'x');
  support::buffer buffer;
  const sluice::mutable_buffer in[] = {buffer.span()};
  const sluice::const_buffer out[] = {bytes_of(big)};
  const auto is_reset = [](const auto& outcome, const char* name) {
    BOOST_TEST(!outcome.has_value(), name);
    if (!outcome)
      BOOST_TEST((outcome.error() == std::errc::connection_reset || outcome.error() == std::errc::broken_pipe),
                 name << ": " << outcome.error().message());
  };
  const auto waits_for = [&]<class Op>(auto&& describe, bool is_full, std::type_identity<Op>) {
    auto pair = support::tcp_pair();
    if (is_full) support::fill(pair.near);
    typename session<Config>::template operation<Op> one{describe(pair.near)};
    s.ring.start(one);
    s.linger(2ms);
    BOOST_TEST(!one.is_done(), Op::name);
    support::reset_connection(pair.far);
    s.finish(one);
    is_reset(one.result(), Op::name.data());
  };
  waits_for([&](auto& near) { return op::recv{.socket = near.socket(), .buffer = buffer.span()}; }, false, std::type_identity<op::recv>{});
  waits_for([&](auto& near) { return op::read{.file = near.file(), .buffer = buffer.span()}; }, false, std::type_identity<op::read>{});
  waits_for([&](auto& near) { return op::readv{.file = near.file(), .buffers = in}; }, false, std::type_identity<op::readv>{});
  waits_for([&](auto& near) { return op::recv_msg{.socket = near.socket(), .buffers = in}; }, false, std::type_identity<op::recv_msg>{});
  waits_for([&](auto& near) { return op::send{.socket = near.socket(), .buffer = bytes_of(big)}; }, true, std::type_identity<op::send>{});
  waits_for([&](auto& near) { return op::write{.file = near.file(), .buffer = bytes_of(big)}; }, true, std::type_identity<op::write>{});
  waits_for([&](auto& near) { return op::writev{.file = near.file(), .buffers = out}; }, true, std::type_identity<op::writev>{});
  waits_for([&](auto& near) { return op::send_msg{.socket = near.socket(), .buffers = out}; }, true, std::type_identity<op::send_msg>{});
  if constexpr (session<Config>::facade::template supports<op::splice>) {
    const auto pipe = support::pipe_pair();
    waits_for([&](auto& near) { return op::splice{.handle = near.socket(), .to = pipe.far.file(), .length = 10}; }, false,
              std::type_identity<op::splice>{});
    put(pipe.far, "x");
    waits_for([&](auto& near) { return op::splice{.handle = pipe.near.file(), .to = near.socket(), .length = 10}; }, true,
              std::type_identity<op::splice>{});
  }
  // One that has moved a part says so, and the next one says why.
  auto pair = support::tcp_pair();
  typename session<Config>::template operation<op::recv> whole{
      op::recv{.socket = pair.near.socket(), .buffer = buffer.span(10), .flags = sluice::recv_flags::wait_all}};
  s.ring.start(whole);
  put(pair.far, "abc");
  s.linger(2ms);
  support::reset_connection(pair.far);
  s.finish(whole);
  if (whole.result())
    gave(whole.result(), 3U);
  else
    is_reset(whole.result(), "recv of all");
  // A client that has gone from the backlog does not keep the next one out.
  const support::listener server;
  auto gone = server.client();
  support::reset_connection(gone);
  const auto there = server.client();
  put(there, "hello");
  bool seen = false;
  for (int i = 0; i < 3 && !seen; ++i) {
    const auto taken = s.run_alone(op::accept{.socket = server.socket.socket()});
    if (!taken) continue;  // the system tells of the one that has gone
    const support::descriptor peer{taken->socket.native()};
    seen = s.run_alone(op::recv{.socket = taken->socket, .buffer = buffer.span()}).value_or(0) == 5;
  }
  BOOST_TEST(seen);
}

template <class Config>
void no_operation_raises_sigpipe_and_one_that_was_pending_stays() {
  covers("1.4");
  for (const bool pending : {false, true}) {
    const support::sigpipe_count count;
    ::sigset_t only;
    ::sigset_t before;
    sigemptyset(&only);
    sigaddset(&only, SIGPIPE);
    if (pending) {
      ::pthread_sigmask(SIG_BLOCK, &only, &before);
      ::pthread_kill(::pthread_self(), SIGPIPE);
    }
    {
      session<Config> s;
      auto stream = support::tcp_pair();
      support::reset_connection(stream.far);
      auto local = support::socket_pair();
      local.far.reset();
      auto pipe = support::pipe_pair();
      pipe.near.reset();
      const auto source = support::pipe_pair();
      put(source.far, "some bytes to move");
      const auto file = support::temporary_file("some bytes to move");
      const sluice::const_buffer out[] = {bytes_of("x"), bytes_of("y")};
      const auto broken = [&]<class Op>(const Op& one) {
        const auto is_broken = [&](const auto& outcome, const char* how) {
          BOOST_TEST(!outcome.has_value(), Op::name << how);
          if (!outcome)
            BOOST_TEST((outcome.error() == std::errc::broken_pipe || outcome.error() == std::errc::connection_reset),
                       Op::name << how << ": " << outcome.error().message());
        };
        is_broken(s.run_alone(one), ", alone");
        is_broken(std::get<0>(s.run(one, op::nop{})), ", in a batch");
        is_broken(std::get<0>(s.run(op::hard(one), op::nop{})), ", in a chain");
        is_broken(std::get<0>(s.run(op::soft(one), op::link_timeout{.after = 10s})), ", with a deadline in the chain");
        is_broken(s.run_alone(op::timed(one, 10s)), ", with a deadline");
      };
      for (const auto* socket : {&stream.near, &local.near}) {
        broken(op::send{.socket = socket->socket(), .buffer = bytes_of("x")});
        broken(op::send{.socket = socket->socket(), .buffer = bytes_of("x"), .flags = sluice::send_flags::wait_all});
        broken(op::send_msg{.socket = socket->socket(), .buffers = out});
        broken(op::write{.file = socket->file(), .buffer = bytes_of("x")});
        broken(op::writev{.file = socket->file(), .buffers = out});
        if constexpr (session<Config>::facade::template supports<op::splice>)
          broken(op::splice{.handle = source.near.file(), .to = socket->socket(), .length = 1});
      }
      broken(op::write{.file = pipe.far.file(), .buffer = bytes_of("x")});
      broken(op::writev{.file = pipe.far.file(), .buffers = out});
      if constexpr (session<Config>::facade::template supports<op::splice>) {
        broken(op::splice{.handle = source.near.file(), .to = pipe.far.file(), .length = 1});
        broken(op::splice{.handle = file.file(), .offset = 0, .to = pipe.far.file(), .length = 1});
        broken(op::tee{.file = source.near.file(), .to = pipe.far.file(), .length = 1});
      }
      // One that waits for room when the reader goes.
      auto full = support::pipe_pair();
      ::fcntl(full.far.get(), F_SETPIPE_SZ, 4096);
      put(full.far, std::string(4096, 'f'));
      typename session<Config>::template operation<op::write> late{op::write{.file = full.far.file(), .buffer = bytes_of("x")}};
      s.ring.start(late);
      s.linger(2ms);
      BOOST_TEST(!late.is_done());
      full.near.reset();
      s.finish(late);
      failed(late.result(), std::errc::broken_pipe);
    }
    BOOST_TEST(count.seen() == 0);
    ::sigset_t now;
    ::sigpending(&now);
    BOOST_TEST((sigismember(&now, SIGPIPE) == 1) == pending);
    if (pending) {
      const ::timespec at_once{};
      BOOST_TEST(::sigtimedwait(&only, nullptr, &at_once) == SIGPIPE);
      ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
    }
    BOOST_TEST(count.seen() == 0);
  }
}

}  // namespace laws::backend

// clang-format off
#define LAWS_OF_BACKEND_PEERS(models)                                         \
  LAW_OF_BACKENDS(an_open_of_a_fifo_waits_without_the_loop_and_can_be_ended, models) \
  LAW_OF_BACKENDS(a_terminal_that_hangs_up_ends_what_waits_for_it, models) \
  LAW_OF_BACKENDS(a_peer_that_resets_ends_what_waits_for_it, models) \
  LAW_OF_BACKENDS(no_operation_raises_sigpipe_and_one_that_was_pending_stays, models)
// clang-format on
