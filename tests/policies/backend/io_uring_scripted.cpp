// SPDX-License-Identifier: MIT
// Each system call of the backend answers with one error of each class: to be retried, to be waited for, and fatal.
#include <laws/backend.hpp>
#include <sluice/backend/io_uring.hpp>
#include <sluice/native.hpp>
#include <support/scripted_os.hpp>

#include <boost/test/unit_test.hpp>
#include <liburing.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace {

namespace aio = sluice::aio;
namespace op = sluice::op;
using namespace std::chrono_literals;
using laws::backend::canceled;
using laws::backend::failed;
using laws::backend::gave;
using laws::backend::succeeded;
using sluice::started;
using support::put;
using support::script;

template <sluice::io_uring_options O = {}>
using scripted = sluice::backend::io_uring<O, support::scripted_os>;

struct app : sluice::config<scripted<>, sluice::trace::counters> {};
struct small : sluice::config<scripted<{.entries = 2, .completions = 4}>, sluice::trace::counters> {};
struct eager : sluice::config<scripted<{.inline_try = sluice::inline_try::both}>, sluice::trace::counters> {};
struct lazy : sluice::config<scripted<{.inline_try = sluice::inline_try::never}>, sluice::trace::counters> {};

template <class Config>
using session = laws::backend::session<Config>;
template <class Op>
using operation = session<app>::operation<Op>;

constexpr auto register_ring_fds = 20;
constexpr auto register_eventfd = 4;
constexpr auto register_probe = 8;
constexpr auto register_send_msg_ring = 31;

void refuse_register(std::uint64_t opcode, int error) {
  script::always("uring_register", [opcode, error](const support::system_call& call) -> script::answer {
    return call.first == opcode ? script::answer{-error} : script::answer{};
  });
}

