// SPDX-License-Identifier: MIT
// Files, messages, processes and cancels of many on a ring whose kernel says that it has no opcode at all, and each without its own one.
#include <laws/backend_blocking.hpp>
#include <laws/backend_files.hpp>
#include <laws/backend_messages.hpp>
#include <laws/backend_operations.hpp>
#include <laws/backend_processes.hpp>
#include <support/fallback_models.hpp>

#include <boost/hana/size.hpp>

#include <csignal>
#include <string>
#include <tuple>

#include <fcntl.h>

namespace {

namespace op = sluice::op;
using laws::backend::canceled;
using laws::backend::gave;
using laws::backend::session;
using laws::backend::succeeded;
using models::app;
using models::how;
using models::nothing_there;
using models::strict;
using sluice::open_flags;
using sluice::service;
using support::denial;
using support::put;

void run_files(session<strict>& s) {
  const support::temporary_folder folder;
  const auto base = s.run_alone(op::open_at{.path = folder / "", .flags = open_flags::read | open_flags::directory});
  BOOST_TEST_REQUIRE(base.has_value());
  const sluice::directory_handle here{base->native()};
  support::buffer<4096> buffer;
  succeeded(s.run_alone(op::mkdir_at{.directory = here, .path = "sub"}));
  const auto file = s.run_alone(op::open_at{.directory = here,
                                            .path = "sub/a",
                                            .flags = open_flags::read | open_flags::write | open_flags::create | open_flags::beneath,
                                            .mode = 0600});
  BOOST_TEST_REQUIRE(file.has_value());
  succeeded(s.run_alone(op::allocate{.file = *file, .length = 100}));
  succeeded(s.run_alone(op::truncate{.file = *file, .length = 7}));
  succeeded(s.run_alone(op::advise{.file = *file}));
  gave(s.run_alone(op::copy_range{.file = *file, .offset = 0, .to = *file, .to_offset = 7, .length = 7}), 7U);
  const auto status = s.run_alone(op::stat_at{.directory = here, .path = "sub/a"});
  BOOST_TEST_REQUIRE(status.has_value());
  BOOST_TEST(status->size == 14U);
  succeeded(s.run_alone(op::rename_at{.directory = here, .path = "sub/a", .to_directory = here, .to_path = "b"}));
  succeeded(s.run_alone(op::link_at{.directory = here, .path = "b", .to_directory = here, .to_path = "c"}));
  succeeded(s.run_alone(op::symlink_at{.target = "b", .directory = here, .path = "d"}));
  const auto names = s.run_alone(op::read_directory{.directory = here, .buffer = buffer.span()});
  BOOST_TEST_REQUIRE(names.has_value());
  BOOST_TEST(!names->is_end());
  const auto [gone, never] = s.run(op::soft(op::unlink_at{.directory = here, .path = "sub", .remove_directory = true}),
                                   op::unlink_at{.directory = here, .path = "d"});
  succeeded(gone);
  succeeded(never);
  BOOST_TEST(!laws::backend::exists(folder / "sub"));
  succeeded(s.run_alone(op::close_file{.file = *file}));
  succeeded(s.run_alone(op::close_directory{.directory = here}));
}

void run_messages(session<strict>& s) {
  const auto pair = support::socket_pair();
  support::buffer<> buffer;
  const sluice::mutable_buffer in[] = {buffer.span()};
  const sluice::const_buffer out[] = {support::bytes_of("hello")};
  session<strict>::operation<op::recv_msg> message{op::recv_msg{.socket = pair.far.socket(), .buffers = in}};
  session<strict>::operation<op::poll_once> poll{op::poll_once{.handle = pair.far.socket()}};
  s.ring.start(message);
  s.ring.start(poll);
  s.poll(sluice::wait::none);
  succeeded(s.run_alone(op::cancel_handle{.handle = pair.far.socket()}));
  s.finish(message, poll);
  canceled(message.result());
  canceled(poll.result());
  s.ring.start(message);
  s.poll(sluice::wait::none);
  succeeded(s.run_alone(op::cancel_all{}));
  s.finish(message);
  canceled(message.result());
  s.ring.start(poll);
  s.poll(sluice::wait::none);
  gave(s.run_alone(op::send_msg{.socket = pair.near.socket(), .buffers = out}), 5U);
  s.finish(poll);
  gave(poll.result(), sluice::poll_events::readable);
  const auto got = s.run_alone(op::recv_msg{.socket = pair.far.socket(), .buffers = in});
  BOOST_TEST_REQUIRE(got.has_value());
  BOOST_TEST(got->bytes == 5U);

  const auto ends = s.run_alone(op::pipe{});
  const auto other = s.run_alone(op::pipe{});
  BOOST_TEST_REQUIRE((ends.has_value() && other.has_value()));
  session<strict>::operation<op::splice> move{op::splice{.handle = ends->read, .to = pair.near.socket(), .length = 3}};
  s.ring.start(move);
  s.poll(sluice::wait::none);
  gave(s.run_alone(op::write{.file = ends->write, .buffer = support::bytes_of("abc")}), 3U);
  s.finish(move);
  gave(move.result(), 3U);
  gave(s.run_alone(op::write{.file = ends->write, .buffer = support::bytes_of("de")}), 2U);
  gave(s.run_alone(op::tee{.file = ends->read, .to = other->write, .length = 2}), 2U);
  gave(s.run_alone(op::read{.file = other->read, .buffer = buffer.span()}), 2U);
  for (const auto end : {ends->read, ends->write, other->read, other->write}) succeeded(s.run_alone(op::close_file{.file = end}));
}

void run_processes(session<strict>& s) {
  const laws::backend::mask_guard mask{SIGUSR1};
  const laws::backend::shell one{s, "exec sleep 60"};
  session<strict>::operation<op::child_exit> exit{op::child_exit{.process = one.child.process}};
  s.ring.start(exit);
  s.poll(sluice::wait::none);
  BOOST_REQUIRE(::kill(one.child.id, SIGTERM) == 0);
  s.finish(exit);
  BOOST_TEST_REQUIRE(exit.result().has_value());
  succeeded(s.run_alone(op::close_process{.process = one.child.process}));

  const auto signals = s.run_alone(op::open_signals{.signals = {SIGUSR1}});
  BOOST_TEST_REQUIRE(signals.has_value());
  session<strict>::operation<op::wait_signal> wait{op::wait_signal{.file = *signals}};
  s.ring.start(wait);
  s.poll(sluice::wait::none);
  BOOST_REQUIRE(::kill(::getpid(), SIGUSR1) == 0);
  s.finish(wait);
  BOOST_TEST_REQUIRE(wait.result().has_value());
  BOOST_TEST(wait.result()->number == SIGUSR1);
  succeeded(s.run_alone(op::close_file{.file = *signals}));

  const support::descriptor master{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
  BOOST_REQUIRE((master.get() >= 0 && ::grantpt(master.get()) == 0 && ::unlockpt(master.get()) == 0));
  const support::descriptor terminal{::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC)};
  support::buffer<> buffer;
  put(master, "line\n");
  gave(s.run_alone(op::read_tty{.file = terminal.file(), .buffer = buffer.span()}), 5U);
}

/// One of everything that with_fallback.cpp does not have.
void run_each() {
  session<strict> s;
  run_files(s);
  run_messages(s);
  run_processes(s);
}

/// Whether what lies with either backend is reached.
template <class Cancel>
void reaches_both(Cancel&& cancel) {
  const denial receives{std::uint64_t{1} << IORING_OP_RECV};
  session<app> s;
  BOOST_TEST((how(s.ring, "recv") == service::readiness));
  BOOST_TEST((how(s.ring, "recv_msg") == service::ring));
  const auto pair = support::socket_pair();
  support::buffer<> bytes[3];
  const sluice::mutable_buffer in[] = {bytes[1].span()};
  session<app>::operation<op::recv> by_second{op::recv{.socket = pair.near.socket(), .buffer = bytes[0].span()}};
  session<app>::operation<op::recv_msg> by_first{op::recv_msg{.socket = pair.near.socket(), .buffers = in}};
  auto linked = s.call(op::soft(op::recv{.socket = pair.near.socket(), .buffer = bytes[2].span()}), op::nop{});
  for (const bool submitted : {false, true}) {
    s.ring.start(by_second);
    s.ring.start(by_first);
    s.ring.start(linked);
    if (submitted) s.linger();
    BOOST_TEST(!by_second.is_done());
    BOOST_TEST(!by_first.is_done());
    cancel(s, pair.near.socket());
    s.finish(by_second, by_first, linked);
    canceled(by_second.result());
    canceled(by_first.result());
    canceled(linked.template get<0>().result());
    canceled(linked.template get<1>().result());
  }
  put(pair.far, "x");
  gave(s.run_alone(op::recv{.socket = pair.near.socket(), .buffer = bytes[0].span()}), 1U);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(policies)
BOOST_AUTO_TEST_SUITE(backend)
BOOST_AUTO_TEST_SUITE(with_fallback_operations)

BOOST_AUTO_TEST_CASE(each_opcode_may_be_missing) {
  const int descriptors = static_cast<int>(support::count_descriptors());
  for (unsigned code = 0; code < 64; ++code) {
    BOOST_TEST_CONTEXT("without opcode " << code) {
      const denial one{std::uint64_t{1} << code};
      run_each();
    }
  }
  BOOST_TEST(static_cast<int>(support::count_descriptors()) == descriptors);
}

BOOST_AUTO_TEST_CASE(all_of_them_may_be_missing) {
  const denial all{~std::uint64_t{0}};
  run_each();
}

BOOST_AUTO_TEST_CASE(a_handle_is_rid_of_what_lies_with_either_backend) {
  reaches_both([](auto& s, sluice::socket_handle socket) { succeeded(s.run_alone(op::cancel_handle{.handle = socket})); });
  reaches_both([](auto& s, sluice::socket_handle socket) {
    const auto [first, second] = s.run(op::soft(op::cancel_handle{.handle = socket}), op::nop{});
    succeeded(first);
    succeeded(second);
  });
}

BOOST_AUTO_TEST_CASE(everything_is_what_lies_with_either_backend) {
  reaches_both([](auto& s, sluice::socket_handle) { succeeded(s.run_alone(op::cancel_all{})); });
  reaches_both([](auto& s, sluice::socket_handle) {
    const auto [first, second] = s.run(op::nop{}, op::cancel_all{});
    succeeded(first);
    succeeded(second);
  });
}

BOOST_AUTO_TEST_CASE(the_report_has_every_operation_and_nothing_is_left_out) {
  const nothing_there none;
  session<app> s;
  const auto report = s.ring.report();
  BOOST_TEST(report.size() == decltype(boost::hana::size(op::all))::value);
  for (const auto& one : report) BOOST_TEST((one.how != service::nowhere && one.how != service::ring), one.operation);
  for (const auto* waits : {"recv_msg", "send_msg", "splice", "tee", "child_exit", "wait_signal", "read_tty"})
    BOOST_TEST((how(s.ring, waits) == service::readiness), waits);
  for (const auto* blocks : {"rename_at", "stat_at", "mkdir_at", "allocate", "open_at"})
    BOOST_TEST((how(s.ring, blocks) == service::thread), blocks);
  BOOST_TEST((how(s.ring, "poll_once") == service::library));
}

using model = std::tuple<app>;
BOOST_AUTO_TEST_SUITE(nothing_there_at_all, *boost::unit_test::fixture<nothing_there>())
LAWS_OF_BACKEND_BLOCKING(model)
LAWS_OF_BACKEND_FILES(model)
LAWS_OF_BACKEND_MESSAGES(model)
LAWS_OF_BACKEND_OPERATIONS(model)
LAWS_OF_BACKEND_PROCESSES(model)
BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
BOOST_AUTO_TEST_SUITE_END()
