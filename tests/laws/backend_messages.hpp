// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Laws of backends: messages, pipes, polling, and cancelling many at once. Sections 1, 4 and 6.

#include <laws/backend.hpp>
#include <support/handed_over.hpp>

#include <array>
#include <cstring>
#include <string>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

namespace laws::backend {

/// A datagram socket on the loopback interface, and its address.
struct datagrams {
  support::descriptor socket{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  sluice::socket_address address;

  template <class Session>
  explicit datagrams(Session& s) {
    succeeded(s.run_alone(op::bind{.socket = socket.socket(), .address = sluice::ip::endpoint{sluice::ip::loopback, 0}}));
    address = s.run_alone(op::getsockname{.socket = socket.socket()}).value();
  }
};

template <class Config>
void a_datagram_tells_who_sent_it() {
  exercises<op::recv_msg, op::send_msg>(real, failure);
  session<Config> s;
  const datagrams near{s};
  const datagrams far{s};
  const sluice::const_buffer out[] = {bytes_of("hello "), bytes_of("world")};
  gave(s.run_alone(op::send_msg{.socket = far.socket.socket(), .buffers = out, .address = near.address}), 11U);
  support::buffer<4> first;
  support::buffer<32> second;
  const sluice::mutable_buffer in[] = {first.span(), second.span()};
  const auto got = s.run_alone(op::recv_msg{.socket = near.socket.socket(), .buffers = in});
  BOOST_TEST_REQUIRE(got.has_value());
  BOOST_TEST(got->bytes == 11U);
  BOOST_TEST(first.text(4) + second.text(7) == "hello world");
  BOOST_TEST((got->peer == far.address));
  BOOST_TEST(got->control_bytes == 0U);
  BOOST_TEST((got->flags == sluice::message_flags::none));

  gave(s.run_alone(op::send_msg{.socket = far.socket.socket(), .buffers = out, .address = near.address}), 11U);
  const auto cut = s.run_alone(op::recv_msg{.socket = near.socket.socket(), .buffers = std::span{in}.first(1)});
  BOOST_TEST_REQUIRE(cut.has_value());
  BOOST_TEST(cut->bytes == 4U);
  BOOST_TEST((cut->flags == sluice::message_flags::truncated));

  gave(s.run_alone(op::send_msg{.socket = far.socket.socket(), .buffers = out, .address = near.address}), 11U);
  const auto length =
      s.run_alone(op::recv_msg{.socket = near.socket.socket(), .buffers = std::span{in}.first(1), .flags = sluice::recv_flags::truncate});
  BOOST_TEST_REQUIRE(length.has_value());
  BOOST_TEST(length->bytes == 11U);

  failed(s.run_alone(op::send_msg{.socket = far.socket.socket(), .buffers = out}), std::errc::destination_address_required);
  failed(s.run_alone(op::recv_msg{.socket = near.socket.socket(), .buffers = in, .flags = sluice::recv_flags::dont_wait}),
         std::errc::resource_unavailable_try_again);
  const auto file = support::temporary_file("x");
  failed(s.run_alone(op::recv_msg{.socket = file.socket(), .buffers = in}), std::errc::not_a_socket);
  failed(s.run_alone(op::send_msg{.socket = file.socket(), .buffers = out}), std::errc::not_a_socket);
}

template <class Config>
void a_descriptor_travels_beside_the_data() {
  session<Config> s;
  const auto pair = support::socket_pair();
  const auto file = support::temporary_file("content");
  const support::handed_over control{file.get()};
  const sluice::const_buffer out[] = {bytes_of("x")};
  gave(s.run_alone(op::send_msg{.socket = pair.near.socket(), .buffers = out, .control = control.bytes}), 1U);
  support::buffer<> buffer;
  const sluice::mutable_buffer in[] = {buffer.span()};
  alignas(::cmsghdr) std::array<std::byte, 64> room;
  const auto got = s.run_alone(op::recv_msg{.socket = pair.far.socket(), .buffers = in, .control = room});
  BOOST_TEST_REQUIRE(got.has_value());
  BOOST_TEST(got->bytes == 1U);
  BOOST_TEST_REQUIRE(got->control_bytes >= CMSG_LEN(sizeof(int)));
  int number = -1;
  std::memcpy(&number, room.data() + CMSG_LEN(0), sizeof(number));
  const support::descriptor received{number};
  BOOST_TEST(take(received) == "content");
  BOOST_TEST((::fcntl(received.get(), F_GETFD) & FD_CLOEXEC) != 0);

  // Without room for it the descriptor is not left open.
  const auto before = support::count_descriptors();
  gave(s.run_alone(op::send_msg{.socket = pair.near.socket(), .buffers = out, .control = control.bytes}), 1U);
  const auto without = s.run_alone(op::recv_msg{.socket = pair.far.socket(), .buffers = in});
  BOOST_TEST_REQUIRE(without.has_value());
  BOOST_TEST((without->flags == sluice::message_flags::control_truncated));
  BOOST_TEST(support::count_descriptors() == before);
}

template <class Config>
void messages_on_a_stream_end_and_break_as_bytes_do() {
  covers("1.4", "4.c", "4.d");
  session<Config> s;
  auto pair = support::socket_pair();
  support::buffer<8> buffer;
  const sluice::mutable_buffer in[] = {buffer.span()};
  const sluice::const_buffer out[] = {bytes_of("abc")};
  put(pair.far, "xy");
  const auto [part, next] = s.run(op::soft(op::recv_msg{.socket = pair.near.socket(), .buffers = in}), op::nop{});
  BOOST_TEST_REQUIRE(part.has_value());
  BOOST_TEST(part->bytes == 2U);
  succeeded(next);
  put(pair.far, "xy");
  ::shutdown(pair.far.get(), SHUT_WR);
  const auto [whole, after] =
      s.run(op::soft(op::recv_msg{.socket = pair.near.socket(), .buffers = in, .flags = sluice::recv_flags::wait_all}), op::nop{});
  BOOST_TEST_REQUIRE(whole.has_value());
  BOOST_TEST(whole->bytes == 2U);
  canceled(after);
  const auto end = s.run_alone(op::recv_msg{.socket = pair.near.socket(), .buffers = in});
  BOOST_TEST_REQUIRE(end.has_value());
  BOOST_TEST(end->bytes == 0U);
  pair.far.reset();
  failed(s.run_alone(op::send_msg{.socket = pair.near.socket(), .buffers = out}), std::errc::broken_pipe);
}

template <class Config>
void a_message_that_does_not_come_can_be_cancelled() {
  covers("6.2");
  exercises<op::recv_msg, op::send_msg>(cancel);
  session<Config> s;
  const auto pair = support::socket_pair();
  support::buffer<8> buffer;
  const sluice::mutable_buffer in[] = {buffer.span()};
  typename session<Config>::template operation<op::recv_msg> one{op::recv_msg{.socket = pair.near.socket(), .buffers = in}};
  s.ring.start(one);
  s.poll(sluice::wait::none);
  s.ring.cancel(one);
  s.finish(one);
  canceled(one.result());
  failed(s.run_alone(op::timed(op::recv_msg{.socket = pair.near.socket(), .buffers = in}, 1ms)), sluice::errc::timed_out);
  // And one for which there is no room.
  const std::string big(65536, 'x');
  support::fill(pair.near);
  const sluice::const_buffer out[] = {bytes_of(big)};
  typename session<Config>::template operation<op::send_msg> two{op::send_msg{.socket = pair.near.socket(), .buffers = out}};
  s.ring.start(two);
  s.linger();
  BOOST_TEST(!two.is_done());
  s.ring.cancel(two);
  s.finish(two);
  canceled(two.result());
  failed(s.run_alone(op::timed(op::send_msg{.socket = pair.near.socket(), .buffers = out}, 1ms)), sluice::errc::timed_out);
}

template <class Config>
void a_pipe_has_two_ends() {
  exercises<op::pipe>(real, failure);
  session<Config> s;
  const auto made = s.run_alone(op::pipe{});
  BOOST_TEST_REQUIRE(made.has_value());
  const support::descriptor read{made->read.native()};
  const support::descriptor write{made->write.native()};
  BOOST_TEST((::fcntl(read.get(), F_GETFD) & ::fcntl(write.get(), F_GETFD) & FD_CLOEXEC) != 0);
  put(write, "through");
  BOOST_TEST(take(read) == "through");
  const auto [kept, next] = s.run(op::soft(op::pipe{.inherit = true}), op::nop{});
  succeeded(next);
  BOOST_TEST_REQUIRE(kept.has_value());
  const support::descriptor third{kept->read.native()};
  const support::descriptor fourth{kept->write.native()};
  BOOST_TEST(((::fcntl(third.get(), F_GETFD) | ::fcntl(fourth.get(), F_GETFD)) & FD_CLOEXEC) == 0);
  const support::limit_guard none{RLIMIT_NOFILE, static_cast<::rlim_t>(fourth.get() + 1)};
  failed(s.run_alone(op::pipe{}), std::errc::too_many_files_open);
}

/// Story: the kernel gave a number of its own, 512, for a splice that a cancel had broken off.
template <class Config>
void bytes_move_through_pipes() {
  exercises<op::splice, op::tee>(real, cancel, failure);
  session<Config> s;
  if constexpr (session<Config>::facade::template supports<op::splice>) {
    const auto file = support::temporary_file("0123456789");
    const auto pipe = support::pipe_pair();
    const auto other = support::pipe_pair();
    const auto pair = support::socket_pair();
    gave(s.run_alone(op::splice{.handle = file.file(), .offset = 2, .to = pipe.far.file(), .length = 6}), 6U);
    gave(s.run_alone(op::tee{.file = pipe.near.file(), .to = other.far.file(), .length = 4}), 4U);
    BOOST_TEST(take(other.near) == "2345");
    gave(s.run_alone(op::splice{.handle = pipe.near.file(), .to = pair.near.socket(), .length = 100}), 6U);
    BOOST_TEST(take(pair.far) == "234567");
    gave(s.run_alone(op::splice{.handle = file.file(), .offset = 10, .to = pipe.far.file(), .length = 6}), 0U);
    const auto [part, next] =
        s.run(op::soft(op::splice{.handle = file.file(), .offset = 8, .to = pipe.far.file(), .length = 6}), op::nop{});
    gave(part, 2U);
    canceled(next);
    failed(s.run_alone(op::splice{.handle = file.file(), .to = pair.near.socket(), .length = 6}), std::errc::invalid_argument);
    failed(s.run_alone(op::tee{.file = file.file(), .to = pipe.far.file(), .length = 6}), std::errc::invalid_argument);
    failed(
        s.run_alone(op::splice{.handle = other.near.file(), .to = pipe.far.file(), .length = 6, .flags = sluice::splice_flags::dont_wait}),
        std::errc::resource_unavailable_try_again);
    typename session<Config>::template operation<op::splice> empty{
        op::splice{.handle = other.near.file(), .to = pipe.far.file(), .length = 6}};
    s.ring.start(empty);
    s.linger();
    s.ring.cancel(empty);
    s.finish(empty);
    canceled(empty.result());
    typename session<Config>::template operation<op::tee> nothing{op::tee{.file = other.near.file(), .to = pipe.far.file(), .length = 6}};
    s.ring.start(nothing);
    s.linger();
    BOOST_TEST(!nothing.is_done());
    s.ring.cancel(nothing);
    s.finish(nothing);
    canceled(nothing.result());
  }
}

template <class Config>
void a_poll_says_what_a_descriptor_is_ready_for() {
  exercises<op::poll_once>(real, cancel, failure);
  using events = sluice::poll_events;
  session<Config> s;
  auto pair = support::socket_pair();
  gave(s.run_alone(op::poll_once{.handle = pair.near.socket(), .events = events::readable | events::writable}), events::writable);
  typename session<Config>::template operation<op::poll_once> one{op::poll_once{.handle = pair.near.socket()}};
  s.ring.start(one);
  s.linger();
  BOOST_TEST(!one.is_done());
  put(pair.far, "x");
  s.finish(one);
  gave(one.result(), events::readable);
  BOOST_TEST(take(pair.near) == "x");
  s.ring.start(one);
  s.poll(sluice::wait::none);
  s.ring.cancel(one);
  s.finish(one);
  canceled(one.result());
  ::shutdown(pair.far.get(), SHUT_WR);
  gave(s.run_alone(op::poll_once{.handle = pair.near.socket(), .events = events::peer_closed}), events::peer_closed);
  pair.far.reset();
  const auto hung = s.run_alone(op::poll_once{.handle = pair.near.socket(), .events = events::none});
  BOOST_TEST_REQUIRE(hung.has_value());
  BOOST_TEST(has(*hung, events::hung_up));
  auto pipe = support::pipe_pair();
  pipe.near.reset();
  const auto broken = s.run_alone(op::poll_once{.handle = pipe.far.file(), .events = events::writable});
  BOOST_TEST_REQUIRE(broken.has_value());
  BOOST_TEST(has(*broken, events::failed));
  failed(s.run_alone(op::poll_once{.handle = sluice::file_handle{7777}}), std::errc::bad_file_descriptor);
}

template <class Config>
void all_operations_of_a_handle_are_cancelled_and_no_others() {
  covers("6.1", "6.2");
  exercises<op::cancel_handle>(real);
  session<Config> s;
  const auto pair = support::socket_pair();
  const auto other = support::socket_pair();
  const support::descriptor twin{::fcntl(pair.near.get(), F_DUPFD_CLOEXEC, 3)};
  support::buffer<> buffers[5];
  using receive = typename session<Config>::template operation<op::recv>;
  receive mine{op::recv{.socket = pair.near.socket(), .buffer = buffers[0].span()}};
  receive also{op::recv{.socket = pair.near.socket(), .buffer = buffers[1].span()}};
  receive twins{op::recv{.socket = twin.socket(), .buffer = buffers[2].span()}};
  receive others{op::recv{.socket = other.near.socket(), .buffer = buffers[3].span()}};
  auto linked = s.call(op::soft(op::recv{.socket = pair.near.socket(), .buffer = buffers[4].span()}), op::nop{});
  for (auto* one : {&mine, &also, &twins, &others}) s.ring.start(*one);
  s.ring.start(linked);
  s.poll(sluice::wait::none);
  succeeded(s.run_alone(op::cancel_handle{.handle = pair.near.socket()}));
  s.until([&] { return mine.is_done() && also.is_done() && linked.unfinished() == 0; });
  canceled(mine.result());
  canceled(also.result());
  canceled(linked.template get<0>().result());
  canceled(linked.template get<1>().result());
  s.linger();
  BOOST_TEST(!twins.is_done());
  BOOST_TEST(!others.is_done());
  succeeded(s.run_alone(op::cancel_handle{.handle = pair.near.socket()}));
  succeeded(s.run_alone(op::cancel_handle{}));
  const auto [first, second] = s.run(op::soft(op::cancel_handle{.handle = other.near.socket()}), op::nop{});
  succeeded(first);
  succeeded(second);
  s.finish(others);
  canceled(others.result());
  s.ring.cancel(twins);
  s.finish(twins);
}

template <class Config>
void everything_can_be_cancelled_and_the_ring_goes_on() {
  covers("6.1", "6.2");
  exercises<op::cancel_all>(real);
  session<Config> s;
  const auto pair = support::socket_pair();
  typename session<Config>::event_source source;
  support::buffer<> buffer;
  for (int round = 0; round < 3; ++round) {
    typename session<Config>::template operation<op::recv> recv{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
    typename session<Config>::template operation<op::wait_event> wait{op::wait_event{.source = source}};
    typename session<Config>::template operation<op::timeout> never{op::timeout{.after = interval::max()}};
    s.ring.start(recv);
    s.ring.start(wait);
    s.ring.start(never);
    s.poll(sluice::wait::none);
    succeeded(s.run_alone(op::cancel_all{}));
    s.finish(recv, wait, never);
    canceled(recv.result());
    canceled(wait.result());
    canceled(never.result());
  }
  put(pair.far, "x");
  gave(s.run_alone(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}), 1U);
  source.notify();
  succeeded(s.run_alone(op::wait_event{.source = source}));
  s.ring.wake();
  s.poll(sluice::wait::at_most(10s));
}

}  // namespace laws::backend

// clang-format off
#define LAWS_OF_BACKEND_MESSAGES(models)                                      \
  LAW_OF_BACKENDS(a_datagram_tells_who_sent_it, models)                       \
  LAW_OF_BACKENDS(a_descriptor_travels_beside_the_data, models)               \
  LAW_OF_BACKENDS(messages_on_a_stream_end_and_break_as_bytes_do, models)     \
  LAW_OF_BACKENDS(a_message_that_does_not_come_can_be_cancelled, models)      \
  LAW_OF_BACKENDS(a_pipe_has_two_ends, models)                                \
  LAW_OF_BACKENDS(bytes_move_through_pipes, models)                           \
  LAW_OF_BACKENDS(a_poll_says_what_a_descriptor_is_ready_for, models)         \
  LAW_OF_BACKENDS(all_operations_of_a_handle_are_cancelled_and_no_others, models) \
  LAW_OF_BACKENDS(everything_can_be_cancelled_and_the_ring_goes_on, models)
// clang-format on
