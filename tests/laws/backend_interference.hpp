// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Laws of backends: what goes on around them. Signals, forks, descriptors that others close and take, limits that are reached, disks that
/// are full.

#include <laws/backend.hpp>
#include <sluice/detail/sanitizer.hpp>
#include <support/child.hpp>
#include <support/storm.hpp>

#include <boost/test/results_collector.hpp>

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>

#include <fcntl.h>
#include <sched.h>
#include <sys/inotify.h>
#include <sys/mount.h>
#include <sys/stat.h>

namespace laws::backend {

/// A bit of everything once: each result is checked.
template <class Config>
struct mixture {
  session<Config>& s;
  support::ends pair = support::socket_pair();
  support::ends pipe = support::pipe_pair();
  support::listener server;
  support::descriptor file = support::temporary_file();
  typename session<Config>::event_source source;

  explicit mixture(session<Config>& where) : s{where} {}

  void run(int round) {
    const std::string text = "round " + std::to_string(round);
    support::buffer<> first;
    support::buffer<> second;
    const auto [sent, received] = s.run(op::send{.socket = pair.near.socket(), .buffer = bytes_of(text)},
                                        op::recv{.socket = pair.far.socket(), .buffer = first.span(text.size())});
    gave(sent, text.size());
    gave(received, text.size());
    BOOST_TEST(first.text(text.size()) == text);

    gave(s.run_alone(op::write{.file = file.file(), .buffer = bytes_of(text), .offset = 0}), text.size());
    const auto [synced, read] =
        s.run(op::soft(op::fsync{.file = file.file()}), op::read{.file = file.file(), .buffer = second.span(text.size()), .offset = 0});
    succeeded(synced);
    gave(read, text.size());
    BOOST_TEST(second.text(text.size()) == text);

    const auto opened = s.run_alone(op::open_at{.path = "/dev/null"});
    BOOST_TEST_REQUIRE(opened.has_value());
    succeeded(s.run_alone(op::close_file{.file = *opened}));

    typename session<Config>::template operation<op::accept> accept{op::accept{.socket = server.socket.socket()}};
    const auto begun = s.ring.start(accept);
    const auto client = s.run_alone(op::socket{});
    BOOST_TEST_REQUIRE(client.has_value());
    succeeded(s.run_alone(op::connect{.socket = *client, .address = sluice::ip::endpoint{sluice::ip::loopback, server.port}}));
    if (begun == started::pending) s.finish(accept);
    const auto taken = accept.result();
    BOOST_TEST_REQUIRE(taken.has_value());
    const auto [one, two] = s.run(op::close_socket{.socket = taken->socket}, op::close_socket{.socket = *client});
    succeeded(one);
    succeeded(two);

    const auto begin = std::chrono::steady_clock::now();
    failed(s.run_alone(op::timed(op::read{.file = pipe.near.file(), .buffer = first.span()}, 300us)), sluice::errc::timed_out);
    BOOST_TEST((std::chrono::steady_clock::now() - begin >= 300us));
    const auto [cut, late] =
        s.run(op::soft(op::recv{.socket = pair.near.socket(), .buffer = first.span()}), op::link_timeout{.after = 200us});
    canceled(cut);
    failed(late, sluice::errc::timed_out);

    typename session<Config>::template operation<op::wait_event> wait{op::wait_event{.source = source}};
    const auto waits = s.ring.start(wait);
    source.notify();
    if (waits == started::pending) s.finish(wait);
    succeeded(wait.result());
    typename session<Config>::template operation<op::recv> unwanted{op::recv{.socket = pair.near.socket(), .buffer = first.span()}};
    s.ring.start(unwanted);
    if (round % 2 == 0) s.poll(sluice::wait::none);
    s.ring.cancel(unwanted);
    s.finish(unwanted);
    canceled(unwanted.result());
  }

