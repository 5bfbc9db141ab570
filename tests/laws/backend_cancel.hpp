// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Laws of backends: closes and cancels. Sections 5 and 6.

#include <laws/backend.hpp>

#include <array>
#include <memory>

namespace laws::backend {

template <class Config>
void a_close_cancels_what_is_in_flight_on_its_handle_and_nothing_else() {
  covers("5.1");
  session<Config> s;
  session<Config> other_ring;
  auto pair = support::socket_pair();
  const auto bystander = support::socket_pair();
  const support::descriptor duplicate{::fcntl(pair.near.get(), F_DUPFD_CLOEXEC, 0)};
  std::array<support::buffer<>, 6> buffers;
  using receive = typename session<Config>::template operation<op::recv>;
  const auto on = [&](std::size_t i, const support::descriptor& socket) {
    return op::recv{.socket = socket.socket(), .buffer = buffers[i].span()};
  };
  receive first{on(0, pair.near)};
  receive second{on(1, pair.near)};
  receive third{on(2, pair.near)};
  receive apart{on(3, duplicate)};
  receive beside{on(4, bystander.near)};
  receive elsewhere{on(5, pair.near)};
  s.ring.start(apart);
  s.ring.start(first);
  s.ring.start(second);
  s.ring.start(beside);
  s.poll(sluice::wait::none);
  other_ring.ring.start(elsewhere);
  succeeded(other_ring.run(op::nop{}));  // and what was started before it has reached the system, whoever submits there
  s.ring.start(third);                   // not submitted when the close comes
  typename session<Config>::template operation<op::close_socket> close{op::close_socket{.socket = pair.near.socket()}};
  const auto number = pair.near.release();
  s.ring.start(close);
  receive late{op::recv{.socket = sluice::socket_handle{number}, .buffer = buffers[0].span()}};
  BOOST_TEST((s.ring.start(late) == started::done));
  failed(late.result(), std::errc::bad_file_descriptor);
  s.finish(close, first, second, third);
  succeeded(close.result());
  for (const auto* one : {&first, &second, &third}) {
    canceled(one->result());
    BOOST_TEST(s.place(*one) < s.place(close));
  }
  BOOST_TEST(!support::is_open(number));
  BOOST_TEST(!apart.is_done());
  BOOST_TEST(!beside.is_done());
  put(pair.far, "ab");
  put(bystander.far, "c");
  s.until([&] { return beside.is_done() && (apart.is_done() || (other_ring.poll(sluice::wait::none), elsewhere.is_done())); });
  if (!apart.is_done()) put(pair.far, "d");
  s.finish(apart);
  if (!elsewhere.is_done()) put(pair.far, "e");
  other_ring.finish(elsewhere);
  succeeded(apart.result());
  // The close does not touch what another ring does with the number, but the system may.
  if (Config::keeps_files)
    succeeded(elsewhere.result());
  else
    failed(elsewhere.result(), std::errc::bad_file_descriptor);
  succeeded(beside.result());
}

template <class Config>
void a_close_with_nothing_in_flight_cancels_nothing() {
  covers("5.1");
  session<Config> s;
  auto pair = support::socket_pair();
  put(pair.far, "x");
  support::buffer buffer;
  gave(s.run_alone(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}), 1U);
  const auto number = pair.near.release();
  succeeded(s.run_alone(op::close_socket{.socket = sluice::socket_handle{number}}));
  BOOST_TEST(s.ring.trace().snapshot().op_cancelled == 0U);
  failed(s.run_alone(op::close_socket{.socket = sluice::socket_handle{number}}), std::errc::bad_file_descriptor);

  auto twice = support::socket_pair();
  const auto reused = twice.near.release();
  typename session<Config>::template operation<op::recv> pending{
      op::recv{.socket = sluice::socket_handle{reused}, .buffer = buffer.span()}};
  typename session<Config>::template operation<op::close_socket> one{op::close_socket{.socket = sluice::socket_handle{reused}}};
  typename session<Config>::template operation<op::close_socket> two{op::close_socket{.socket = sluice::socket_handle{reused}}};
  s.ring.start(pending);
  s.ring.start(one);
  if (s.ring.start(two) == started::pending) s.finish(two);
  s.ring.cancel(one);  // closes are not cancelled
  s.finish(pending, one);
  canceled(pending.result());
  succeeded(one.result());
  failed(two.result(), std::errc::bad_file_descriptor);
}

