// SPDX-License-Identifier: MIT
// Processes: what they are given, how they end, and that none is left behind, whatever becomes of who started them.
#include <sluice/sluice.hpp>
#include <support/needs.hpp>

#include <boost/test/unit_test.hpp>

#include <array>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include <coro/as_root.hpp>
#include <coro/fixture.hpp>
#include <unistd.h>

namespace {

using namespace std::chrono_literals;
using fixture::as_root;
using sluice::io::stdio;

struct by_ring : sluice::config<fixture::counted_stacks> {};
struct by_epoll : sluice::config<fixture::counted_stacks, sluice::backend::epoll<>> {};
using configs = std::tuple<by_ring, by_epoll>;

/// Whether this process has children, ended or not.
auto has_children() -> bool {
  ::siginfo_t info{};
  return ::waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

/// As `as_root`, with no child left.
template <class Coro, class Body>
void alone(Body body) {
  BOOST_TEST(!has_children());
  as_root<Coro>(body);
  BOOST_TEST(!has_children());
}

/// What a shell's command writes.
template <class Coro>
auto output_of(sluice::io::process_options options, const char* command) -> std::string {
  options.path = "/bin/sh";
  options.out = stdio::pipe;
  auto process = Coro::process::spawn(options, {"sh", "-c", command});
  BOOST_REQUIRE(process.has_value());
  return process->communicate().value().out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(processes, *needs::ring())

BOOST_AUTO_TEST_CASE_TEMPLATE(closing_one_ends_it_and_says_how, Config, configs) {
  using coro = sluice::coro_of<Config>;
  alone<coro>([&] {
    typename coro::process none;
    BOOST_TEST(none.close().has_value());
    auto process = coro::process::spawn({.path = "/bin/sleep", .in = stdio::pipe, .out = stdio::pipe}, {"sleep", "100"}).value();
    BOOST_TEST(process.close().has_value());
    BOOST_TEST(!process);
    BOOST_TEST(!process.in());
    BOOST_TEST(!process.out());
    BOOST_TEST_REQUIRE(process.status().has_value());
    BOOST_TEST(process.status()->signal == SIGKILL);
    BOOST_TEST(process.close().has_value());
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_is_released_goes_on_and_is_somebody_elses, Config, configs) {
  using coro = sluice::coro_of<Config>;
  alone<coro>([&] {
    auto process = coro::process::spawn({.path = "/bin/cat", .in = stdio::pipe, .out = stdio::pipe}, {"cat"}).value();
    const auto handle = process.release();
    BOOST_TEST(!process);
    BOOST_TEST(process.in().write_all(std::as_bytes(std::span{"on", 2})).has_value());
    std::array<std::byte, 2> back{};
    BOOST_TEST(process.out().read_exactly(back).has_value());
    BOOST_TEST(process.close().has_value());  // of the pipes: that ends the program
    const auto ended = coro::io(sluice::op::child_exit{.process = handle});
    BOOST_TEST_REQUIRE(ended.has_value());
    BOOST_TEST(ended->code == 0);
    BOOST_TEST(coro::io(sluice::op::close_process{.process = handle}).has_value());
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(each_end_is_told_as_often_as_it_is_asked_for, Config, configs) {
  using coro = sluice::coro_of<Config>;
  alone<coro>([] {
    auto yes = coro::process::spawn({.path = "true", .search = true}).value();
    BOOST_TEST(yes.id() > 0);
    BOOST_TEST(!yes.status().has_value());
    BOOST_TEST(yes.wait().value().succeeded());
    BOOST_TEST(yes.wait().value().succeeded());
    BOOST_TEST(yes.status().value().succeeded());
    auto no = coro::process::spawn({.path = "false", .search = true}).value();
    BOOST_TEST(no.wait().value().code == 1);
    auto shell = coro::process::spawn({.path = "/bin/sh"}, {"sh", "-c", "exit 42"}).value();
    BOOST_TEST(shell.wait().value().code == 42);
    auto killed = coro::process::spawn({.path = "/bin/sh"}, {"sh", "-c", "kill -USR1 $$"}).value();
    BOOST_TEST(killed.wait().value().signal == SIGUSR1);
    BOOST_TEST(!killed.wait().value().succeeded());
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_program_that_cannot_be_started_leaves_nothing, Config, configs) {
  using coro = sluice::coro_of<Config>;
  alone<coro>([] {
    const sluice::io::process_options options{.in = stdio::pipe, .out = stdio::pipe, .err = stdio::null};
    auto missing = options;
    missing.path = "/no/such/program";
    BOOST_TEST((coro::process::spawn(missing).error() == std::errc::no_such_file_or_directory));
    missing.path = "no-such-program";
    missing.search = true;
    BOOST_TEST((coro::process::spawn(missing).error() == std::errc::no_such_file_or_directory));
    auto refused = options;
    refused.path = "/etc/passwd";
    BOOST_TEST((coro::process::spawn(refused).error() == std::errc::permission_denied));
    auto lost = options;
    lost.path = "/bin/true";
    lost.working_directory = "/no/such/folder";
    BOOST_TEST((coro::process::spawn(lost).error() == std::errc::no_such_file_or_directory));
    auto wrong = options;
    wrong.path = "/bin/true";
    const std::array<sluice::given_handle, 1> low{{{.handle = sluice::file_handle{0}, .number = 2}}};
    wrong.descriptors = low;
    BOOST_TEST((coro::process::spawn(wrong).error() == std::errc::invalid_argument));
    const std::array<sluice::given_handle, 30> many{};
    wrong.descriptors = many;
    BOOST_TEST((coro::process::spawn(wrong).error() == std::errc::argument_list_too_long));
    BOOST_TEST((coro::process::spawn({.path = "/bin/true", .out = stdio::as_output}).error() == std::errc::invalid_argument));
    BOOST_TEST((coro::process::spawn({.path = "/bin/true", .out = sluice::file_handle{}}).error() == std::errc::bad_file_descriptor));
    auto cancelled = coro::spawn([&] {
      (void)coro::sleep(9s);
      auto some = options;
      some.path = "/bin/true";
      BOOST_TEST((coro::process::spawn(some).error() == std::errc::operation_canceled));
    });
    coro::yield();
    cancelled.request_cancel();
    (void)cancelled.join();
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(it_has_the_folder_environment_group_and_descriptors_that_were_asked_for, Config, configs) {
  using coro = sluice::coro_of<Config>;
  alone<coro>([] {
    BOOST_TEST(output_of<coro>({.working_directory = "/usr"}, "pwd") == "/usr\n");
    ::setenv("SLUICE_TEST_INHERITED", "yes", 1);
    BOOST_TEST(output_of<coro>({}, "echo $SLUICE_TEST_INHERITED") == "yes\n");
    const std::array<sluice::c_path, 1> environment{"ONLY=this"};
    BOOST_TEST(output_of<coro>({.environment = environment, .inherit_environment = false}, "echo $SLUICE_TEST_INHERITED$ONLY") == "this\n");
    ::unsetenv("SLUICE_TEST_INHERITED");
    auto leader = coro::process::spawn({.path = "/bin/cat", .group = sluice::new_group, .in = stdio::pipe}).value();
    BOOST_TEST(::getpgid(leader.id()) == leader.id());
    const fixture::scratch_file file;
    const std::array<sluice::given_handle, 1> extra{{{.handle = file.handle, .number = 7}}};
    BOOST_TEST(output_of<coro>({.descriptors = extra}, "echo extra >&7; echo out") == "out\n");
    BOOST_TEST(file.text() == "extra\n");
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(each_standard_stream_is_what_was_asked_for, Config, configs) {
  using coro = sluice::coro_of<Config>;
  alone<coro>([] {
    const char* const both = "echo out; echo err >&2";
    auto apart = coro::process::spawn({.path = "/bin/sh", .out = stdio::pipe, .err = stdio::pipe}, {"sh", "-c", both}).value();
    const auto said = apart.communicate().value();
    BOOST_TEST(said.out == "out\n");
    BOOST_TEST(said.err == "err\n");
    auto together = coro::process::spawn({.path = "/bin/sh", .out = stdio::pipe, .err = stdio::as_output}, {"sh", "-c", both}).value();
    BOOST_TEST(together.communicate().value().out == "out\nerr\n");
    const fixture::scratch_file file;
    auto elsewhere = coro::process::spawn({.path = "/bin/sh", .in = stdio::null, .out = file.handle, .err = stdio::null},
                                          {"sh", "-c", "cat; echo out; echo err >&2"})
                         .value();
    BOOST_TEST(!elsewhere.out());
    BOOST_TEST(elsewhere.wait().value().succeeded());
    BOOST_TEST(file.text() == "out\n");
    const auto noise = fixture::error_output_of([&] {
      auto own = coro::process::spawn({.path = "/bin/sh"}, {"sh", "-c", "echo inherited >&2"}).value();
      BOOST_TEST(own.wait().value().succeeded());
      auto follows = coro::process::spawn({.path = "/bin/sh", .out = sluice::file_handle{2}, .err = stdio::as_output}, {"sh", "-c", both});
      BOOST_TEST(follows.value().wait().value().succeeded());
    });
    BOOST_TEST(noise == "inherited\nout\nerr\n");
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_conversation_goes_through_its_pipes, Config, configs) {
  using coro = sluice::coro_of<Config>;
  alone<coro>([] {
    auto cat = coro::process::spawn({.path = "/bin/cat", .in = stdio::pipe, .out = stdio::pipe}).value();
    for (const std::string_view line : {"one\n", "two\n"}) {
      BOOST_TEST(cat.in().write_all(line).has_value());
      std::string back;
      BOOST_TEST(cat.out().read_until(back, "\n").value() == 4U);
      BOOST_TEST(back == line);
    }
    BOOST_TEST((coro::with_timeout(10ms, [&] { return cat.wait(); }).error() == std::errc::timed_out));
    BOOST_TEST(cat.in().close().has_value());
    BOOST_TEST(cat.wait().value().succeeded());
    std::array<std::byte, 4> buffer;
    BOOST_TEST(cat.out().read_some(buffer).value() == 0U);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(much_goes_in_and_out_at_once, Config, configs) {
  using coro = sluice::coro_of<Config>;
  alone<coro>([] {
    std::string much(std::size_t{1024} * 1024, 'x');
    for (std::size_t i = 0; i < much.size(); ++i) much[i] = static_cast<char>('a' + i % 23);
    auto cat = coro::process::spawn({.path = "/bin/cat", .in = stdio::pipe, .out = stdio::pipe}).value();
    const auto said = cat.communicate(much).value();
    BOOST_TEST(said.status.succeeded());
    BOOST_TEST((said.out == much));
    // Both outputs are full before the input is read.
    auto tee = coro::process::spawn({.path = "/bin/sh", .in = stdio::pipe, .out = stdio::pipe, .err = stdio::pipe},
                                    {"sh", "-c", "head -c 200000 /dev/zero >&2; head -c 200000 /dev/zero; cat >&2; exit 5"})
                   .value();
    const auto both = tee.communicate(much).value();
    BOOST_TEST(both.status.code == 5);
    BOOST_TEST(both.out.size() == 200'000U);
    BOOST_TEST(both.err.size() == 200'000U + much.size());
    // Nobody has to read all of it.
    auto careless = coro::process::spawn({.path = "true", .search = true, .in = stdio::pipe, .out = stdio::pipe}).value();
    BOOST_TEST(careless.communicate(much).value().status.succeeded());
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(communicate_knows_its_limits, Config, configs) {
  using coro = sluice::coro_of<Config>;
  alone<coro>([] {
    auto endless = coro::process::spawn({.path = "/bin/cat", .out = stdio::pipe}, {"cat", "/dev/zero"}).value();
    BOOST_TEST((endless.communicate({}, 100'000).error() == std::errc::message_size));
    BOOST_TEST(!endless.status().has_value());
    auto deaf = coro::process::spawn({.path = "/bin/sleep"}, {"sleep", "100"}).value();
    BOOST_TEST((deaf.communicate("x").error() == std::errc::invalid_argument));
    BOOST_TEST((coro::with_timeout(20ms, [&] { return deaf.communicate(); }).error() == std::errc::timed_out));
    auto silent = coro::process::spawn({.path = "/bin/sleep", .in = stdio::pipe, .out = stdio::pipe}, {"sleep", "100"}).value();
    const std::string much(std::size_t{1024} * 1024, 'x');
    BOOST_TEST((coro::with_timeout(20ms, [&] { return silent.communicate(much); }).error() == std::errc::timed_out));
    BOOST_TEST(::kill(silent.id(), 0) == 0);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(signals_reach_it_and_nobody_after_it, Config, configs) {
  using coro = sluice::coro_of<Config>;
  alone<coro>([] {
    auto one = coro::process::spawn({.path = "/bin/sleep"}, {"sleep", "100"}).value();
    BOOST_TEST((one.signal(9999).error() == std::errc::invalid_argument));
    BOOST_TEST(one.signal(0).has_value());
    BOOST_TEST(one.signal(SIGTERM).has_value());
    BOOST_TEST(one.wait().value().signal == SIGTERM);
    BOOST_TEST((one.signal(SIGTERM).error() == std::errc::no_such_process));
    BOOST_TEST(one.kill().has_value());
    auto other = coro::process::spawn({.path = "/bin/sleep"}, {"sleep", "100"}).value();
    BOOST_TEST(other.kill().has_value());
    BOOST_TEST(other.wait().value().signal == SIGKILL);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(all_who_wait_are_told_and_one_who_leaves_takes_nothing_along, Config, configs) {
  using coro = sluice::coro_of<Config>;
  alone<coro>([] {
    auto process = coro::process::spawn({.path = "/bin/cat", .in = stdio::pipe}).value();
    typename coro::scope all;
    int told = 0;
    for (int i = 0; i < 5; ++i) {
      all.spawn([&] {
        if (process.wait().value().succeeded()) ++told;
      });
    }
    auto leaves = coro::spawn([&] { BOOST_TEST((process.wait().error() == std::errc::operation_canceled)); });
    coro::yield();
    leaves.request_cancel();
    (void)leaves.join();
    BOOST_TEST(process.in().close().has_value());
    BOOST_TEST(all.join().has_value());
    BOOST_TEST(told == 5);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(all_who_wait_are_told_of_the_end_that_closing_brings, Config, configs) {
  using coro = sluice::coro_of<Config>;
  alone<coro>([] {
    auto process = coro::process::spawn({.path = "/bin/sleep"}, {"sleep", "100"}).value();
    typename coro::scope all;
    int told = 0;
    for (int i = 0; i < 5; ++i) {
      all.spawn([&] {
        if (const auto ended = process.wait(); ended && ended->signal == SIGKILL) ++told;
      });
    }
    coro::yield();
    BOOST_TEST(process.close().has_value());
    BOOST_TEST(all.join().has_value());
    BOOST_TEST(told == 5);
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(one_that_was_moved_from_is_none, Config, configs) {
  using coro = sluice::coro_of<Config>;
  alone<coro>([] {
    const auto is_none = [](auto& one) {
      BOOST_TEST(!one);
      BOOST_TEST(one.id() == -1);
      BOOST_TEST(!one.status().has_value());
      BOOST_TEST((one.wait().error() == std::errc::bad_file_descriptor));
    };
    auto first = coro::process::spawn({.path = "true", .search = true}).value();
    BOOST_TEST(first.wait().value().succeeded());
    auto second = std::move(first);
    is_none(first);
    BOOST_TEST(second.wait().value().succeeded());
    first = std::move(second);
    is_none(second);
    BOOST_TEST(first.wait().value().succeeded());
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(one_that_runs_when_its_owner_ends_is_gone_with_it, Config, configs) {
  using coro = sluice::coro_of<Config>;
  alone<coro>([] {
    const auto sleeper = [] { return coro::process::spawn({.path = "/bin/sleep"}, {"sleep", "100"}).value(); };
    { const auto one = sleeper(); }
    BOOST_TEST(!has_children());
    try {
      const auto one = sleeper();
      throw std::runtime_error{"thrown"};
    } catch (const std::runtime_error&) { BOOST_TEST(!has_children()); }
    auto task = coro::spawn([&] {
      auto one = sleeper();
      BOOST_TEST((one.wait().error() == std::errc::operation_canceled));
    });
    coro::yield();
    BOOST_TEST(has_children());
    task.request_cancel();
    (void)task.join();
    BOOST_TEST(!has_children());
    auto first = sleeper();
    auto second = sleeper();
    const int id = second.id();
    first = std::move(second);
    BOOST_TEST(first.id() == id);
    BOOST_TEST(first.signal(0).has_value());
    BOOST_TEST((second.signal(0).error() == std::errc::bad_file_descriptor));
    BOOST_TEST((second.wait().error() == std::errc::bad_file_descriptor));
    // One that has ended and was not waited for is a zombie until then.
    { const auto brief = coro::process::spawn({.path = "true", .search = true, .out = stdio::pipe}).value(); }
  });
}

BOOST_AUTO_TEST_CASE_TEMPLATE(one_that_is_let_go_goes_on, Config, configs) {
  using coro = sluice::coro_of<Config>;
  int id = -1;
  as_root<coro>([&] {
    auto cat = coro::process::spawn({.path = "/bin/cat", .in = stdio::pipe, .out = stdio::pipe}).value();
    id = cat.id();
    BOOST_TEST(cat.detach().has_value());
    BOOST_TEST(!cat);
    BOOST_TEST((cat.wait().error() == std::errc::bad_file_descriptor));
    BOOST_TEST(cat.in().write_all("on\n").has_value());
    std::string back;
    BOOST_TEST(cat.out().read_until(back, "\n").value() == 3U);
  });
  BOOST_TEST(fixture::status_of(id) == 0);
}

BOOST_AUTO_TEST_CASE(a_fork_ends_no_process_of_its_parent) {
  using coro = sluice::coro_of<by_ring>;
  auto process = coro::process::spawn({.path = "/bin/cat", .in = stdio::pipe}).value();
  const auto child = fixture::in_child([&] {
    { const auto inherited = std::move(process); }
    return 0;
  });
  BOOST_TEST(fixture::status_of(child) == 0);
  BOOST_TEST((coro::run([&] { return coro::with_timeout(20ms, [&] { return process.wait(); }); }).error() == std::errc::timed_out));
  BOOST_TEST(process.in().close().has_value());
  BOOST_TEST(process.wait().value().succeeded());
}

BOOST_AUTO_TEST_CASE(who_ignores_its_children_is_told_that_there_is_no_status) {
  using coro = sluice::coro_of<by_ring>;
  ::signal(SIGCHLD, SIG_IGN);
  {
    auto process = coro::process::spawn({.path = "/bin/cat", .in = stdio::pipe}).value();
    BOOST_TEST(process.in().close().has_value());
    BOOST_TEST((process.wait().error() == std::errc::no_child_process));
    const auto runs = coro::process::spawn({.path = "/bin/sleep"}, {"sleep", "100"}).value();
  }
  ::signal(SIGCHLD, SIG_DFL);
  BOOST_TEST(!has_children());
}

BOOST_AUTO_TEST_SUITE_END()
