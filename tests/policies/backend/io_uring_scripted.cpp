// SPDX-License-Identifier: MIT
// Each system call of the backend answers with one error of each class: to be retried, to be waited for, and fatal.
#include <support/descriptors.hpp>
#include <support/scripted_uring.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <cerrno>
#include <chrono>
#include <memory>
#include <vector>

namespace {

namespace op = sluice::op;
using namespace std::chrono_literals;
using laws::backend::canceled;
using laws::backend::failed;
using laws::backend::gave;
using laws::backend::session;
using laws::backend::succeeded;
using scripted::app;
using scripted::operation;
using scripted::refuse_register;
using scripted::register_probe;
using scripted::register_ring_fds;
using sluice::started;
using support::put;
using support::script;

struct small : sluice::config<scripted::uring<{.entries = 2, .completions = 4}>, sluice::trace::counters> {};
struct eager : sluice::config<scripted::uring<{.inline_try = sluice::inline_try::both}>, sluice::trace::counters> {};
struct lazy : sluice::config<scripted::uring<{.inline_try = sluice::inline_try::never}>, sluice::trace::counters> {};

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

BOOST_AUTO_TEST_CASE(a_signal_mask_that_cannot_be_changed_does_not_stop_a_write) {
  session<app> s;
  const auto pipe = support::pipe_pair();
  script::next("signal_mask", {-EINVAL});
  gave(s.run_alone(op::write{.file = pipe.far.file(), .buffer = support::bytes_of("x")}), 1U);
}

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
