// SPDX-License-Identifier: MIT
#pragma once
/// @file
/// Laws of backends: processes, signals and terminals. Sections 1 and 10.

#include <laws/backend.hpp>

#include <csignal>
#include <cstdlib>
#include <string>
#include <vector>

#include <fcntl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

namespace laws::backend {

/// Gives the thread its signal mask back, and takes what is pending of some signals.
class mask_guard {
 public:
  explicit mask_guard(std::initializer_list<int> taken) : taken_{taken} { ::pthread_sigmask(SIG_SETMASK, nullptr, &before_); }
  mask_guard(const mask_guard&) = delete;
  auto operator=(const mask_guard&) -> mask_guard& = delete;
  ~mask_guard() {
    ::sigset_t set;
    sigemptyset(&set);
    for (const int one : taken_) sigaddset(&set, one);
    const ::timespec at_once{};
    while (::sigtimedwait(&set, nullptr, &at_once) > 0) {}
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  std::vector<int> taken_;
  ::sigset_t before_;
};

/// Runs a shell script with its output in a pipe.
struct shell {
  support::ends pipe = support::pipe_pair();
  sluice::spawned_process child;

  template <class Session>
  shell(Session& s, const char* script, op::spawn_process how = {}) {
    const sluice::c_path arguments[] = {"sh", "-c", script};
    const sluice::given_handle given[] = {{.handle = pipe.far.file(), .number = 1}};
    how.path = "/bin/sh";
    how.arguments = arguments;
    if (how.descriptors.empty()) how.descriptors = given;
    const auto made = s.run_alone(how);
    BOOST_TEST_REQUIRE(made.has_value(), (made.has_value() ? "" : made.error().message()));
    child = *made;
    pipe.far.reset();
  }

  /// All that it prints.
  auto text() const -> std::string {
    std::string all(4096, '\0');
    std::size_t size = 0;
    for (;;) {
      const auto got = ::read(pipe.near.get(), all.data() + size, all.size() - size);
      if (got <= 0) break;
      size += static_cast<std::size_t>(got);
    }
    all.resize(size);
    return all;
  }