  /// More than any buffer of the system's holds, both ways at once.
  void run_large() {
    std::string big(1'000'000, '\0');
    for (std::size_t i = 0; i < big.size(); ++i) big[i] = static_cast<char>(i * 31 % 251);
    std::vector<std::byte> there(big.size());
    std::vector<std::byte> here(big.size());
    const auto [a, b, c, d] = s.run(op::send{.socket = pair.near.socket(), .buffer = bytes_of(big), .flags = sluice::send_flags::wait_all},
                                    op::recv{.socket = pair.far.socket(), .buffer = there, .flags = sluice::recv_flags::wait_all},
                                    op::send{.socket = pair.far.socket(), .buffer = bytes_of(big), .flags = sluice::send_flags::wait_all},
                                    op::recv{.socket = pair.near.socket(), .buffer = here, .flags = sluice::recv_flags::wait_all});
    gave(a, big.size());
    gave(b, big.size());
    gave(c, big.size());
    gave(d, big.size());
    BOOST_TEST((std::string_view{reinterpret_cast<const char*>(there.data()), there.size()} == big));
    BOOST_TEST((std::string_view{reinterpret_cast<const char*>(here.data()), here.size()} == big));
  }
};

template <class Config>
void signals_without_end_change_no_result() {
  covers("1.3", "7.2");
  for (const int flags : {0, SA_RESTART}) {
    session<Config> s;
    mixture<Config> all{s};
    const support::signal_storm storm{flags};
    for (int round = 0; round < 60; ++round) all.run(round);
    for (int round = 0; round < 4; ++round) all.run_large();
    BOOST_TEST(storm.seen() > 10);
    const sluice::c_path arguments[] = {"sh", "-c", "exit 3"};
    for (int round = 0; round < 3; ++round) {
      const auto child = s.run_alone(op::spawn_process{.path = "/bin/sh", .arguments = arguments});
      BOOST_TEST_REQUIRE(child.has_value());
      const auto [status, closed] =
          s.run(op::soft(op::child_exit{.process = child->process}), op::close_process{.process = child->process});
      BOOST_TEST_REQUIRE(status.has_value());
      BOOST_TEST(status->code == 3);
      succeeded(closed);
    }
  }
}

template <class Config>
void fork_in_the_middle() {
  using aio_facade = typename session<Config>::facade;
  // A batch is served by the thread's own ring, which is there when it forks.
  const auto by_own_ring = [] { return std::get<0>(aio_facade::run(op::timeout{.after = 1ms}, op::nop{})).has_value(); };
  BOOST_TEST(by_own_ring());
  std::optional<session<Config>> s{std::in_place};
  mixture<Config> all{*s};
  all.run(0);
  const support::listener server;
  const auto pair = support::socket_pair();
  typename session<Config>::event_source source;
  support::buffer<> buffers[4];
  using facade = session<Config>;
  auto recv =
      std::make_unique<typename facade::template operation<op::recv>>(op::recv{.socket = pair.near.socket(), .buffer = buffers[0].span(1)});
  auto timed = std::make_unique<typename facade::template operation<op::timed<op::read>>>(
      op::timed(op::read{.file = all.pipe.near.file(), .buffer = buffers[1].span()}, 100s));
  auto accept = std::make_unique<typename facade::template operation<op::accept>>(op::accept{.socket = server.socket.socket()});
  auto wait = std::make_unique<typename facade::template operation<op::wait_event>>(op::wait_event{.source = source});
  auto sync = std::make_unique<typename facade::template operation<op::fsync>>(op::fsync{.file = all.file.file()});
  s->ring.start(*recv);
  s->ring.start(*timed);
  s->ring.start(*accept);
  s->ring.start(*wait);
  s->poll(sluice::wait::none);
  s->ring.start(*sync);
  for (int round = 0; round < 3; ++round) {
    std::fflush(nullptr);
    const auto end = support::in_child([&]() -> int {
      s.reset();
      if (!by_own_ring()) return 1;
      {
        session<Config> mine;
        if (!mine.run_alone(op::nop{})) return 3;
        // The thread sanitizer allows no new threads here.
        if (!sluice::detail::thread_sanitizer) {
          mixture<Config> own{mine};
          own.run(1);
        }
      }
      const bool passed = boost::unit_test::results_collector.results(boost::unit_test::framework::current_test_case_id()).passed();
      // Through what a program does at its end, of which the thread's ring for blocking calls is a part. Sanitizers would look for leaks
      // there, and cannot see the stacks of threads that the child does not have.
      if (!sluice::detail::address_sanitizer && !sluice::detail::thread_sanitizer) std::exit(passed ? 0 : 2);
      return passed ? 0 : 2;
    });
    BOOST_TEST(end.code == 0, "code " << end.code << ", signal " << end.signal << ": " << end.said);
    all.run(round);
  }
  BOOST_TEST(by_own_ring());
  s->finish(*sync);
  succeeded(sync->result());
  put(pair.far, "x");
  put(all.pipe.far, "abc");
  source.notify();
  const auto client = server.client();
  s->finish(*recv, *timed, *accept, *wait);
  gave(recv->result(), 1U);
  gave(timed->result(), 3U);
  succeeded(wait->result());
  BOOST_TEST_REQUIRE(accept->result().has_value());
  ::close(accept->result()->socket.native());
}

/// On a thread of its own, whose ring for blocking calls ends with it.
template <class Config>
void a_fork_in_the_middle_hurts_neither_side() {
  covers("8.4");
  std::thread{&fork_in_the_middle<Config>}.join();
}

/// A descriptor with the number of one that was closed; what came instead is of another kind.
template <class Config>
void a_number_that_others_closed_and_took_works_for_what_it_is_now() {
  covers("5.2");
  session<Config> s;
  support::buffer buffer;
  using receive = typename session<Config>::template operation<op::recv>;
  using reading = typename session<Config>::template operation<op::read>;
  for (int round = 0; round < 12; ++round) {
    // A stream socket that has been waited for in both directions.
    auto old_pair = support::socket_pair();
    const auto number = old_pair.near.get();
    receive wait{op::recv{.socket = old_pair.near.socket(), .buffer = buffer.span()}};
    s.ring.start(wait);
    s.poll(sluice::wait::none);
    put(old_pair.far, "old");
    s.finish(wait);
    gave(wait.result(), 3U);
    gave(s.run_alone(op::send{.socket = old_pair.near.socket(), .buffer = bytes_of("back")}), 4U);
    old_pair.near.reset();

    switch (round % 4) {
      case 0: {  // another stream socket
        const auto pair = support::socket_pair();
        BOOST_TEST_REQUIRE(pair.near.get() == number);
        receive one{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
        s.ring.start(one);
        s.poll(sluice::wait::none);
        BOOST_TEST(!one.is_done());
        put(pair.far, "new");
        s.finish(one);
        gave(one.result(), 3U);
        break;
      }
      case 1: {  // a pipe
        const auto pipe = support::pipe_pair();
        BOOST_TEST_REQUIRE(pipe.near.get() == number);
        reading one{op::read{.file = pipe.near.file(), .buffer = buffer.span()}};
        s.ring.start(one);
        s.poll(sluice::wait::none);
        BOOST_TEST(!one.is_done());
        put(pipe.far, "pipe");
        s.finish(one);
        gave(one.result(), 4U);
        break;
      }
      case 2: {  // a file
        const auto file = support::temporary_file("content");
        BOOST_TEST_REQUIRE(file.get() == number);
        gave(s.run_alone(op::read{.file = file.file(), .buffer = buffer.span(), .offset = 0}), 7U);
        const auto [a, b] = s.run(op::read{.file = file.file(), .buffer = buffer.span(3), .offset = 2}, op::nop{});
        gave(a, 3U);
        succeeded(b);
        break;
      }
      default: {  // a datagram socket
        const auto pair = support::socket_pair(SOCK_DGRAM);
        BOOST_TEST_REQUIRE(pair.near.get() == number);
        receive one{op::recv{.socket = pair.near.socket(), .buffer = buffer.span()}};
        s.ring.start(one);
        s.poll(sluice::wait::none);
        put(pair.far, "packet");
        s.finish(one);
        gave(one.result(), 6U);
      }
    }
  }
}

/// The same while an operation waits: only a backend that holds the file can serve it on; with the others it is an error of the user's that
/// must not spread.
template <class Config>
void a_number_that_others_closed_under_an_operation_harms_only_that() {
  covers("2.2");
  session<Config> s;
  const auto bystander = support::socket_pair();
  support::buffer<> buffers[3];
  using receive = typename session<Config>::template operation<op::recv>;
  receive beside{op::recv{.socket = bystander.near.socket(), .buffer = buffers[0].span()}};
  s.ring.start(beside);
  for (int round = 0; round < 8; ++round) {
    auto old_pair = support::socket_pair();
    const auto number = old_pair.near.get();
    receive old_recv{op::recv{.socket = old_pair.near.socket(), .buffer = buffers[1].span()}};
    s.ring.start(old_recv);
    s.poll(sluice::wait::none);
    old_pair.near.reset();
    if (round % 2 == 0) {  // the ring learns of the number's next owner, for it makes it
      const auto made = s.run_alone(op::socket{.domain = sluice::socket_domain::ipv4});
      BOOST_TEST_REQUIRE(made.has_value());
      BOOST_TEST(made->native() == number);
      if (Config::keeps_files) {
        put(old_pair.far, "old");
        s.finish(old_recv);
        gave(old_recv.result(), 3U);
      } else {
        s.finish(old_recv);
        failed(old_recv.result(), std::errc::bad_file_descriptor);
      }
      succeeded(s.run_alone(op::close_socket{.socket = *made}));
    } else {  // somebody else makes it; the cancel still finds the operation
      const auto pair = support::socket_pair();
      BOOST_TEST(pair.near.get() == number);
      s.linger(2ms);
      if (!old_recv.is_done()) s.ring.cancel(old_recv);
      s.finish(old_recv);
      BOOST_TEST(!old_recv.result().has_value());
      receive new_recv{op::recv{.socket = pair.near.socket(), .buffer = buffers[2].span()}};
      s.ring.start(new_recv);
      put(pair.far, "new");
      s.finish(new_recv);
      gave(new_recv.result(), 3U);
    }
  }
  BOOST_TEST(!beside.is_done());
  put(bystander.far, "x");
  s.finish(beside);
  gave(beside.result(), 1U);
  BOOST_TEST(s.ring.in_flight() == 0U);
}

template <class Config>
void without_descriptors_each_fails_once_and_works_again_later() {
  covers("12.2");
  session<Config> s;
  const support::listener server;
  const auto client = server.client();
  { succeeded(s.run_alone(op::timeout{.after = 1ms, .clock = sluice::clock_kind::wall})); }
  typename session<Config>::event_source source;
  using accepting = typename session<Config>::template operation<op::accept>;
  const support::listener second;
  accepting waiting{op::accept{.socket = second.socket.socket()}};
  s.ring.start(waiting);
  s.poll(sluice::wait::none);
  const auto late = second.client();
  const auto pair = support::socket_pair();
  support::buffer buffer;
  const auto each = [&](auto&& check) {
    check(s.run_alone(op::open_at{.path = "/dev/null"}), "open_at");
    check(s.run_alone(op::socket{}), "socket");
    check(s.run_alone(op::pipe{}), "pipe");
    check(s.run_alone(op::open_signals{.signals = {SIGUSR2}}), "open_signals");
    check(s.run_alone(op::wait_event{.source = source}), "wait_event");
    check(s.run_alone(op::spawn_process{.path = "/bin/true"}), "spawn_process");
    check(s.run_alone(op::accept{.socket = server.socket.socket()}), "accept");
    const auto [in_batch, also, nothing] = s.run(op::open_at{.path = "/dev/null"}, op::pipe{}, op::nop{});
    check(in_batch, "open_at, in a batch");
    check(also, "pipe, in a batch");
    succeeded(nothing);
  };
  {
    const support::limit_guard none{RLIMIT_NOFILE, 0};
    s.finish(waiting);
    // Which limit holds for one that began under another is the system's affair.
    if (waiting.result())
      ::close(waiting.result()->socket.native());
    else
      failed(waiting.result(), std::errc::too_many_files_open);
    const auto before = s.ring.trace().snapshot().polled;
    each([](const auto& outcome, const char* name) {
      BOOST_TEST(!outcome.has_value(), name);
      if (!outcome) BOOST_TEST((outcome.error() == std::errc::too_many_files_open), name << ": " << outcome.error().message());
    });
    BOOST_TEST(s.ring.trace().snapshot().polled - before < 200U);
    // What needs none goes on.
    const auto [sent, received] = s.run(op::send{.socket = pair.near.socket(), .buffer = bytes_of("abc")},
                                        op::recv{.socket = pair.far.socket(), .buffer = buffer.span()});
    gave(sent, 3U);
    gave(received, 3U);
    // A loop that has nothing to do sleeps, as well as it can.
    const auto polled = s.ring.trace().snapshot().polled;
    s.poll(sluice::wait::at_most(10ms));
    BOOST_TEST(s.ring.trace().snapshot().polled - polled < 30U);
  }
  if (!waiting.result()) {
    const auto taken = s.run_alone(op::accept{.socket = second.socket.socket()});
    BOOST_TEST_REQUIRE(taken.has_value());
    ::close(taken->socket.native());
  }
  source.notify();
  each([]<class Result>(const Result& outcome, const char* name) {
    BOOST_TEST(outcome.has_value(), name);
    if (!outcome) return;
    using value = typename Result::value_type;
    if constexpr (std::is_same_v<value, sluice::file_handle> || std::is_same_v<value, sluice::socket_handle>) {
      ::close(outcome->native());
    } else if constexpr (std::is_same_v<value, sluice::accepted>) {
      ::close(outcome->socket.native());
    } else if constexpr (std::is_same_v<value, sluice::pipe_ends>) {
      ::close(outcome->read.native());
      ::close(outcome->write.native());
    } else if constexpr (std::is_same_v<value, sluice::spawned_process>) {
      ::waitpid(outcome->id, nullptr, 0);
      ::close(outcome->process.native());
    }
  });
}

/// Story: the program ran for a moment, and was killed when no handle for it could be had.
template <class Config>
void without_a_descriptor_for_it_no_program_is_started() {
  covers("12.2");
  exercises<op::spawn_process>(failure);
  session<Config> s;
  succeeded(s.run_alone(op::nop{}));
  const support::temporary_folder folder;
  const auto program = folder / "program";
  {
    const support::descriptor file{::open(program.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0700)};
    put(file, "#!/bin/sh\nexit 0\n");
  }
  const support::descriptor watch{::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)};
  BOOST_REQUIRE(::inotify_add_watch(watch.get(), program.c_str(), IN_OPEN) >= 0);
  std::array<std::byte, 512> events{};
  const auto was_opened = [&] { return ::read(watch.get(), events.data(), events.size()) > 0; };
  {
    const support::limit_guard none{RLIMIT_NOFILE, 0};
    failed(s.run_alone(op::spawn_process{.path = program}), std::errc::too_many_files_open);
    failed(std::get<0>(s.run(op::spawn_process{.path = program}, op::nop{})), std::errc::too_many_files_open);
  }
  BOOST_TEST(!was_opened());
  BOOST_TEST((::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD));
  const auto child = s.run_alone(op::spawn_process{.path = program});
  BOOST_TEST_REQUIRE(child.has_value());
  BOOST_TEST(was_opened());
  const auto [status, closed] = s.run(op::soft(op::child_exit{.process = child->process}), op::close_process{.process = child->process});
  BOOST_TEST_REQUIRE(status.has_value());
  BOOST_TEST(status->succeeded());
  succeeded(closed);
}

template <class Config>
void a_full_disk_is_an_error_and_no_end() {
  covers("1.1", "12.2");
  const support::temporary_folder folder;
  const auto where = folder / "disk";
  constexpr int not_permitted = 77;
  const auto end = support::in_child([&] {
    if (::unshare(CLONE_NEWNS) != 0 || ::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
        ::mkdir(where.c_str(), 0700) != 0 || ::mount("none", where.c_str(), "tmpfs", 0, "size=64k,nr_inodes=8") != 0)
      return not_permitted;
    session<Config> s;
    const auto open = [&](const std::string& name) {
      return s.run_alone(op::open_at{.path = where + "/" + name,
                                     .flags = sluice::open_flags::read | sluice::open_flags::write | sluice::open_flags::create});
    };
    const auto is = [](const auto& outcome, std::errc code) { return !outcome.has_value() && outcome.error() == code; };
    const auto file = open("file");
    if (!file) return 1;
    const std::string much(100'000, 'x');
    const auto part = s.run_alone(op::write{.file = *file, .buffer = bytes_of(much), .offset = 0});
    if (!part || *part == 0 || *part >= much.size()) return 2;
    if (!is(s.run_alone(op::write{.file = *file, .buffer = bytes_of(much), .offset = *part}), std::errc::no_space_on_device)) return 3;
    const sluice::const_buffer parts[] = {bytes_of(much)};
    if (!is(s.run_alone(op::writev{.file = *file, .buffers = parts, .offset = *part}), std::errc::no_space_on_device)) return 4;
    if (!is(s.run_alone(op::allocate{.file = *file, .offset = 65536, .length = 65536}), std::errc::no_space_on_device)) return 5;
    // A chain is cut.
    const auto [failing, next] =
        s.run(op::soft(op::write{.file = *file, .buffer = bytes_of(much), .offset = *part}), op::truncate{.file = *file, .length = 0});
    if (!is(failing, std::errc::no_space_on_device) || !is(next, std::errc::operation_canceled)) return 6;
    int made = 0;
    while (made < 20 && s.run_alone(op::mkdir_at{.path = where + "/" + std::to_string(made)})) ++made;
    if (made == 20 || !is(s.run_alone(op::mkdir_at{.path = where + "/no"}), std::errc::no_space_on_device)) return 7;
    if (!is(open("another"), std::errc::no_space_on_device)) return 8;
    if (!is(s.run_alone(op::symlink_at{.target = "x", .path = where + "/soft"}), std::errc::no_space_on_device)) return 9;
    // And when there is room again it goes on.
    if (!s.run_alone(op::unlink_at{.path = where + "/0", .remove_directory = true})) return 10;
    if (!s.run_alone(op::truncate{.file = *file, .length = 10})) return 11;
    if (s.run_alone(op::write{.file = *file, .buffer = bytes_of("abc"), .offset = 10}).value_or(0) != 3) return 12;
    const auto another = open("another");
    if (!another || !s.run_alone(op::close_file{.file = *another}) || !s.run_alone(op::close_file{.file = *file})) return 13;
    return 0;
  });
  if (end.code == not_permitted) {
    BOOST_TEST_MESSAGE("not looked at: this process may not mount a small file system for itself");
    return;
  }
  BOOST_TEST(end.code == 0, "step " << end.code << ", signal " << end.signal << ": " << end.said);
}

}  // namespace laws::backend

// clang-format off
#define LAWS_OF_BACKEND_INTERFERENCE(models)                                  \
  LAW_OF_BACKENDS(signals_without_end_change_no_result, models)               \
  LAW_OF_BACKENDS(a_fork_in_the_middle_hurts_neither_side, models)            \
  LAW_OF_BACKENDS(a_number_that_others_closed_and_took_works_for_what_it_is_now, models) \
  LAW_OF_BACKENDS(a_number_that_others_closed_under_an_operation_harms_only_that, models) \
  LAW_OF_BACKENDS(without_descriptors_each_fails_once_and_works_again_later, models) \
  LAW_OF_BACKENDS(without_a_descriptor_for_it_no_program_is_started, models)  \
  LAW_OF_BACKENDS(a_full_disk_is_an_error_and_no_end, models)
// clang-format on