/// The next ring is woken through an event descriptor.
void without_messages() {
  script::next("missing_features", {1U << 16U});
  refuse_register(register_send_msg_ring, EINVAL);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_FIXTURE_TEST_SUITE(io_uring_scripted, support::script_fixture)

BOOST_AUTO_TEST_CASE(an_entry_that_is_interrupted_or_refused_for_a_while_is_tried_again) {
  for (const int error : {EINTR, EAGAIN, EBUSY, ETIME}) {
    session<app> s;
    script::next("uring_enter", {-error, -error, -error});
    std::array<operation<op::nop>, 2> all{operation<op::nop>{op::nop{}}, operation<op::nop>{op::nop{}}};
    s.ring.start(std::span<operation<op::nop>>{all});
    s.finish(all[0], all[1]);
    BOOST_TEST(s.done.size() == 2U);
    BOOST_TEST(s.ring.trace().snapshot().submissions == 2U);
  }
}

BOOST_AUTO_TEST_CASE(a_fatal_error_of_the_entry_ends_the_poll_and_loses_nothing) {
  for (const int error : {EBADF, EFAULT, EINVAL, ENXIO, EEXIST}) {
    session<app> s;
    operation<op::nop> one{op::nop{}};
    s.ring.start(one);
    script::next("uring_enter", {-error});
    const auto outcome = s.ring.poll(s, sluice::wait::one);
    failed(outcome, std::error_code(error, std::system_category()));
    BOOST_TEST(!one.is_done());
    s.finish(one);
    succeeded(one.result());
  }
}

/// The first polls of a ring go the long way, because its descriptor is not registered yet.
BOOST_AUTO_TEST_CASE(a_ring_that_has_polled_often_meets_the_same_errors) {
  using nops = std::array<operation<op::nop>, 3>;
  const auto warm = [](session<app>& s) {
    for (int i = 0; i < 20; ++i) succeeded(s.run_alone(op::nop{}));
    s.done.clear();
  };
  for (const int error : {EINTR, EAGAIN, EBUSY, ETIME}) {
    session<app> s;
    warm(s);
    nops all{operation<op::nop>{op::nop{}}, operation<op::nop>{op::nop{}}, operation<op::nop>{op::nop{}}};
    s.ring.start(std::span<operation<op::nop>>{all});
    script::next("uring_enter", {-error});
    const auto count = s.ring.poll(s, sluice::wait::one);
    BOOST_TEST_REQUIRE(count.has_value());
    BOOST_TEST(*count == 3U);
    BOOST_TEST(s.done.size() == 3U);
  }
  for (const int error : {EBADF, EFAULT, EINVAL, ENXIO, EEXIST}) {
    session<app> s;
    warm(s);
    operation<op::nop> one{op::nop{}};
    s.ring.start(one);
    script::next("uring_enter", {-error});
    failed(s.ring.poll(s, sluice::wait::one), std::error_code(error, std::system_category()));
    BOOST_TEST(!one.is_done());
    BOOST_TEST((s.ring.poll(s, sluice::wait::one) == std::size_t{1}));
    succeeded(one.result());
  }
  for (const int taken : {0, 1, 2}) {
    session<app> s;
    warm(s);
    nops all{operation<op::nop>{op::nop{}}, operation<op::nop>{op::nop{}}, operation<op::nop>{op::nop{}}};
    s.ring.start(std::span<operation<op::nop>>{all});
    script::next("uring_enter", {taken});
    s.finish(all[0], all[1], all[2]);
    for (std::size_t i = 0; i < all.size(); ++i) BOOST_TEST(s.done[i] == &all[i]);
  }
}

/// The pause after a refusal is a call, too: a refusal of every other call must not hit each submission.
BOOST_AUTO_TEST_CASE(a_kernel_that_refuses_every_other_call_does_not_stop_the_ring) {
  for (const int error : {EAGAIN, EBUSY}) {
    for (const bool refuses_first : {true, false}) {
      session<app> s;
      bool refuses = refuses_first;
      int calls = 0;
      script::always("uring_enter", [&](const support::system_call&) -> script::answer {
        BOOST_TEST_REQUIRE(++calls < 1000);
        if (std::exchange(refuses, !refuses)) return -error;
        return {};
      });
      for (int i = 0; i < 5; ++i) succeeded(s.run_alone(op::nop{}));
      script::clear();
    }
  }
}

/// A completion queue is an array, whose end is passed again and again, by batches of every size.
BOOST_AUTO_TEST_CASE(batches_pass_the_end_of_the_completion_queue) {
  session<app> s{{.entries = 8, .completions = 8}};
  for (int i = 0; i < 20; ++i) succeeded(s.run_alone(op::nop{}));
  std::vector<std::unique_ptr<operation<op::nop>>> all;
  for (std::size_t size = 1; size <= 8; ++size) {
    for (int round = 0; round < 20; ++round) {
      s.done.clear();
      all.clear();
      for (std::size_t i = 0; i < size; ++i) s.ring.start(*all.emplace_back(std::make_unique<operation<op::nop>>(op::nop{})));
      BOOST_TEST_REQUIRE((s.ring.poll(s, sluice::wait::one) == size));
      for (std::size_t i = 0; i < size; ++i) BOOST_TEST_REQUIRE(s.done[i] == all[i].get());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_short_submission_keeps_the_rest_in_order) {
  session<app> s;
  const auto pipe = support::pipe_pair();
  script::next("uring_enter", {1, 0, 2, 1});
  std::vector<std::unique_ptr<operation<op::write>>> all;
  for (const auto* text : {"a", "b", "c", "d", "e", "f", "g"})
    s.ring.start(
        *all.emplace_back(std::make_unique<operation<op::write>>(op::write{.file = pipe.far.file(), .buffer = support::bytes_of(text)})));
  for (const auto& one : all) s.finish(*one);
  BOOST_TEST(support::take(pipe.near) == "abcdefg");
  BOOST_TEST(s.ring.trace().snapshot().submissions == 7U);
}

BOOST_AUTO_TEST_CASE(a_full_queue_waits_for_a_system_that_refuses_for_a_while) {
  session<small> s;
  script::next("uring_enter", {-EAGAIN, -EAGAIN, -EINTR, 0, 1, -EBUSY});
  using nops = session<small>::operation<op::nop>;
  std::vector<std::unique_ptr<nops>> mine;
  for (int i = 0; i < 20; ++i) BOOST_TEST((s.ring.start(*mine.emplace_back(std::make_unique<nops>(op::nop{}))) == started::pending));
  for (auto& one : mine) s.finish(*one);
  BOOST_TEST(s.done.size() == 20U);
}

BOOST_AUTO_TEST_CASE(a_system_that_never_takes_anything_gives_errors_and_no_spin) {
  session<small> s;
  const auto pair = support::socket_pair();
  auto closed = support::socket_pair();
  support::buffer buffer;
  session<small>::operation<op::recv> recv{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
  session<small>::operation<op::nop> nop{op::nop{}};
  session<small>::operation<op::nop> late{op::nop{}};
  s.ring.start(recv);
  s.poll(sluice::wait::none);
  s.ring.start(nop);
  session<small>::operation<op::nop> second{op::nop{}};
  s.ring.start(second);
  script::always("uring_enter", [](const support::system_call& call) -> script::answer {
    if (call.first != 0) return -EAGAIN;
    return {};
  });
  const auto before = script::calls("uring_enter");
  const auto begin = std::chrono::steady_clock::now();
  s.poll(sluice::wait::at_most(20ms));
  BOOST_TEST((std::chrono::steady_clock::now() - begin >= 20ms));
  BOOST_TEST(script::calls("uring_enter") - before < 100U);
  BOOST_TEST((s.ring.start(late) == started::done));
  failed(late.result(), std::errc::not_enough_memory);
  const auto [a, b] = s.run(op::soft(op::nop{}), op::nop{});
  failed(a, std::errc::not_enough_memory);
  canceled(b);
  const auto number = closed.near.release();
  succeeded(s.run_alone(op::close_socket{.socket = sluice::socket_handle{number}}));
  BOOST_TEST(!support::is_open(number));
  s.ring.cancel(recv);  // cannot be asked now
  script::clear();
  s.finish(nop, second);
  s.ring.cancel(recv);
  s.finish(recv);
  canceled(recv.result());
}

BOOST_AUTO_TEST_CASE(a_ring_whose_descriptor_cannot_be_registered_works) {
  for (const int error : {EBUSY, EINVAL, ENOMEM}) {
    script::clear();
    refuse_register(register_ring_fds, error);
    session<app> s;
    for (int i = 0; i < 40; ++i) succeeded(s.run_alone(op::nop{}));
    BOOST_TEST(script::calls("uring_register") == 1U);
  }
}

BOOST_AUTO_TEST_CASE(opcodes_that_the_kernel_lacks_are_plain_calls) {
  for (const int error : {EINVAL, EPERM, ENOMEM}) {
    script::clear();
    refuse_register(register_probe, error);
    session<lazy> s;
    const sluice::socket_address anywhere = sluice::ip::endpoint{sluice::ip::loopback, 0};
    const auto make = [] { return support::descriptor{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)}; };
    const auto listens = [](const support::descriptor& socket) {
      int answer = 0;
      ::socklen_t length = sizeof(answer);
      return ::getsockopt(socket.get(), SOL_SOCKET, SO_ACCEPTCONN, &answer, &length) == 0 && answer == 1;
    };
    const auto alone = make();
    succeeded(s.run_alone(op::bind{.socket = alone.socket(), .address = anywhere}));
    succeeded(s.run_alone(op::listen{.socket = alone.socket()}));
    BOOST_TEST(listens(alone));
    const auto batched = make();
    const auto [a, b] = s.run(op::bind{.socket = batched.socket(), .address = anywhere}, op::listen{.socket = batched.socket()});
    succeeded(a);
    succeeded(b);
    BOOST_TEST(listens(batched));
    const auto chained = make();
    const auto [c, d, e] = s.run(op::soft(op::bind{.socket = chained.socket(), .address = anywhere}),
                                 op::soft(op::listen{.socket = chained.socket()}), op::nop{});
    succeeded(c);
    succeeded(d);
    succeeded(e);
    BOOST_TEST(listens(chained));
    BOOST_TEST(script::calls("bind") == 3U);
    BOOST_TEST(script::calls("listen") == 3U);
    const auto [f, g] = s.run(op::soft(op::bind{.socket = chained.socket(), .address = anywhere}), op::listen{.socket = chained.socket()});
    failed(f, std::errc::invalid_argument);  // bound already
    canceled(g);
  }
}

BOOST_AUTO_TEST_CASE(opcodes_that_the_kernel_has_are_used) {
  session<lazy> s;
  const support::descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  succeeded(s.run_alone(op::bind{.socket = socket.socket(), .address = sluice::ip::endpoint{sluice::ip::loopback, 0}}));
  succeeded(s.run_alone(op::listen{.socket = socket.socket()}));
  BOOST_TEST_MESSAGE("this kernel " << (script::calls("bind") == 0 ? "has" : "lacks") << " an opcode for bind");
  const auto made = s.run_alone(op::socket{});
  BOOST_TEST_REQUIRE(made.has_value());
  ::close(made->native());
}

BOOST_AUTO_TEST_CASE(plain_calls_that_are_interrupted_are_tried_again_and_others_fail_alone) {
  session<app> s;
  const auto pair = support::socket_pair();
  const support::descriptor socket{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  const auto each = [&](std::string_view name, const auto& description) {
    BOOST_TEST_CONTEXT(name) {
      for (const int error : {ENOBUFS, EACCES, EBADF}) {
        script::next(name, {-error});
        failed(s.run_alone(description), std::error_code(error, std::system_category()));
      }
      script::next(name, {-EINTR, -EINTR});
      const auto outcome = s.run_alone(description);
      BOOST_TEST(outcome.has_value());
      BOOST_TEST(script::calls(name) == 6U);
    }
  };
  each("bind", op::bind{.socket = socket.socket(), .address = sluice::ip::endpoint{sluice::ip::loopback, 0}});
  each("listen", op::listen{.socket = socket.socket()});
  each("getsockname", op::getsockname{.socket = socket.socket()});
  each("setsockopt", op::setsockopt{.socket = socket.socket()});
  each("getsockopt", op::getsockopt{.socket = socket.socket()});
  each("shutdown", op::shutdown{.socket = pair.near.socket()});
  script::next("socket", {-EMFILE, -EINTR, -EINTR});
  failed(s.run_alone(op::socket{}), std::errc::too_many_files_open);
  const auto made = s.run_alone(op::socket{});
  BOOST_TEST_REQUIRE(made.has_value());
  ::close(made->native());
}

/// Story: a cancel for which the kernel let no entry free was forgotten, and what it was meant for went on for ever.
BOOST_AUTO_TEST_CASE(a_cancel_without_an_entry_is_asked_for_again) {
  for (const int error : {EAGAIN, EBUSY}) {
    session<small> s;
    for (int i = 0; i < 20; ++i) succeeded(s.run_alone(op::nop{}));
    s.done.clear();
    const auto pair = support::socket_pair();
    support::buffer buffer;
    session<small>::operation<op::recv> recv{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
    session<small>::operation<op::timeout> timeout{op::timeout{.after = 1h}};
    session<small>::operation<op::nop> first{op::nop{}};
    session<small>::operation<op::nop> second{op::nop{}};
    s.ring.start(recv);
    s.ring.start(timeout);
    s.poll(sluice::wait::none);
    s.ring.start(first);
    s.ring.start(second);
    script::always("uring_enter", [error](const support::system_call&) -> script::answer { return -error; });
    s.ring.cancel(recv);
    s.ring.cancel(timeout);
    s.ring.cancel(recv);
    s.poll(sluice::wait::none);
    BOOST_TEST((!recv.is_done() && !timeout.is_done() && !first.is_done()));
    BOOST_TEST(s.ring.pending());
    // One of them is done before it can be asked.
    put(pair.far, "abc");
    script::clear();
    s.poll(sluice::wait::one);
    s.finish(recv, timeout, first, second);
    BOOST_TEST((recv.result() == std::size_t{3} || recv.result().error() == std::errc::operation_canceled));
    canceled(timeout.result());
    BOOST_TEST(s.done.size() == 4U);
    BOOST_TEST(s.ring.in_flight() == 0U);
  }
}

BOOST_AUTO_TEST_CASE(an_inline_attempt_that_would_wait_or_is_interrupted_goes_to_the_ring) {
  session<eager> s;
  const auto pair = support::socket_pair();
  support::buffer buffer;
  for (const int error : {EAGAIN, EINTR}) {
    put(pair.far, "abc");
    script::next("recv", {-error});
    gave(s.run_alone(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}), 3U);
    script::next("send", {-error});
    gave(s.run_alone(op::send{.socket = pair.near.socket(), .buffer = support::bytes_of("abc")}), 3U);
    // An interruption is nobody's business even where the user does not want to wait.
    put(pair.far, "abc");
    if (error == EINTR) {
      script::next("recv", {-error});
      gave(s.run_alone(op::recv{.socket = pair.near.socket(), .buffer = buffer.span(), .flags = sluice::recv_flags::dont_wait}), 3U);
    } else {
      BOOST_TEST(support::take(pair.near) == "abc");
    }
    BOOST_TEST(support::take(pair.far) == "abc");
  }
  BOOST_TEST(s.ring.trace().snapshot().op_inline == 0U);
  script::next("recv", {-ECONNRESET});
  failed(s.run_alone(op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}), std::errc::connection_reset);
  script::next("send", {-EPIPE});
  failed(s.run_alone(op::send{.socket = pair.near.socket(), .buffer = support::bytes_of("abc")}), std::errc::broken_pipe);
}

BOOST_AUTO_TEST_CASE(without_memory_for_a_descriptors_record_one_operation_fails) {
  session<app> s;
  const auto pair = support::socket_pair();
  const support::descriptor high{::fcntl(pair.near.get(), F_DUPFD_CLOEXEC, 300)};
  support::buffer buffer;
  put(pair.far, "abc");
  script::next("map", {-ENOMEM, -ENOMEM});
  failed(s.run_alone(op::recv{.socket = high.socket(), .buffer = buffer.span()}), std::errc::not_enough_memory);
  const auto [a, b] = s.run(op::soft(op::recv{.socket = high.socket(), .buffer = buffer.span()}), op::nop{});
  failed(a, std::errc::not_enough_memory);
  canceled(b);
  gave(s.run_alone(op::recv{.socket = high.socket(), .buffer = buffer.span()}), 3U);
  BOOST_TEST(s.ring.in_flight() == 0U);
}

BOOST_AUTO_TEST_CASE(without_a_descriptor_for_an_event_source_one_wait_fails) {
  session<app> s;
  session<app>::event_source source;
  script::next("eventfd", {-EMFILE, -ENFILE});
  failed(s.run_alone(op::wait_event{.source = source}), std::errc::too_many_files_open);
  const auto [a, b] = s.run(op::soft(op::wait_event{.source = source}), op::nop{});
  failed(a, std::errc::too_many_files_open_in_system);
  canceled(b);
  source.notify();  // counted without a descriptor
  succeeded(s.run_alone(op::wait_event{.source = source}));
  BOOST_TEST(script::calls("eventfd") == 2U);
  operation<op::wait_event> wait{op::wait_event{.source = source}};
  s.ring.start(wait);
  script::next("write", {-EINTR, -EINTR});
  source.notify();
  s.finish(wait);
  succeeded(wait.result());
}

BOOST_AUTO_TEST_CASE(a_native_handle_that_is_refused_is_an_error_that_leaves_nothing) {
  session<app> s;
  const auto before = support::count_descriptors();
  script::next("eventfd", {-EMFILE});
  failed(s.ring.native_handle(), std::errc::too_many_files_open);
  refuse_register(register_eventfd, ENOMEM);
  failed(s.ring.native_handle(), std::errc::not_enough_memory);
  BOOST_TEST(support::count_descriptors() == before);
  script::clear();
  succeeded(s.ring.native_handle());
}

BOOST_AUTO_TEST_CASE(a_signal_mask_that_cannot_be_changed_does_not_stop_a_write) {
  session<app> s;
  const auto pipe = support::pipe_pair();
  script::next("signal_mask", {-EINVAL});
  gave(s.run_alone(op::write{.file = pipe.far.file(), .buffer = support::bytes_of("x")}), 1U);
}

BOOST_AUTO_TEST_CASE(waking_costs_no_call_while_the_ring_is_awake) {
  for (const bool messages : {true, false}) {
    script::clear();
    if (!messages) without_messages();
    session<app> s;
    s.poll(sluice::wait::none);
    const auto before = script::calls();
    for (int i = 0; i < 10; ++i) s.ring.wake();
    BOOST_TEST(script::calls() == before);
    s.poll(sluice::wait::one);
    const auto begin = std::chrono::steady_clock::now();
    s.poll(sluice::wait::at_most(1ms));
    BOOST_TEST((std::chrono::steady_clock::now() - begin >= 1ms));
  }
}

/// Story: the descriptor that wakes was armed at the end of the first poll, so that nobody could end that one.
BOOST_AUTO_TEST_CASE(the_first_poll_can_be_ended_without_messages) {
  without_messages();
  session<app> s;
  std::thread other{[&] {
    std::this_thread::sleep_for(10ms);
    s.ring.wake();
    s.ring.wake();
  }};
  const auto begin = std::chrono::steady_clock::now();
  s.poll(sluice::wait::at_most(10s));
  BOOST_TEST((std::chrono::steady_clock::now() - begin < 5s));
  other.join();
  s.poll(sluice::wait::none);
  script::next("write", {-EINTR});
  for (int i = 0; i < 50; ++i) {
    std::thread again{[&] { s.ring.wake(); }};
    s.poll(sluice::wait::one);
    again.join();
  }
}

BOOST_AUTO_TEST_CASE(a_foreign_loop_works_without_messages) {
  without_messages();
  session<app> s;
  const auto handle = s.ring.native_handle();
  BOOST_TEST_REQUIRE(handle.has_value());
  s.poll(sluice::wait::none);
  for (int i = 0; i < 100; ++i) {
    std::thread{[&] { s.ring.wake(); }}.join();
    ::pollfd one{.fd = *handle, .events = POLLIN, .revents = 0};
    if (::poll(&one, 1, 10'000) != 1) laws::backend::give_up("a wake-up was lost");
    s.poll(sluice::wait::none);
  }
}

/// Story: a poll took the signal after it had looked at the completions, and with it the signal of one that came in between.
BOOST_AUTO_TEST_CASE(a_completion_that_comes_while_a_signal_is_taken_is_not_slept_through) {
  session<app> s;
  const auto handle = s.ring.native_handle();
  BOOST_TEST_REQUIRE(handle.has_value());
  const auto pair = support::socket_pair();
  support::buffer buffer;
  operation<op::recv> recv{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
  s.ring.start(recv);
  s.poll(sluice::wait::none);
  script::always("read", [&](const support::system_call& call) -> script::answer {
    if (static_cast<int>(call.first) == *handle && ::write(pair.far.get(), "x", 1) != 1) return -EIO;
    return {};
  });
  s.poll(sluice::wait::none);
  script::clear();
  ::pollfd one{.fd = *handle, .events = POLLIN, .revents = 0};
  BOOST_TEST((recv.is_done() || ::poll(&one, 1, 1000) == 1));
  s.finish(recv);
}

BOOST_AUTO_TEST_CASE(a_refused_wake_message_is_tried_again_if_interrupted) {
  session<app> s;
  std::atomic<bool> asleep{false};
  script::always("uring_enter", [&](const support::system_call& call) -> script::answer {
    if (call.second != 0) asleep = true;
    return {};
  });
  std::thread other{[&] {
    while (!asleep) std::this_thread::yield();
    script::next("uring_register", {-EINTR, -EINTR});
    s.ring.wake();
  }};
  s.poll(sluice::wait::at_most(10s));
  other.join();
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
