// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Laws of backends: what other laws leave out of "each operation works, can be cancelled, and fails": cancels of what does not wait for
/// anything, and failures of what seldom fails.

#include <laws/backend.hpp>
#include <laws/backend_files.hpp>

#include <string>
#include <tuple>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/wait.h>

namespace laws::backend {

/// Starts an operation beside another, so that it is queued, cancels both, and hands what came of it to `look(result)`; once before
/// anything was submitted, and once after.
template <class Config, class Op, class Look>
void cancel_at_once(session<Config>& s, const Op& description, Look&& look) {
  for (const bool submitted : {false, true}) {
    auto both = s.call(description, op::nop{});
    s.ring.start(both);
    if (submitted) s.poll(sluice::wait::none);
    both.cancel(s.ring);
    s.finish(both);
    const auto [outcome, nothing] = both.results();
    if (!nothing) canceled(nothing);
    if (!outcome) canceled(outcome);
    BOOST_TEST_CONTEXT(Op::name << (submitted ? ", submitted" : ", queued")) { look(outcome); }
  }
}

template <class Config>
void a_call_on_a_socket_that_is_cancelled_has_happened_or_has_not() {
  covers("6.2");
  exercises<op::bind, op::listen, op::setsockopt, op::getsockopt, op::getsockname, op::shutdown, op::socket>(cancel);
  session<Config> s;
  cancel_at_once(s, op::socket{}, [](const auto& made) {
    if (made) ::close(made->native());
  });
  for (int round = 0; round < 2; ++round) {
    const support::descriptor one{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const auto option = [&](int name) {
      int value = 0;
      ::socklen_t length = sizeof(value);
      ::getsockopt(one.get(), SOL_SOCKET, name, &value, &length);
      return value != 0;
    };
    bool is_set = false;
    cancel_at_once(s, op::setsockopt{.socket = one.socket(), .option = sluice::socket_option::keep_alive, .value = 1},
                   [&](const auto& outcome) {
                     is_set = is_set || outcome.has_value();
                     BOOST_TEST(option(SO_KEEPALIVE) == is_set);
                   });
    cancel_at_once(s, op::getsockopt{.socket = one.socket(), .option = sluice::socket_option::keep_alive}, [&](const auto& outcome) {
      if (outcome) BOOST_TEST((*outcome != 0) == is_set);
    });
    bool is_bound = false;
    const auto port = [&] {
      ::sockaddr_in address{};
      ::socklen_t length = sizeof(address);
      ::getsockname(one.get(), reinterpret_cast<::sockaddr*>(&address), &length);
      return address.sin_port;
    };
    {
      auto both = s.call(op::bind{.socket = one.socket(), .address = sluice::ip::endpoint{sluice::ip::loopback, 0}}, op::nop{});
      s.ring.start(both);
      if (round == 1) s.poll(sluice::wait::none);
      both.cancel(s.ring);
      s.finish(both);
      is_bound = both.template get<0>().result().has_value();
      BOOST_TEST((port() != 0) == is_bound);
    }
    cancel_at_once(s, op::getsockname{.socket = one.socket()}, [&](const auto& outcome) {
      if (outcome) BOOST_TEST(outcome->as_ip()->port == ntohs(port()));
    });
    bool listens = false;
    cancel_at_once(s, op::listen{.socket = one.socket()}, [&](const auto& outcome) {
      listens = listens || outcome.has_value();
      BOOST_TEST(option(SO_ACCEPTCONN) == listens);
    });
  }
  const auto pair = support::socket_pair();
  bool is_shut = false;
  support::buffer<> buffer;
  cancel_at_once(s, op::shutdown{.socket = pair.near.socket(), .how = sluice::shutdown_how::send}, [&](const auto& outcome) {
    is_shut = is_shut || outcome.has_value();
    BOOST_TEST((::recv(pair.far.get(), buffer.bytes.data(), 1, MSG_DONTWAIT) == 0) == is_shut);
  });
}

template <class Config>
void what_makes_descriptors_leaves_none_when_it_is_cancelled() {
  covers("6.2");
  exercises<op::pipe, op::open_signals, op::spawn_process, op::open_at>(cancel);
  session<Config> s;
  succeeded(s.run(op::nop{}));  // a backend may open what it needs with its first operation
  ::sigset_t mask;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  const auto before = support::count_descriptors();
  cancel_at_once(s, op::pipe{}, [](const auto& outcome) {
    if (!outcome) return;
    ::close(outcome->read.native());
    ::close(outcome->write.native());
  });
  cancel_at_once(s, op::open_signals{.signals = {SIGUSR2}}, [](const auto& outcome) {
    if (outcome) ::close(outcome->native());
  });
  BOOST_TEST(support::count_descriptors() == before);
  cancel_at_once(s, op::spawn_process{.path = "/bin/true"}, [&](const auto& outcome) {
    if (outcome) {
      BOOST_TEST(::waitpid(outcome->id, nullptr, 0) == outcome->id);
      ::close(outcome->process.native());
    }
    BOOST_TEST((::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD));
  });
  ::pthread_sigmask(SIG_SETMASK, &mask, nullptr);
}

template <class Config>
void a_close_is_not_cancelled() {
  covers("5.1", "6.1");
  exercises<op::close_file, op::close_socket, op::close_directory, op::close_process>(cancel);
  exercises<op::close_socket, op::close_process, op::close_file>(failure);
  session<Config> s;
  support::buffer<> buffer;
  const auto closes = [&]<class Op>(const Op& description, int number) {
    typename session<Config>::template operation<Op> close{description};
    if (s.ring.start(close) == started::pending) {
      s.ring.cancel(close);
      (void)s.run(op::cancel{.operation = &close}, op::nop{});
      s.finish(close);
    }
    succeeded(close.result());
    BOOST_TEST(!support::is_open(number));
    // In a batch that is cancelled as a whole, too; the number is nobody's by now.
    auto both = s.call(op::nop{}, description);
    s.ring.start(both);
    both.cancel(s.ring);
    s.finish(both);
    failed(both.template get<1>().result(), std::errc::bad_file_descriptor);
  };
  auto pipe = support::pipe_pair();
  auto pair = support::socket_pair();
  const support::temporary_folder folder;
  auto base = open_folder(folder);
  // Those that wait for what is in flight, and those that wait for nothing.
  typename session<Config>::template operation<op::read> read{op::read{.file = pipe.near.file(), .buffer = buffer.span()}};
  typename session<Config>::template operation<op::recv> recv{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
  s.ring.start(read);
  s.ring.start(recv);
  s.poll(sluice::wait::none);
  const auto file = pipe.near.release();
  const auto socket = pair.near.release();
  const auto directory = base.release();
  closes(op::close_file{.file = sluice::file_handle{file}}, file);
  closes(op::close_socket{.socket = sluice::socket_handle{socket}}, socket);
  closes(op::close_directory{.directory = sluice::directory_handle{directory}}, directory);
  s.finish(read, recv);
  canceled(read.result());
  canceled(recv.result());
  const auto child = s.run_alone(op::spawn_process{.path = "/bin/true"});
  BOOST_TEST_REQUIRE(child.has_value());
  typename session<Config>::template operation<op::child_exit> wait{op::child_exit{.process = child->process}};
  s.ring.start(wait);
  closes(op::close_process{.process = child->process}, child->process.native());
  s.finish(wait);
  if (!wait.result()) {
    canceled(wait.result());
    BOOST_TEST(::waitpid(child->id, nullptr, 0) == child->id);
  }
}

template <class Config>
void requests_about_others_can_be_cancelled_themselves() {
  covers("6.1");
  exercises<op::nop, op::cancel, op::cancel_handle, op::cancel_all, op::notify_event>(cancel);
  session<Config> s;
  const auto pair = support::socket_pair();
  typename session<Config>::event_source source;
  support::buffer<> buffer;
  using receive = typename session<Config>::template operation<op::recv>;
  cancel_at_once(s, op::nop{}, [](const auto&) {});
  std::size_t told = 0;
  cancel_at_once(s, op::notify_event{.source = source}, [&](const auto& outcome) { told += outcome.has_value() ? 1 : 0; });
  for (std::size_t i = 0; i < told; ++i) succeeded(s.run_alone(op::timed(op::wait_event{.source = source}, 5s)));
  failed(s.run_alone(op::timed(op::wait_event{.source = source}, 1ms)), sluice::errc::timed_out);

  const auto about = [&]<class Op>(receive& one, const Op& request) {
    for (const bool submitted : {false, true}) {
      s.ring.start(one);
      s.poll(sluice::wait::none);
      auto both = s.call(request, op::nop{});
      s.ring.start(both);
      if (submitted) s.poll(sluice::wait::none);
      both.cancel(s.ring);
      s.finish(both);
      const auto outcome = both.template get<0>().result();
      if (outcome) {
        s.finish(one);
        canceled(one.result());
      } else {  // it was asked or it was not; then it still waits
        canceled(outcome);
        s.linger(2ms);
        if (!one.is_done()) {
          put(pair.far, "x");
          s.finish(one);
          gave(one.result(), 1U);
        } else {
          canceled(one.result());
        }
      }
    }
  };
  receive one{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
  about(one, op::cancel{.operation = &one});
  about(one, op::cancel_handle{.handle = pair.near.socket()});
  about(one, op::cancel_all{});
}

template <class Config>
void a_deadline_in_a_chain_can_be_cancelled_and_bounds_nothing_then() {
  covers("4.5", "6.2");
  exercises<op::link_timeout>(cancel);
  session<Config> s;
  const auto pair = support::socket_pair();
  support::buffer<> buffer;
  auto chain = s.call(op::soft(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}), op::link_timeout{.after = 30s});
  s.ring.start(chain);
  s.poll(sluice::wait::none);
  s.ring.cancel(chain.template get<1>());
  s.linger(3ms);
  put(pair.far, "x");
  s.finish(chain);
  const auto [received, deadline] = chain.results();
  gave(received, 1U);
  canceled(deadline);
}

template <class Config>
void what_seldom_fails_fails_with_the_systems_word() {
  covers("1.1");
  exercises<op::readv, op::accept, op::bind, op::link_at, op::read_tty, op::child_exit, op::close_process, op::send_msg>(failure);
  session<Config> s;
  support::buffer<> buffer;
  const sluice::mutable_buffer in[] = {buffer.span()};
  const sluice::const_buffer out[] = {bytes_of("x")};
  const support::temporary_folder folder;
  const auto base = open_folder(folder);
  const auto file = support::temporary_file("x");
  touch(folder / "a");
  touch(folder / "b");
  failed(s.run_alone(op::readv{.file = base.file(), .buffers = in}), std::errc::is_a_directory);
  failed(s.run_alone(op::accept{.socket = file.socket()}), std::errc::not_a_socket);
  failed(s.run_alone(op::accept{.socket = sluice::socket_handle{7777}}), std::errc::bad_file_descriptor);
  const support::descriptor idle{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  failed(s.run_alone(op::accept{.socket = idle.socket()}), std::errc::invalid_argument);
  const support::listener taken;
  failed(s.run_alone(op::bind{.socket = idle.socket(), .address = sluice::ip::endpoint{sluice::ip::loopback, taken.port}}),
         std::errc::address_in_use);
  const auto here = directory_of(base);
  failed(s.run_alone(op::link_at{.directory = here, .path = "a", .to_directory = here, .to_path = "b"}), std::errc::file_exists);
  failed(s.run_alone(op::link_at{.directory = here, .path = "missing", .to_directory = here, .to_path = "c"}),
         std::errc::no_such_file_or_directory);
  failed(s.run_alone(op::read_tty{.file = sluice::file_handle{7777}, .buffer = buffer.span()}), std::errc::bad_file_descriptor);
  failed(s.run_alone(op::child_exit{.process = sluice::process_handle{file.get()}}), std::errc::bad_file_descriptor);
  failed(s.run_alone(op::close_process{.process = sluice::process_handle{7777}}), std::errc::bad_file_descriptor);
  failed(s.run_alone(op::send_msg{.socket = file.socket(), .buffers = out}), std::errc::not_a_socket);
}

template <class Config>
void what_cannot_fail_by_itself_fails_with_its_chain_and_does_nothing() {
  covers("4.a");
  exercises<op::nop, op::timeout, op::link_timeout, op::cancel_handle, op::cancel_all, op::notify_event>(failure);
  session<Config> s;
  const auto pair = support::socket_pair();
  typename session<Config>::event_source source;
  support::buffer<> buffer;
  const auto broken = op::read{.file = sluice::file_handle{7777}, .buffer = buffer.span()};
  typename session<Config>::template operation<op::recv> waits{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
  s.ring.start(waits);
  s.poll(sluice::wait::none);
  const auto is_cut = [&](const auto& one) {
    const auto [first, second] = s.run(op::soft(broken), one);
    failed(first, std::errc::bad_file_descriptor);
    canceled(second);
  };
  is_cut(op::nop{});
  is_cut(op::timeout{.after = 100s});
  is_cut(op::cancel_handle{.handle = pair.near.socket()});
  is_cut(op::cancel_all{});
  is_cut(op::notify_event{.source = source});
  const auto [a, b, c] =
      s.run(op::soft(broken), op::soft(op::recv{.socket = pair.far.socket(), .buffer = buffer.span()}), op::link_timeout{.after = 100s});
  failed(a, std::errc::bad_file_descriptor);
  canceled(b);
  canceled(c);
  s.linger(2ms);
  BOOST_TEST(!waits.is_done());
  failed(s.run_alone(op::timed(op::wait_event{.source = source}, 1ms)), sluice::errc::timed_out);
  s.ring.cancel(waits);
  s.finish(waits);
}

}  // namespace laws::backend

// clang-format off
#define LAWS_OF_BACKEND_OPERATIONS(models)                                    \
  LAW_OF_BACKENDS(a_call_on_a_socket_that_is_cancelled_has_happened_or_has_not, models) \
  LAW_OF_BACKENDS(what_makes_descriptors_leaves_none_when_it_is_cancelled, models) \
  LAW_OF_BACKENDS(a_close_is_not_cancelled, models)                           \
  LAW_OF_BACKENDS(requests_about_others_can_be_cancelled_themselves, models)  \
  LAW_OF_BACKENDS(a_deadline_in_a_chain_can_be_cancelled_and_bounds_nothing_then, models) \
  LAW_OF_BACKENDS(what_seldom_fails_fails_with_the_systems_word, models)      \
  LAW_OF_BACKENDS(what_cannot_fail_by_itself_fails_with_its_chain_and_does_nothing, models)
// clang-format on
