// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Laws of backends: results, errors, flags, what each operation does, and that nothing is lost. Sections 1 and 2.

#include <laws/backend.hpp>

#include <liburing.h>

#include <array>
#include <cerrno>
#include <memory>

#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

namespace laws::backend {

/// An operation that the library does not know.
namespace foreign {
struct grow_file {
  int file;
  std::uint64_t bytes;
  using result_type = void;
};
inline void prepare(::io_uring_sqe& e, const grow_file& op) {
  ::io_uring_prep_fallocate(&e, op.file, 0, 0, static_cast<::off_t>(op.bytes));
}
inline auto perform(const grow_file& op) -> int { return ::fallocate(op.file, 0, 0, static_cast<::off_t>(op.bytes)) < 0 ? -errno : 0; }
}  // namespace foreign

template <class Config>
void an_error_carries_the_systems_own_number() {
  covers("1.1");
  exercises<op::read, op::recv, op::send, op::close_file, op::listen, op::open_at, op::setsockopt, op::getsockopt, op::getsockname,
            op::connect>(failure);
  session<Config> s;
  support::buffer buffer;
  const support::descriptor folder{::open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
  const auto file = support::temporary_file("x");
  const auto of_folder = s.run_alone(op::read{.file = folder.file(), .buffer = buffer.span()});
  failed(of_folder, std::errc::is_a_directory);
  failed(of_folder, std::error_code(EISDIR, std::system_category()));
  failed(s.run_alone(op::recv{.socket = file.socket(), .buffer = buffer.span()}), std::errc::not_a_socket);
  failed(s.run_alone(op::send{.socket = file.socket(), .buffer = bytes_of("x")}), std::errc::not_a_socket);
  failed(s.run_alone(op::read{.file = sluice::file_handle{7777}, .buffer = buffer.span()}), std::errc::bad_file_descriptor);
  failed(s.run_alone(op::read{.file = sluice::file_handle{}, .buffer = buffer.span()}), std::errc::bad_file_descriptor);
  failed(s.run_alone(op::close_file{.file = sluice::file_handle{7777}}), std::errc::bad_file_descriptor);
  failed(s.run_alone(op::close_file{}), std::errc::bad_file_descriptor);
  failed(s.run_alone(op::listen{.socket = file.socket()}), std::errc::not_a_socket);
  failed(s.run_alone(op::open_at{.path = "/tmp/does/not/exist"}), std::errc::no_such_file_or_directory);
  failed(s.run_alone(op::setsockopt{.socket = file.socket()}), std::errc::not_a_socket);
  failed(s.run_alone(op::getsockopt{.socket = file.socket()}), std::errc::not_a_socket);
  failed(s.run_alone(op::getsockname{.socket = file.socket()}), std::errc::not_a_socket);
  const support::listener server;
  const auto port = server.port;
  { const auto gone = std::move(const_cast<support::descriptor&>(server.socket)); }
  const support::descriptor client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  failed(s.run_alone(op::connect{.socket = client.socket(), .address = sluice::ip::endpoint{sluice::ip::loopback, port}}),
         std::errc::connection_refused);
}

template <class Config>
void a_deadline_of_ours_is_not_a_connects_own_timeout() {
  covers("1.1", "4.3");
  session<Config> s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  const auto outcome = s.run_alone(op::timed(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}, 1ms));
  failed(outcome, sluice::errc::timed_out);
  failed(outcome, std::errc::timed_out);
  BOOST_TEST((outcome.error() != std::error_code(ETIMEDOUT, std::system_category())));
}

template <class Config>
void an_unfinished_operation_does_not_read_as_success() {
  covers("1.2");
  session<Config> s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  typename session<Config>::template operation<op::recv> one{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
  failed(one.result(), sluice::errc::in_progress);
  s.ring.start(one);
  failed(one.result(), sluice::errc::in_progress);
  s.poll(sluice::wait::none);
  failed(one.result(), sluice::errc::in_progress);
  put(pair.far, "x");
  s.finish(one);
  gave(one.result(), 1U);
}

template <class Config>
void the_end_of_a_stream_is_zero_bytes() {
  covers("1.4");
  session<Config> s;
  support::buffer buffer;
  auto sockets = support::socket_pair();
  auto pipe = support::pipe_pair();
  sockets.far.reset();
  pipe.far.reset();
  const auto file = support::temporary_file("abc");
  gave(s.run_alone(op::recv{.socket = sockets.near.socket(), .buffer = buffer.span()}), 0U);
  gave(s.run_alone(op::read{.file = pipe.near.file(), .buffer = buffer.span()}), 0U);
  gave(s.run_alone(op::read{.file = file.file(), .buffer = buffer.span(), .offset = 3}), 0U);
  gave(s.run_alone(op::read{.file = file.file(), .buffer = buffer.span(), .offset = 9999}), 0U);
}

/// Whether SIGPIPE is pending or blocked for this thread.
inline auto sigpipe_state() -> std::pair<bool, bool> {
  ::sigset_t pending;
  ::sigset_t blocked;
  ::sigpending(&pending);
  ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  return {sigismember(&pending, SIGPIPE) == 1, sigismember(&blocked, SIGPIPE) == 1};
}

template <class Config>
void a_closed_peer_is_a_broken_pipe_without_a_signal() {
  covers("1.4");
  exercises<op::send, op::write, op::writev>(failure);
  {
    session<Config> s;
    auto sockets = support::socket_pair();
    auto pipe = support::pipe_pair();
    sockets.far.reset();
    pipe.near.reset();
    const sluice::const_buffer parts[] = {bytes_of("x"), bytes_of("y")};
    failed(s.run_alone(op::send{.socket = sockets.near.socket(), .buffer = bytes_of("x")}), std::errc::broken_pipe);
    failed(s.run_alone(op::write{.file = sockets.near.file(), .buffer = bytes_of("x")}), std::errc::broken_pipe);
    failed(s.run_alone(op::write{.file = pipe.far.file(), .buffer = bytes_of("x")}), std::errc::broken_pipe);
    failed(s.run_alone(op::writev{.file = pipe.far.file(), .buffers = parts}), std::errc::broken_pipe);
    const auto [a, b] = s.run(op::soft(op::write{.file = pipe.far.file(), .buffer = bytes_of("x")}), op::nop{});
    failed(a, std::errc::broken_pipe);
    const auto [c, d] = s.run(op::hard(op::writev{.file = pipe.far.file(), .buffers = parts}), op::nop{});
    failed(c, std::errc::broken_pipe);
  }
  BOOST_TEST(!sigpipe_state().first);
  BOOST_TEST(!sigpipe_state().second);
}

template <class Config>
void flags_of_recv_and_send_are_honoured() {
  covers("1.5");
  session<Config> s;
  auto stream = support::socket_pair();
  const auto packets = support::socket_pair(SOCK_DGRAM);
  support::buffer buffer;
  const auto from = [&](const support::descriptor& socket, std::size_t size, sluice::recv_flags flags) {
    return s.run_alone(op::recv{.socket = socket.socket(), .buffer = buffer.span(size), .flags = flags});
  };
  failed(from(stream.near, 4, sluice::recv_flags::dont_wait), std::errc::resource_unavailable_try_again);
  put(stream.far, "abcd");
  gave(from(stream.near, 2, sluice::recv_flags::peek), 2U);
  gave(from(stream.near, 4, sluice::recv_flags::dont_wait), 4U);
  BOOST_TEST(buffer.text(4) == "abcd");
  put(packets.far, "a long datagram");
  gave(from(packets.near, 4, sluice::recv_flags::truncate), 15U);

  typename session<Config>::template operation<op::recv> whole{
      op::recv{.socket = stream.near.socket(), .buffer = buffer.span(4), .flags = sluice::recv_flags::wait_all}};
  s.ring.start(whole);
  put(stream.far, "ab");
  s.linger();
  BOOST_TEST(!whole.is_done());
  put(stream.far, "cd");
  s.finish(whole);
  gave(whole.result(), 4U);

  const std::string big(4'000'000, 'x');
  const auto part = s.run_alone(op::send{.socket = stream.near.socket(), .buffer = bytes_of(big), .flags = sluice::send_flags::dont_wait});
  BOOST_TEST_REQUIRE(part.has_value());
  BOOST_TEST(*part < big.size());
  failed(s.run_alone(op::send{.socket = stream.near.socket(), .buffer = bytes_of(big), .flags = sluice::send_flags::dont_wait}),
         std::errc::resource_unavailable_try_again);
}

/// Story: an attempt without waiting that sent a part of what had to be sent whole was followed by all of it once more.
template <class Config>
void a_send_of_all_sends_each_byte_once() {
  covers("1.5", "3.5");
  session<Config> s;
  const auto pair = support::socket_pair();
  std::string big(3'000'000, '\0');
  for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(i * 7 % 251);
  typename session<Config>::template operation<op::send> one{
      op::send{.socket = pair.near.socket(), .buffer = bytes_of(big), .flags = sluice::send_flags::wait_all}};
  s.ring.start(one);
  std::string got;
  s.until([&] {
    for (auto part = take(pair.far, 65536); !part.empty(); part = take(pair.far, 65536)) got += part;
    return one.is_done();
  });
  for (auto part = take(pair.far, 65536); !part.empty(); part = take(pair.far, 65536)) got += part;
  gave(one.result(), big.size());
  BOOST_TEST(got.size() == big.size());
  BOOST_TEST((got == big));
}

template <class Config>
void flags_of_open_are_honoured() {
  covers("1.5");
  using flags = sluice::open_flags;
  session<Config> s;
  const support::temporary_folder folder;
  const auto path = folder / "file";
  const auto open = [&](flags how, std::uint32_t mode = 0600) {
    return s.run_alone(op::open_at{.path = path, .flags = how, .mode = mode});
  };
  failed(open(flags::read), std::errc::no_such_file_or_directory);
  const auto opened = [&](flags how, std::uint32_t mode = 0600) {
    const auto handle = open(how, mode);
    BOOST_TEST_REQUIRE(handle.has_value());
    return support::descriptor{handle->native()};
  };
  {
    const auto made = opened(flags::write | flags::create | flags::exclusive, 0640);
    struct ::stat facts{};
    ::fstat(made.get(), &facts);
    BOOST_TEST((facts.st_mode & 0777U) == 0640U);
    BOOST_TEST((::fcntl(made.get(), F_GETFD) & FD_CLOEXEC) != 0);
    put(made, "abc");
  }
  failed(open(flags::write | flags::create | flags::exclusive), std::errc::file_exists);
  {
    const auto appended = opened(flags::append);
    put(appended, "de");
    BOOST_TEST(::lseek(appended.get(), 0, SEEK_END) == 5);
  }
  {
    const auto kept = opened(flags::read | flags::write | flags::inherit);
    BOOST_TEST((::fcntl(kept.get(), F_GETFD) & FD_CLOEXEC) == 0);
    BOOST_TEST(take(kept) == "abcde");
  }
  {
    const auto emptied = opened(flags::write | flags::truncate);
    BOOST_TEST(::lseek(emptied.get(), 0, SEEK_END) == 0);
  }
  failed(open(flags::read | flags::directory), std::errc::not_a_directory);
  BOOST_REQUIRE(::symlink(path.c_str(), (folder / "link").c_str()) == 0);
  failed(s.run_alone(op::open_at{.path = folder / "link", .flags = flags::read | flags::no_follow}),
         std::errc::too_many_symbolic_link_levels);
}

template <class Config>
void operations_on_files_do_what_they_say() {
  exercises<op::open_at, op::write, op::writev, op::fsync, op::read, op::readv, op::close_file, op::nop>(real);
  session<Config> s;
  const support::temporary_folder folder;
  const auto path = folder / "file";
  const auto opened =
      s.run_alone(op::open_at{.path = path, .flags = sluice::open_flags::read | sluice::open_flags::write | sluice::open_flags::create});
  BOOST_TEST_REQUIRE(opened.has_value());
  const auto file = *opened;
  gave(s.run_alone(op::write{.file = file, .buffer = bytes_of("hello")}), 5U);
  const sluice::const_buffer out[] = {bytes_of(" wor"), bytes_of("ld")};
  gave(s.run_alone(op::writev{.file = file, .buffers = out}), 6U);
  succeeded(s.run_alone(op::fsync{.file = file}));
  succeeded(s.run_alone(op::fsync{.file = file, .data_only = true}));
  support::buffer buffer;
  gave(s.run_alone(op::read{.file = file, .buffer = buffer.span(), .offset = 6}), 5U);
  BOOST_TEST(buffer.text(5) == "world");
  support::buffer<3> first;
  support::buffer<8> second;
  const sluice::mutable_buffer in[] = {first.span(), second.span()};
  gave(s.run_alone(op::readv{.file = file, .buffers = in, .offset = 0}), 11U);
  BOOST_TEST(first.text(3) + second.text(8) == "hello world");
  gave(s.run_alone(op::read{.file = file, .buffer = buffer.span()}), 0U);
  succeeded(s.run_alone(op::close_file{.file = file}));
  BOOST_TEST(!support::is_open(file.native()));
  succeeded(s.run_alone(op::nop{}));

  foreign::grow_file grow{.file = -1, .bytes = 5000};
  failed(s.run_alone(grow), std::errc::bad_file_descriptor);
  const auto plain = support::temporary_file();
  grow.file = plain.get();
  succeeded(s.run_alone(grow));
  BOOST_TEST(::lseek(plain.get(), 0, SEEK_END) == 5000);
}

template <class Config>
void operations_on_sockets_do_what_they_say() {
  exercises<op::socket, op::setsockopt, op::getsockopt, op::bind, op::listen, op::getsockname, op::accept, op::connect>(real);
  exercises<op::send, op::recv, op::shutdown, op::close_socket>(real);
  session<Config> s;
  const auto server = s.run_alone(op::socket{});
  const auto client = s.run_alone(op::socket{});
  BOOST_TEST_REQUIRE((server.has_value() && client.has_value()));
  BOOST_TEST((::fcntl(server->native(), F_GETFD) & FD_CLOEXEC) != 0);
  succeeded(s.run_alone(op::setsockopt{.socket = *server, .option = sluice::socket_option::reuse_address, .value = 1}));
  gave(s.run_alone(op::getsockopt{.socket = *server, .option = sluice::socket_option::reuse_address}), 1);
  succeeded(s.run_alone(op::bind{.socket = *server, .address = sluice::ip::endpoint{sluice::ip::loopback, 0}}));
  succeeded(s.run_alone(op::listen{.socket = *server, .backlog = 4}));
  const auto address = s.run_alone(op::getsockname{.socket = *server});
  BOOST_TEST_REQUIRE(address.has_value());
  const auto [taken, connected] = s.run(op::accept{.socket = *server}, op::connect{.socket = *client, .address = *address});
  succeeded(connected);
  BOOST_TEST_REQUIRE(taken.has_value());
  gave(s.run_alone(op::getsockname{.socket = *client}), taken->peer);
  BOOST_TEST((::fcntl(taken->socket.native(), F_GETFD) & FD_CLOEXEC) != 0);
  support::buffer buffer;
  gave(s.run_alone(op::send{.socket = *client, .buffer = bytes_of("ping")}), 4U);
  gave(s.run_alone(op::recv{.socket = taken->socket, .buffer = buffer.span()}), 4U);
  BOOST_TEST(buffer.text(4) == "ping");
  succeeded(s.run_alone(op::shutdown{.socket = *client, .how = sluice::shutdown_how::send}));
  gave(s.run_alone(op::recv{.socket = taken->socket, .buffer = buffer.span()}), 0U);
  for (const auto socket : {*server, *client, taken->socket}) {
    succeeded(s.run_alone(op::close_socket{.socket = socket}));
    BOOST_TEST(!support::is_open(socket.native()));
  }
}

/// The same, with each operation queued among others instead of alone: none may be tried by a plain call that overtakes.
template <class Config>
void a_server_is_set_up_in_one_batch_or_chain() {
  covers("3.1");
  session<Config> s;
  const sluice::socket_address anywhere = sluice::ip::endpoint{sluice::ip::loopback, 0};
  {
    const support::descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const auto [set, bound, heard, named] =
        s.run(op::setsockopt{.socket = socket.socket()}, op::bind{.socket = socket.socket(), .address = anywhere},
              op::listen{.socket = socket.socket()}, op::getsockname{.socket = socket.socket()});
    succeeded(set);
    succeeded(bound);
    succeeded(heard);
    BOOST_TEST_REQUIRE(named.has_value());
    BOOST_TEST(named->as_ip()->port != 0);
  }
  {
    const support::descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const auto [set, bound, heard, named] =
        s.run(op::soft(op::setsockopt{.socket = socket.socket()}), op::soft(op::bind{.socket = socket.socket(), .address = anywhere}),
              op::soft(op::listen{.socket = socket.socket()}), op::getsockname{.socket = socket.socket()});
    succeeded(set);
    succeeded(bound);
    succeeded(heard);
    BOOST_TEST_REQUIRE(named.has_value());
    BOOST_TEST(named->as_ip()->port != 0);
  }
  {
    const support::descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const auto [bound, heard] =
        s.run(op::soft(op::bind{.socket = socket.socket(), .address = anywhere}), op::listen{.socket = socket.socket()});
    succeeded(bound);
    succeeded(heard);
    int listens = 0;
    ::socklen_t length = sizeof(listens);
    ::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &listens, &length);
    BOOST_TEST(listens == 1);
  }
}

template <class Config>
void an_operation_of_the_users_own_is_a_member_of_a_chain() {
  session<Config> s;
  const auto file = support::temporary_file();
  const auto [grown, synced] = s.run(op::soft(foreign::grow_file{.file = file.get(), .bytes = 100}), op::fsync{.file = file.file()});
  succeeded(grown);
  succeeded(synced);
  const auto [again, read] = s.run(op::hard(foreign::grow_file{.file = -1, .bytes = 100}), op::nop{});
  failed(again, std::errc::bad_file_descriptor);
  succeeded(read);
}

template <class Config>
void an_operation_is_done_exactly_once_and_may_be_started_again() {
  covers("2.2");
  session<Config> s;
  const auto pair = support::socket_pair();
  std::array<support::buffer<>, 40> buffers;
  using receive = typename session<Config>::template operation<op::recv>;
  std::vector<std::unique_ptr<receive>> all;
  for (auto& buffer : buffers) all.push_back(std::make_unique<receive>(op::recv{.socket = pair.near.socket(), .buffer = buffer.span(1)}));
  for (int round = 0; round < 3; ++round) {
    s.done.clear();
    for (auto& one : all) BOOST_TEST_REQUIRE((s.ring.start(*one) == started::pending));
    s.poll(sluice::wait::none);
    put(pair.far, "0123456789");
    for (auto& one : all) {
      s.ring.cancel(*one);
      s.ring.cancel(*one);
    }
    s.until([&] { return s.ring.in_flight() == 0; });
    s.linger();
    BOOST_TEST(s.done.size() == all.size());
    BOOST_TEST(std::set<aio::record*>(s.done.begin(), s.done.end()).size() == all.size());
    std::size_t received = take(pair.near).size();
    for (auto& one : all) {
      if (const auto outcome = one->result())
        received += *outcome;
      else
        canceled(outcome);
    }
    BOOST_TEST(received == 10U);
  }
}

template <class Config>
void what_races_with_its_cancel_is_not_lost() {
  covers("2.3", "6.2");
  session<Config> s;
  const support::listener server;
  const auto pair = support::socket_pair();
  typename session<Config>::event_source source;
  support::buffer buffer;
  std::size_t won = 0;
  for (int round = 0; round < 60; ++round) {
    typename session<Config>::template operation<op::accept> accept{op::accept{.socket = server.socket.socket()}};
    typename session<Config>::template operation<op::recv> recv{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
    typename session<Config>::template operation<op::wait_event> wait{op::wait_event{.source = source}};
    s.ring.start(accept);
    s.ring.start(recv);
    s.ring.start(wait);
    if (round % 3 != 0) s.poll(sluice::wait::none);
    const auto client = server.client();
    put(pair.far, "!");
    source.notify();
    if (round % 3 == 2) s.poll(sluice::wait::none);
    s.ring.cancel(accept);
    s.ring.cancel(recv);
    s.ring.cancel(wait);
    s.finish(accept, recv, wait);
    if (accept.result()) {
      ++won;
      ::close(accept.result()->socket.native());
    } else {
      canceled(accept.result());
      const support::descriptor late{::accept4(server.socket.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)};
      BOOST_TEST(late.get() >= 0);
    }
    BOOST_TEST(recv.result().value_or(0) + take(pair.near).size() == 1U);
    if (!wait.result()) succeeded(s.run_alone(op::wait_event{.source = source}));
  }
  BOOST_TEST_MESSAGE(won << " of 60 accepts won against their cancel");
}

}  // namespace laws::backend

// clang-format off
#define LAWS_OF_BACKEND_RESULTS(models)                                       \
  LAW_OF_BACKENDS(an_error_carries_the_systems_own_number, models)            \
  LAW_OF_BACKENDS(a_deadline_of_ours_is_not_a_connects_own_timeout, models)   \
  LAW_OF_BACKENDS(an_unfinished_operation_does_not_read_as_success, models)   \
  LAW_OF_BACKENDS(the_end_of_a_stream_is_zero_bytes, models)                  \
  LAW_OF_BACKENDS(a_closed_peer_is_a_broken_pipe_without_a_signal, models)    \
  LAW_OF_BACKENDS(flags_of_recv_and_send_are_honoured, models)                \
  LAW_OF_BACKENDS(a_send_of_all_sends_each_byte_once, models)                 \
  LAW_OF_BACKENDS(flags_of_open_are_honoured, models)                         \
  LAW_OF_BACKENDS(operations_on_files_do_what_they_say, models)               \
  LAW_OF_BACKENDS(operations_on_sockets_do_what_they_say, models)             \
  LAW_OF_BACKENDS(a_server_is_set_up_in_one_batch_or_chain, models)           \
  LAW_OF_BACKENDS(an_operation_of_the_users_own_is_a_member_of_a_chain, models) \
  LAW_OF_BACKENDS(an_operation_is_done_exactly_once_and_may_be_started_again, models) \
  LAW_OF_BACKENDS(what_races_with_its_cancel_is_not_lost, models)
// clang-format on