template <class Config>
void the_next_owner_of_a_closed_number_is_not_touched() {
  covers("5.2");
  session<Config> s;
  support::buffer old_bytes;
  support::buffer new_bytes;
  using receive = typename session<Config>::template operation<op::recv>;
  using closing = typename session<Config>::template operation<op::close_socket>;
  for (int round = 0; round < 30; ++round) {
    auto old_pair = support::socket_pair();
    const auto number = old_pair.near.release();
    receive old_recv{op::recv{.socket = sluice::socket_handle{number}, .buffer = old_bytes.span()}};
    typename session<Config>::template operation<op::timed<op::recv>> bounded{
        op::timed(op::recv{.socket = sluice::socket_handle{number}, .buffer = old_bytes.span()}, 100s)};
    closing close{op::close_socket{.socket = sluice::socket_handle{number}}};
    s.ring.start(old_recv);
    s.ring.start(bounded);
    if (round % 2 == 0) s.poll(sluice::wait::none);
    if (round % 3 == 0) s.ring.cancel(old_recv);
    s.ring.start(close);
    s.finish(close);
    auto new_pair = support::socket_pair();
    BOOST_TEST_REQUIRE(new_pair.near.get() == number);
    receive new_recv{op::recv{.socket = new_pair.near.socket(), .buffer = new_bytes.span()}};
    s.ring.start(new_recv);
    s.ring.cancel(old_recv);
    s.ring.cancel(close);
    s.poll(sluice::wait::none);
    put(new_pair.far, "new");
    s.finish(new_recv, old_recv, bounded);
    canceled(old_recv.result());
    canceled(bounded.result());
    gave(new_recv.result(), 3U);
    BOOST_TEST(new_bytes.text(3) == "new");
  }
}