  /// Its status, its handle closed.
  template <class Session>
  auto end(Session& s) const -> sluice::exit_status {
    const auto status = s.run_alone(op::child_exit{.process = child.process});
    BOOST_TEST_REQUIRE(status.has_value(), (status.has_value() ? "" : status.error().message()));
    succeeded(s.run_alone(op::close_process{.process = child.process}));
    BOOST_TEST(!support::is_open(child.process.native()));
    return *status;
  }
};

template <class Config>
void code_and_signal_of_a_child_are_told_apart() {
  covers("10.5");
  exercises<op::spawn_process, op::child_exit, op::close_process>(real);
  session<Config> s;
  for (const int code : {0, 1, 9, 69, 255}) {
    const auto status = shell{s, ("exit " + std::to_string(code)).c_str()}.end(s);
    BOOST_TEST(status.code == code);
    BOOST_TEST(status.signal == 0);
    BOOST_TEST(status.succeeded() == (code == 0));
  }
  for (const int signal : {SIGTERM, SIGKILL}) {
    const auto status = shell{s, ("kill -" + std::to_string(signal) + " $$; sleep 60").c_str()}.end(s);
    BOOST_TEST(status.signal == signal);
    BOOST_TEST(status.code == 0);
    BOOST_TEST(!status.succeeded());
  }
}

template <class Config>
void a_child_that_is_dead_already_is_reported_at_once() {
  covers("10.5");
  session<Config> s;
  const shell one{s, "exit 7"};
  ::siginfo_t info;
  BOOST_REQUIRE(::waitid(P_PID, static_cast<::id_t>(one.child.id), &info, WEXITED | WNOWAIT) == 0);
  const auto status = s.run_alone(op::child_exit{.process = one.child.process});
  BOOST_TEST_REQUIRE(status.has_value());
  BOOST_TEST(status->code == 7);
  failed(s.run_alone(op::child_exit{.process = one.child.process}), std::errc::no_child_process);
  BOOST_TEST((::waitpid(one.child.id, nullptr, WNOHANG) == -1 && errno == ECHILD));
  succeeded(s.run_alone(op::close_process{.process = one.child.process}));
}

template <class Config>
void a_wait_for_a_child_that_lives_can_be_cancelled_and_made_again() {
  covers("6.2");
  exercises<op::child_exit>(cancel, failure);
  session<Config> s;
  const shell one{s, "exec sleep 60"};
  typename session<Config>::template operation<op::child_exit> wait{op::child_exit{.process = one.child.process}};
  s.ring.start(wait);
  s.linger();
  BOOST_TEST(!wait.is_done());
  s.ring.cancel(wait);
  s.finish(wait);
  canceled(wait.result());
  failed(s.run_alone(op::timed(op::child_exit{.process = one.child.process}, 1ms)), sluice::errc::timed_out);
  s.ring.start(wait);
  s.poll(sluice::wait::none);
  BOOST_REQUIRE(::kill(one.child.id, SIGKILL) == 0);
  s.finish(wait);
  for (int twice = 0; twice < 2; ++twice) {
    const auto status = wait.result();
    BOOST_TEST_REQUIRE(status.has_value());
    BOOST_TEST(status->signal == SIGKILL);
  }
  succeeded(s.run_alone(op::close_process{.process = one.child.process}));
  failed(s.run_alone(op::child_exit{}), std::errc::bad_file_descriptor);
  failed(s.run_alone(op::child_exit{.process = sluice::process_handle{7777}}), std::errc::bad_file_descriptor);
}

template <class Config>
void a_child_has_what_it_was_given() {
  session<Config> s;
  const support::temporary_folder folder;
  const auto here = folder / "";
  const shell one{s, "pwd; echo $sluice_variable; echo ${HOME-none}", {.inherit_environment = false, .working_directory = here}};
  BOOST_TEST(one.text() == here.substr(0, here.size() - 1) + "\n\nnone\n");
  BOOST_TEST(one.end(s).succeeded());

  const sluice::c_path environment[] = {"sluice_variable=set"};
  const shell two{s, "echo $sluice_variable", {.environment = environment, .inherit_environment = false}};
  BOOST_TEST(two.text() == "set\n");
  BOOST_TEST(two.end(s).succeeded());

  ::setenv("sluice_inherited", "yes", 1);
  const shell three{s, "echo $sluice_inherited; ls /proc/self/fd | wc -l"};
  ::unsetenv("sluice_inherited");
  const auto text = three.text();
  BOOST_TEST(text.substr(0, 4) == "yes\n");
  BOOST_TEST(three.end(s).succeeded());
}

template <class Config>
void a_child_gets_its_descriptors_whatever_their_numbers_are() {
  session<Config> s;
  const auto a = support::pipe_pair();
  const auto b = support::pipe_pair();
  // Each takes the number of the other.
  const sluice::given_handle crossed[] = {{.handle = a.far.file(), .number = b.far.get()}, {.handle = b.far.file(), .number = a.far.get()}};
  succeeded(s.run_alone(op::nop{}));  // a backend may open what it needs with its first operation
  const auto before = support::count_descriptors();
  const auto script = "echo to_a >&" + std::to_string(b.far.get()) + "; echo to_b >&" + std::to_string(a.far.get());
  const shell one{s, script.c_str(), {.descriptors = crossed}};
  BOOST_TEST(one.end(s).succeeded());
  BOOST_TEST(take(a.near) == "to_a\n");
  BOOST_TEST(take(b.near) == "to_b\n");
  // One that stays where it is survives the program's start, too.
  const sluice::given_handle same[] = {{.handle = a.far.file(), .number = a.far.get()}};
  const auto echo = "echo same >&" + std::to_string(a.far.get());
  const shell two{s, echo.c_str(), {.descriptors = same}};
  BOOST_TEST(two.end(s).succeeded());
  BOOST_TEST(take(a.near) == "same\n");
  BOOST_TEST(support::count_descriptors() <= before + 4);  // the pipes of the two shells
}

template <class Config>
void a_program_that_cannot_start_is_an_error_and_no_child() {
  exercises<op::spawn_process>(failure);
  session<Config> s;
  succeeded(s.run_alone(op::nop{}));  // a backend may open what it needs with its first operation
  const auto before = support::count_descriptors();
  const auto file = support::temporary_file("x");
  failed(s.run_alone(op::spawn_process{.path = "/no/such/program"}), std::errc::no_such_file_or_directory);
  failed(s.run_alone(op::spawn_process{.path = "/etc/passwd"}), std::errc::permission_denied);
  failed(s.run_alone(op::spawn_process{.path = "/bin/true", .working_directory = "/no/such"}), std::errc::no_such_file_or_directory);
  const sluice::given_handle nothing[] = {{.handle = sluice::file_handle{7777}, .number = 1}};
  failed(s.run_alone(op::spawn_process{.path = "/bin/true", .descriptors = nothing}), std::errc::bad_file_descriptor);
  const sluice::given_handle nowhere[] = {{.handle = file.file()}};
  failed(s.run_alone(op::spawn_process{.path = "/bin/true", .descriptors = nowhere}), std::errc::bad_file_descriptor);
  failed(s.run_alone(op::spawn_process{.path = "true"}), std::errc::no_such_file_or_directory);
  BOOST_TEST((::waitpid(-1, nullptr, WNOHANG) == -1 && errno == ECHILD));
  const auto found = s.run_alone(op::spawn_process{.path = "true", .search = true});
  BOOST_TEST_REQUIRE(found.has_value());
  const auto [status, closed] = s.run(op::soft(op::child_exit{.process = found->process}), op::close_process{.process = found->process});
  BOOST_TEST_REQUIRE(status.has_value());
  BOOST_TEST(status->succeeded());
  succeeded(closed);
  BOOST_TEST(support::count_descriptors() == before + 1);
}

template <class Config>
void a_child_has_the_signal_mask_from_before_the_library() {
  covers("1.4");
  const mask_guard mask{SIGUSR2};
  session<Config> s;
  // What blocks signals: a write, and signals that are read.
  const auto pipe = support::pipe_pair();
  gave(s.run_alone(op::write{.file = pipe.far.file(), .buffer = bytes_of("x")}), 1U);
  const auto opened = s.run_alone(op::open_signals{.signals = {SIGUSR2}});
  BOOST_TEST_REQUIRE(opened.has_value());
  const support::descriptor signals{opened->native()};
  ::sigset_t blocked;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &blocked);
  BOOST_TEST(sigismember(&blocked, SIGUSR2) == 1);
  const shell one{s, "grep SigBlk /proc/self/status"};
  const auto text = one.text();
  BOOST_TEST(one.end(s).succeeded());
  const auto bits = std::strtoull(text.c_str() + text.find('\t'), nullptr, 16);
  BOOST_TEST((bits & (1ULL << (SIGPIPE - 1))) == 0U);
  BOOST_TEST((bits & (1ULL << (SIGUSR2 - 1))) == 0U);
}

template <class Config>
void a_child_may_have_a_group_of_its_own() {
  session<Config> s;
  const shell one{s, "sleep 60", {.group = sluice::new_group}};
  BOOST_TEST(::getpgid(one.child.id) == one.child.id);
  const shell two{s, "sleep 60", {.group = one.child.id}};
  BOOST_TEST(::getpgid(two.child.id) == one.child.id);
  BOOST_REQUIRE(::killpg(one.child.id, SIGTERM) == 0);
  BOOST_TEST(one.end(s).signal == SIGTERM);
  BOOST_TEST(two.end(s).signal == SIGTERM);
}

template <class Config>
void signals_are_read_one_by_one() {
  exercises<op::open_signals>(real, failure);
  exercises<op::wait_signal>(real, cancel, failure);
  const mask_guard mask{SIGUSR1, SIGRTMIN};
  session<Config> s;
  const auto opened = s.run_alone(op::open_signals{.signals = {SIGUSR1, SIGRTMIN}});
  BOOST_TEST_REQUIRE(opened.has_value());
  BOOST_TEST((::fcntl(opened->native(), F_GETFD) & FD_CLOEXEC) != 0);
  typename session<Config>::template operation<op::wait_signal> wait{op::wait_signal{.file = *opened}};
  s.ring.start(wait);
  s.linger();
  BOOST_TEST(!wait.is_done());
  BOOST_REQUIRE(::kill(::getpid(), SIGUSR1) == 0);
  s.finish(wait);
  const auto first = wait.result();
  BOOST_TEST_REQUIRE(first.has_value());
  BOOST_TEST(first->number == SIGUSR1);
  BOOST_TEST(first->process == ::getpid());
  BOOST_TEST(first->user == ::getuid());
  for (int i = 0; i < 3; ++i) BOOST_REQUIRE(::sigqueue(::getpid(), SIGRTMIN, ::sigval{.sival_int = i}) == 0);
  for (int i = 0; i < 3; ++i) {
    const auto one = s.run_alone(op::wait_signal{.file = *opened});
    BOOST_TEST_REQUIRE(one.has_value());
    BOOST_TEST(one->number == SIGRTMIN);
    BOOST_TEST(static_cast<int>(one->value) == i);
  }
  s.ring.start(wait);
  s.poll(sluice::wait::none);
  s.ring.cancel(wait);
  s.finish(wait);
  canceled(wait.result());
  succeeded(s.run_alone(op::close_file{.file = *opened}));
  failed(s.run_alone(op::wait_signal{.file = *opened}), std::errc::bad_file_descriptor);
  const support::limit_guard none{RLIMIT_NOFILE, static_cast<::rlim_t>(opened->native())};
  failed(s.run_alone(op::open_signals{.signals = {SIGUSR1}}), std::errc::too_many_files_open);
}

template <class Config>
void what_is_typed_at_a_terminal_is_read() {
  covers("10.6");
  exercises<op::read_tty>(real, cancel);
  session<Config> s;
  support::descriptor master{::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC)};
  BOOST_REQUIRE((master.get() >= 0 && ::grantpt(master.get()) == 0 && ::unlockpt(master.get()) == 0));
  const support::descriptor terminal{::open(::ptsname(master.get()), O_RDWR | O_NOCTTY | O_CLOEXEC)};
  BOOST_REQUIRE(terminal.get() >= 0);
  support::buffer<> buffer;
  typename session<Config>::template operation<op::read_tty> one{op::read_tty{.file = terminal.file(), .buffer = buffer.span()}};
  s.ring.start(one);
  put(master, "ab");
  s.linger();
  BOOST_TEST(!one.is_done());  // the line is not at its end
  put(master, "c\n");
  s.finish(one);
  gave(one.result(), 4U);
  BOOST_TEST(buffer.text(4) == "abc\n");
  s.ring.start(one);
  s.linger();
  s.ring.cancel(one);
  s.finish(one);
  canceled(one.result());
  s.ring.start(one);
  s.poll(sluice::wait::none);
  master.reset();
  s.finish(one);
  if (one.result())
    gave(one.result(), 0U);
  else
    failed(one.result(), std::errc::io_error);
}

}  // namespace laws::backend

// clang-format off
#define LAWS_OF_BACKEND_PROCESSES(models)                                     \
  LAW_OF_BACKENDS(code_and_signal_of_a_child_are_told_apart, models)          \
  LAW_OF_BACKENDS(a_child_that_is_dead_already_is_reported_at_once, models)   \
  LAW_OF_BACKENDS(a_wait_for_a_child_that_lives_can_be_cancelled_and_made_again, models) \
  LAW_OF_BACKENDS(a_child_has_what_it_was_given, models)                      \
  LAW_OF_BACKENDS(a_child_gets_its_descriptors_whatever_their_numbers_are, models) \
  LAW_OF_BACKENDS(a_program_that_cannot_start_is_an_error_and_no_child, models) \
  LAW_OF_BACKENDS(a_child_has_the_signal_mask_from_before_the_library, models) \
  LAW_OF_BACKENDS(a_child_may_have_a_group_of_its_own, models)                \
  LAW_OF_BACKENDS(signals_are_read_one_by_one, models)                        \
  LAW_OF_BACKENDS(what_is_typed_at_a_terminal_is_read, models)
// clang-format on