template <class Config>
void the_result_of_a_cancel_says_what_it_found() {
  covers("6.1");
  exercises<op::cancel>(real, failure);
  session<Config> s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  using receive = typename session<Config>::template operation<op::recv>;
  receive one{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
  failed(s.run_alone(op::cancel{.operation = &one}), sluice::errc::not_found);
  s.ring.start(one);
  succeeded(s.run_alone(op::cancel{.operation = &one}));
  s.finish(one);
  canceled(one.result());
  failed(s.run_alone(op::cancel{.operation = &one}), sluice::errc::not_found);
  failed(s.run_alone(op::cancel{.operation = &one}), std::errc::no_such_file_or_directory);
  s.ring.start(one);
  const auto [cancelled, done] = s.run(op::cancel{.operation = &one}, op::nop{});
  succeeded(cancelled);
  succeeded(done);
  s.finish(one);
}

template <class Config>
void cancelling_what_is_done_or_cancelled_already_is_harmless() {
  covers("6.1");
  session<Config> s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  typename session<Config>::template operation<op::recv> one{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
  s.ring.cancel(one);
  s.ring.start(one);
  for (int i = 0; i < 5; ++i) s.ring.cancel(one);
  s.poll(sluice::wait::none);
  for (int i = 0; i < 5; ++i) s.ring.cancel(one);
  s.finish(one);
  canceled(one.result());
  s.ring.cancel(one);
  s.ring.start(one);  // a cancel asked for before its start does not concern it
  s.linger();
  BOOST_TEST(!one.is_done());
  put(pair.far, "abc");
  s.finish(one);
  gave(one.result(), 3U);
}

/// Starts an operation that has to wait, cancels it, and looks at what came of it.
template <class Config, class Op>
void ends_when_it_is_cancelled(session<Config>& s, Op description) {
  for (const bool submitted : {false, true}) {
    typename session<Config>::template operation<Op> one{description};
    const auto before = support::count_descriptors();
    BOOST_TEST_CONTEXT(one.info->name << (submitted ? ", submitted" : ", queued")) {
      BOOST_TEST_REQUIRE((s.ring.start(one) == started::pending));
      if (submitted) {
        s.poll(sluice::wait::none);
        s.linger(1ms);
        BOOST_TEST_REQUIRE(!one.is_done());
      }
      s.ring.cancel(one);
      s.finish(one);
      canceled(one.result());
      BOOST_TEST(support::count_descriptors() == before);
    }
  }
}

template <class Config>
void each_operation_that_waits_can_be_cancelled_and_leaves_nothing() {
  covers("6.2");
  exercises<op::read, op::readv, op::write, op::writev, op::recv, op::send, op::accept, op::connect, op::timeout, op::wait_event>(cancel);
  session<Config> s;
  typename session<Config>::event_source source;
  {  // the first wait makes a descriptor, which belongs to the source
    const auto none = s.run_alone(op::timed(op::wait_event{.source = source}, 0ms));
    failed(none, sluice::errc::timed_out);
  }
  support::buffer buffer;
  const sluice::mutable_buffer in[] = {buffer.span(4)};
  const std::string big(4'000'000, 'x');
  const sluice::const_buffer out[] = {bytes_of(big)};
  const auto pipe = support::pipe_pair();
  const auto full = support::pipe_pair();
  ::fcntl(full.far.get(), F_SETPIPE_SZ, 4096);
  put(full.far, std::string(4096, 'f'));
  const auto pair = support::socket_pair();
  const auto choked = support::socket_pair();
  support::fill(choked.near);
  const support::listener server;
  const support::listener busy{0};  // one that takes no more connections
  std::vector<support::descriptor> waiting;
  for (int i = 0; i < 4; ++i) {
    waiting.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    ::sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(busy.port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)::connect(waiting.back().get(), reinterpret_cast<::sockaddr*>(&address), sizeof(address));
  }
  const support::descriptor client{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};

  ends_when_it_is_cancelled(s, op::read{.file = pipe.near.file(), .buffer = buffer.span()});
  ends_when_it_is_cancelled(s, op::readv{.file = pipe.near.file(), .buffers = in});
  ends_when_it_is_cancelled(s, op::write{.file = full.far.file(), .buffer = bytes_of("x")});
  ends_when_it_is_cancelled(s, op::writev{.file = full.far.file(), .buffers = out});
  ends_when_it_is_cancelled(s, op::recv{.socket = pair.near.socket(), .buffer = buffer.span()});
  ends_when_it_is_cancelled(s, op::recv{.socket = pair.near.socket(), .buffer = buffer.span(), .flags = sluice::recv_flags::wait_all});
  ends_when_it_is_cancelled(s, op::send{.socket = choked.near.socket(), .buffer = bytes_of(big)});
  ends_when_it_is_cancelled(s, op::accept{.socket = server.socket.socket()});
  ends_when_it_is_cancelled(s, op::timeout{.after = 100s});
  ends_when_it_is_cancelled(s, op::timeout{.after = interval::max()});
  ends_when_it_is_cancelled(s, op::timed(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}, 100s));
  ends_when_it_is_cancelled(s, op::wait_event{.source = source});
  typename session<Config>::template operation<op::connect> connect{
      op::connect{.socket = client.socket(), .address = sluice::ip::endpoint{sluice::ip::loopback, busy.port}}};
  s.ring.start(connect);
  s.linger(2ms);
  BOOST_TEST_REQUIRE(!connect.is_done());
  s.ring.cancel(connect);
  s.finish(connect);
  canceled(connect.result());

  // Nothing was taken by the operations that were cancelled.
  put(pipe.far, "p");
  put(pair.far, "s");
  BOOST_TEST(take(pipe.near) == "p");
  BOOST_TEST(take(pair.near) == "s");
  BOOST_TEST(take(full.near, 9999) == std::string(4096, 'f'));
  source.notify();
  succeeded(s.run_alone(op::wait_event{.source = source}));
  const auto late = server.client();
  const auto taken = s.run_alone(op::accept{.socket = server.socket.socket()});
  BOOST_TEST_REQUIRE(taken.has_value());
  ::close(taken->socket.native());
}

template <class Config>
void an_operation_that_cannot_wait_may_win_against_its_cancel() {
  covers("6.2");
  exercises<op::open_at, op::fsync, op::socket>(cancel);
  session<Config> s;
  const support::temporary_folder folder;
  const auto path = folder / "file";
  succeeded(s.run_alone(op::nop{}));  // what the backend opens at its first operation is its own
  const auto before = support::count_descriptors();
  typename session<Config>::template operation<op::open_at> open{
      op::open_at{.path = path, .flags = sluice::open_flags::write | sluice::open_flags::create}};
  for (int i = 0; i < 20; ++i) {
    s.ring.start(open);
    if (i % 2 == 0) s.poll(sluice::wait::none);
    s.ring.cancel(open);
    s.finish(open);
    if (const auto outcome = open.result())
      ::close(outcome->native());
    else
      canceled(outcome);
  }
  BOOST_TEST(support::count_descriptors() == before);
  const auto file = support::temporary_file();
  auto batch = s.call(op::fsync{.file = file.file()}, op::nop{}, op::socket{});
  s.ring.start(batch);
  batch.cancel(s.ring);
  s.finish(batch);
  const auto [synced, nothing, socket] = batch.results();
  if (!synced) canceled(synced);
  if (socket) ::close(socket->native());
}

}  // namespace laws::backend

// clang-format off
#define LAWS_OF_BACKEND_CANCEL(models)                                        \
  LAW_OF_BACKENDS(a_close_cancels_what_is_in_flight_on_its_handle_and_nothing_else, models) \
  LAW_OF_BACKENDS(a_close_with_nothing_in_flight_cancels_nothing, models)     \
  LAW_OF_BACKENDS(the_next_owner_of_a_closed_number_is_not_touched, models)   \
  LAW_OF_BACKENDS(the_result_of_a_cancel_says_what_it_found, models)          \
  LAW_OF_BACKENDS(cancelling_what_is_done_or_cancelled_already_is_harmless, models) \
  LAW_OF_BACKENDS(each_operation_that_waits_can_be_cancelled_and_leaves_nothing, models) \
  LAW_OF_BACKENDS(an_operation_that_cannot_wait_may_win_against_its_cancel, models)
// clang-format on
